"""Lowbit's side: modules of one contraction, compiled for this machine and bound to their arrays."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from bench.binary import BinaryCase, pack
from bench.compare import Prepared
from bench.grouped import GroupedCase
from bench.matmul import FloatCase, Int8Case
from bench.native import Unavailable
from bench.timing import NativeCall

MAPS = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]"


def tensor(array: np.ndarray) -> str:
    """The type of `array`, codes without a sign."""
    element = {"float32": "f32", "int32": "i32", "uint16": "bf16"}.get(array.dtype.name, "i8")
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


def require_kernel(text: str) -> None:
    """Says why the contractions of `text` have no code of their own for this machine, if so: the reference takes minutes where that takes
    milliseconds. To be asked with small sizes."""
    tool = Path(__file__).resolve().parents[1] / "build/bin/quant-opt"
    pipeline = "--pass-pipeline=builtin.module(lowbit-compile{target=host})"
    command = [str(tool), "-", pipeline, "--remarks-filter=lowbit", "-o", "/dev/null"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    missed = re.search(r'\[Missed\] contract .*Reason="([^"]*)"', result.stderr)
    if missed or result.returncode:
        reason = missed[1] if missed else result.stderr.strip().splitlines()[0]
        raise Unavailable(f"the reference lowering, not timed: {reason}")


def grouped_text(m: int, n: int, k: int, form: str, scale_block: str, weights: str, scales: str, lhs: str) -> str:
    """C f32 = A W: A is f32 quantized to s8 by token (`dynamic`), s8 codes with their scales (`codes`), or left in f32 (`float`); `weights`
    and `scales` are attributes with their types, of W [k, n] in `form` with scales for blocks `scale_block`."""
    out, scheme = f"tensor<{m}x{n}xf32>", "<#lowbit.int<8>, block = [1, 0]>"
    wide, codes, scale = f"tensor<{m}x{k}xf32>", f"tensor<{m}x{k}xi8>", f"tensor<{m}x1xf32>"
    arguments = {
        "dynamic": f'%a: {wide} {{lowbit.name = "a"}}',
        "codes": f'%q: {codes} {{lowbit.name = "a"}}, %s: {scale} {{lowbit.name = "s"}}',
        "float": f'%a: {wide} {{lowbit.name = "a"}}',
    }
    quantize = f"""  %s = lowbit.compute_scales %a {scheme} : ({wide}) -> {scale}
  %q = lowbit.quantize %a, %s {scheme} : ({wide}, {scale}) -> {codes}
