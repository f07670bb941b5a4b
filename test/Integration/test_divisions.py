"""Integer division and remainder for every divisor, zero and -1 among them: the same integers on all targets, and no signal.

All pairs of bytes; of wider types the ends, what is around zero, and a few in between.
"""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

TARGETS = ["reference", "host", "gpu-sim"]
OPS = ["divsi", "divui", "remsi", "remui", "floordivsi", "ceildivsi", "ceildivui"]
SIZES = {8: 65536, 16: 529, 32: 529, 64: 529}


def pairs(bits: int) -> tuple[np.ndarray, np.ndarray]:
    if bits == 8:
        values = np.arange(-128, 128)
    else:
        low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        ends = [low, low + 1, low // 2, low // 3, high, high - 1, high // 2, high // 7]
        values = np.array([*ends, *range(-6, 7), 97, -100])
    x, y = np.meshgrid(values.astype(f"int{bits}"), values.astype(f"int{bits}"))
    return x.reshape(-1), y.reshape(-1)


def divide(op: str, x: int, y: int, bits: int) -> int:
    """What docs/Passes.md says, in integers without end; the caller cuts them to size."""
    if op.endswith("ui"):
        x, y = x % 2**bits, y % 2**bits
    if y == 0:
        return 0
    quotient = abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    if op.startswith("rem"):
        return x - quotient * y
    if op.startswith("floor"):
        return x // y
    return -(-x // y) if op.startswith("ceil") else quotient


def compile_all(bits: int, folder: Path, target: str, divisor: int | None = None) -> lowbit.Function:
    """All ops in one function, of two arrays or of one and a constant."""
    n = SIZES[bits]
    tensor, results = f"tensor<{n}xi{bits}>", ", ".join(f'tensor<{n}xi{bits}> {{lowbit.name = "{op}"}}' for op in OPS)
    text = "#m = affine_map<(i) -> (i)>\n"
    text += f'func.func @main(%x: {tensor} {{lowbit.name = "x"}}, %y: {tensor} {{lowbit.name = "y"}}) -> ({results}) {{\n'
    text += f"  %e = tensor.empty() : {tensor}\n"
    if divisor is not None:
        text += f"  %c = arith.constant {divisor} : i{bits}\n"
    for op in OPS:
        text += (
            f'  %{op} = linalg.generic {{indexing_maps = [#m, #m, #m], iterator_types = ["parallel"]}}'
            f" ins(%x, %y : {tensor}, {tensor}) outs(%e : {tensor}) {{\n  ^bb0(%a: i{bits}, %b: i{bits}, %o: i{bits}):\n"
            f"    %r = arith.{op} %a, %{'b' if divisor is None else 'c'} : i{bits}\n    linalg.yield %r : i{bits}\n"
            f"  }} -> {tensor}\n"
        )
    text += f"  return {', '.join(f'%{op}' for op in OPS)} : {', '.join([tensor] * len(OPS))}\n}}\n"
    (folder / "m.mlir").write_text(text)
    return lowbit.load(folder / "m.mlir").compile(target)


def check(found: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, bits: int) -> None:
    for op in OPS:
        exact = [divide(op, a, b, bits) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        expected = np.array([value % 2**bits for value in exact], f"uint{bits}")
        wrong = np.flatnonzero(found[op].view(expected.dtype) != expected)
        assert wrong.size == 0, f"{op} of {x[wrong[0]]} by {y[wrong[0]]}: {found[op][wrong[0]]}"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bits", SIZES)
def test_every_divisor(bits: int, target: str, tmp_path: Path) -> None:
    x, y = pairs(bits)
    check(compile_all(bits, tmp_path, target)(x=x, y=y), x, y, bits)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("divisor", [0, -1, 7])
def test_constant_divisor(divisor: int, target: str, tmp_path: Path) -> None:
    x, y = pairs(32)
    check(compile_all(32, tmp_path, target, divisor)(x=x, y=y), x, np.full_like(x, divisor), 32)
