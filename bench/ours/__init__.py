"""Lowbit's side: modules compiled for this machine and bound to their arrays."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.native import Unavailable
from bench.timing import NativeCall

ROOT = Path(__file__).resolve().parents[2]
MAPS = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]"


def tensor(array: np.ndarray) -> str:
    """The type of `array`, codes without a sign."""
    element = {"float32": "f32", "int32": "i32", "uint16": "bf16"}.get(array.dtype.name, "i8")
    return f"tensor<{'x'.join(map(str, array.shape))}x{element}>"


def literal(array: np.ndarray) -> str:
    """A constant of the bytes of `array`."""
    return f'dense<"0x{array.tobytes().hex().upper()}">'


def prepare(
    text: str, inputs: dict[str, np.ndarray], bits_per_weight: float, includes: str = "", output: str = "out", threads: int = 1
) -> Prepared:
    """Compiles `text` and binds its `main` to `inputs`."""
    import lowbit
    from lowbit import _native

    function = lowbit.Module(_native.Model.parse(text, "bench")).compile(target="host", threads=threads)
    return bind(function, inputs, bits_per_weight, includes, output)


def bind(function: Any, inputs: dict[str, np.ndarray], bits_per_weight: float, includes: str = "", output: str = "out") -> Prepared:
    """A compiled function, ready to be timed."""
    bound = function.bind(**inputs)
    call = NativeCall(bound.function, bound.context, bound)
    return Prepared(call, bits_per_weight, lambda: bound.outputs[output], includes=includes)


def count_packed_bytes(text: str) -> int:
    """Bytes of the constants that the contractions of `text` read once they are packed for this machine."""
    pipeline = "--pass-pipeline=builtin.module(lowbit-pack-weights{target=host})"
    command = [
        str(ROOT / "build/bin/quant-opt"),
        "-",
        pipeline,
        "--mlir-elide-resource-strings-if-larger=16",
        "--mlir-elide-elementsattrs-if-larger=16",
    ]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    shapes = re.findall(r"lowbit\.unpack %\S+ : tensor<([0-9x]+)xi8> ->", result.stdout)
    return sum(math.prod(map(int, shape.split("x"))) for shape in shapes)


def require_kernel(text: str) -> None:
    """Says why the contractions of `text` have no code of their own for this machine, if so: the reference takes minutes where that takes
    milliseconds. To be asked with small sizes."""
    tool = ROOT / "build/bin/quant-opt"
    pipeline = "--pass-pipeline=builtin.module(lowbit-compile{target=host})"
    command = [str(tool), "-", pipeline, "--remarks-filter=lowbit", "-o", "/dev/null"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    missed = re.search(r'\[Missed\] contract .*Reason="([^"]*)"', result.stderr)
    if result.returncode:
        raise Unavailable(f"it does not compile: {result.stderr.strip().splitlines()[0]}")
    if missed:
        raise Unavailable(f"the reference lowering, not timed: {missed[1]}")