"""
    left = f"%a : {wide}" if lhs == "float" else f"%q scales %s {scheme} : {codes}, {scale}"
    return f"""func.func @main({arguments[lhs]}) -> ({out} {{lowbit.name = "out"}}) {{
  %w = arith.constant {weights}
  %sw = arith.constant {scales}
  %init = tensor.empty() : {out}
{quantize if lhs == "dynamic" else ""}  %r = lowbit.contract {MAPS} lhs({left})
    rhs(%w scales %sw <{form}, block = {scale_block}, scale = {scales.split("x")[-1].rstrip(">")}> : {weights.split(" : ")[-1]}, {scales.split(" : ")[-1]})
    outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""


FORMS = {"int4": ("#lowbit.int<4>", "i4", 4), "ternary": ("#lowbit.ternary", "!lowbit.code<#lowbit.ternary>", 2)}


def grouped_matmul(case: GroupedCase, form: str, lhs: str) -> Prepared:
    """Weights of few bits in groups. lhs: what a call is given and does, as in `grouped_text`."""
    format_text, element, bits = FORMS[form]
    block, scale = ("[0, 1]", "f32") if case.group == 0 else (f"[{case.group}, 1]", "f16")

    def text(m: int, n: int, k: int, weights: str, scales: str) -> str:
        types = f"tensor<{k}x{n}x{element}>", f"tensor<{k // (case.group or k)}x{n}x{scale}>"
        return grouped_text(m, n, k, format_text, block, f"{weights} : {types[0]}", f"{scales} : {types[1]}", lhs)

    small_k = 2 * max(case.group, 128)
    require_kernel(text(case.m, 64, small_k, f'dense<"0x{"01" * (64 * small_k)}">', "dense<0.5>"))
    codes, scales = case.quantized(*((-1, 1) if form == "ternary" else (-8, 7)), np.float16 if scale == "f16" else np.float32)
    packed = (case.repeat(codes).T & (2**bits - 1)).astype(np.uint8)
    module = text(case.m, case.n, case.k, literal(packed), literal(case.repeat(scales).T))
    inputs = {"a": case.lhs}
    if lhs == "codes":
        steps = (np.abs(case.lhs).max(1, keepdims=True) / 127).astype(np.float32)
        inputs = {"a": np.rint(case.lhs / steps).astype(np.int8), "s": steps}
    includes = {"dynamic": "quantizes activations", "codes": "product only", "float": "float activations"}[lhs]
    return prepare(module, inputs, bits + scales.nbytes * 8 / codes.size, includes)


def binary_matmul(case: BinaryCase, from_float: bool = False) -> Prepared:
    """Bits to 32-bit sums; the bits are given packed, or are the signs of f32 activations."""
    code = "!lowbit.code<#lowbit.binary>"

    def text(m: int, n: int, k: int, weights: str) -> str:
        lhs, rhs, out, given = f"tensor<{m}x{k}x{code}>", f"tensor<{k}x{n}x{code}>", f"tensor<{m}x{n}xi32>", f"tensor<{m}x{k // 8}xi8>"
        bits = f"lowbit.unpack %a : {given} -> {lhs} of #lowbit.binary as #lowbit.row_major"
        if from_float:
            given = f"tensor<{m}x{k}xf32>"
            bits = f"lowbit.quantize %a, %one <#lowbit.binary> : ({given}, tensor<f32>) -> {lhs}"
        return f"""func.func @main(%a: {given} {{lowbit.name = "a"}}) -> ({out} {{lowbit.name = "out"}}) {{
  %b = arith.constant {weights} : {rhs}
  %one = arith.constant dense<1.0> : tensor<f32>
  %q = {bits}
  %init = tensor.empty() : {out}
  %r = lowbit.contract {MAPS} lhs(%q <#lowbit.binary> : {lhs}) rhs(%b <#lowbit.binary> : {rhs}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""

    require_kernel(text(case.m, 64, 512, f'dense<"0x{"01" * (64 * 512)}">'))
    inputs = {"a": 1 - 2 * case.lhs.astype(np.float32) if from_float else pack(case.lhs)}
    return prepare(text(case.m, case.n, case.k, literal(case.rhs.T)), inputs, 1, "packs activations" if from_float else "product only")


def float_matmul(case: FloatCase) -> Prepared:
    """f32, or bf16 with f32 sums, as a framework gives it: a matmul of linalg."""
    lhs, rhs, out = tensor(case.lhs), tensor(case.rhs), f"tensor<{case.m}x{case.n}xf32>"
    layout = "(n, k)" if case.transposed else "(k, n)"
    maps = f"[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> {layout}>, affine_map<(m, n, k) -> (m, n)>]"
    argument = "" if case.constant else f', %b: {rhs} {{lowbit.name = "b"}}'
    constant = f"  %b = arith.constant {literal(case.rhs)} : {rhs}\n" if case.constant else ""
    text = f"""func.func @main(%a: {lhs} {{lowbit.name = "a"}}{argument}) -> ({out} {{lowbit.name = "out"}}) {{
{constant}  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {out}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {out}) -> {out}
  %r = linalg.matmul indexing_maps = {maps} ins(%a, %b : {lhs}, {rhs}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""
    inputs = {"a": case.lhs} if case.constant else {"a": case.lhs, "b": case.rhs}
    return prepare(text, inputs, 8 * case.rhs.itemsize, "product only")
