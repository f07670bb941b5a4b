"""Lowbit's side: modules of one contraction, compiled for this machine and bound to their arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.matmul import Int8Case
from bench.timing import NativeCall

MAPS = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]"


def tensor(array: np.ndarray) -> str:
    """The type of `array`, codes without a sign."""
    element = {"float32": "f32", "int32": "i32"}.get(array.dtype.name, "i8")
    return f"tensor<{'x'.join(map(str, array.shape))}x{element}>"


def literal(array: np.ndarray) -> str:
    """A constant of the bytes of `array`."""
    return f'dense<"0x{array.tobytes().hex().upper()}">'


def prepare(text: str, inputs: dict[str, np.ndarray], bits_per_weight: float, includes: str = "", output: str = "out") -> Prepared:
    """Compiles `text` and binds its `main` to `inputs`."""
    import lowbit
    from lowbit import _native

    function = lowbit.Module(_native.Model.parse(text, "bench")).compile(target="host", threads=1)
    return bind(function, inputs, bits_per_weight, includes, output)


def bind(function: Any, inputs: dict[str, np.ndarray], bits_per_weight: float, includes: str = "", output: str = "out") -> Prepared:
    """A compiled function, ready to be timed."""
    bound = function.bind(**inputs)
    call = NativeCall(bound.function, bound.context, bound)
    return Prepared(call, bits_per_weight, lambda: bound.outputs[output], includes=includes)


def int8_matmul(case: Int8Case) -> Prepared:
    """Codes to 32-bit sums."""
    lhs, rhs = case.lhs, case.rhs
    out = f"tensor<{case.m}x{case.n}xi32>"
    text = f"""func.func @main(%a: {tensor(lhs)} {{lowbit.name = "a"}}) -> ({out} {{lowbit.name = "out"}}) {{
  %b = arith.constant {literal(rhs)} : {tensor(rhs)}
  %init = tensor.empty() : {out}
  %r = lowbit.contract {MAPS} lhs(%a <#lowbit.{"int" if case.signed else "uint"}<8>> : {tensor(lhs)})
    rhs(%b <#lowbit.int<8>> : {tensor(rhs)}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""
    return prepare(text, {"a": lhs}, 8, "product only")
