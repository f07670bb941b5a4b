"""What a case is by its definition: arguments, and the result in all its bits, by numpy alone."""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np

from bench.gpu.cases import E2M1, FEW_BITS, FLOATS, NF4, Case
from bench.gpu.lanes import lane_weights
from bench.gpu.models import GROUP, STEP

sys.path.append(str(Path(__file__).resolve().parents[2] / "test/Integration/GPU"))
import float8
import rows as row_models  # noqa: F401 - for mixed.py
from levels import multiply_add, random_scales, scale_values, sparse
from products import fused_sums, pad_columns

Arrays = dict[str, np.ndarray]
# What codes of a side are: any, all the least or the largest, or these two in any order.
VALUES = ("any", "least", "largest", "extreme")


def draw(rng: np.random.Generator, shape: tuple[int, ...], low: int, high: int, values: str = "any") -> np.ndarray:
    """Whole numbers from `low` to `high`, i64."""
    if values == "any":
        return rng.integers(low, high + 1, shape)
    return rng.choice({"least": [low], "largest": [high], "extreme": [low, high]}[values], shape)


def sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of codes along the last axis, added in 32 bits."""
    # f64 holds them exactly, and numpy multiplies it by BLAS.
    return (a.astype(np.float64) @ b.astype(np.float64).swapaxes(-1, -2)).astype(np.int64).astype(np.int32)


def define(
    case: Case, rng: np.random.Generator, values: tuple[str, str] = ("any", "any"), target: str = "sm_90a"
) -> tuple[Arrays, np.ndarray | None]:
    """Arguments by name, in order, and the result; None where it is loops of the reference that say it."""
    if case.kind in FEW_BITS:
        return (leveled if case.kind in LEVELS else few_bits)(case, rng, values)
    if case.kind in FLOATS:
        return floats(case, rng, values)
    if case.kind == "float8":
        return floats_of_8_bits(case, rng, values, target)
    if case.kind == "binary":
        return binary(case, rng, values)
    heads = (case.batches,) if case.batches else ()
    low, high = (0, 255) if case.kind == "u8" else (-128, 127)
    a = draw(rng, (*heads, case.m, case.k), low, high, values[0]).astype(np.uint8 if case.kind == "u8" else np.int8)
    b = draw(rng, (*heads, case.n, case.k), -128, 127, values[1]).astype(np.int8)
    x, total = {"a": a, "b": b}, sums(a, b)
    if case.kind == "requantize":
        x["scale"] = (rng.random(case.n) * 2e-3 / case.k**0.5 + 1e-6).astype(np.float32)
        x["bias"] = rng.normal(size=case.n).astype(np.float32)
        real = (total.astype(np.float32) * x["scale"] + x["bias"]) / np.float32(STEP)
        return x, np.rint(real).clip(-128, 127).astype(np.int8)
    if case.kind == "dequantize":
        x |= {name: (rng.random((size, 1)) * 1e-3).astype(np.float32) for name, size in (("rows", case.m), ("columns", case.n))}
        with np.errstate(over="ignore"):
            return x, (total.astype(np.float32) * x["rows"] * x["columns"].T).astype(np.float16)
    return x, total


def binary(case: Case, rng: np.random.Generator, values: tuple[str, str]) -> tuple[Arrays, np.ndarray]:
    """Signs, of which a byte holds eight from its lowest bit on, and how many of each row are 1."""
    bits = [draw(rng, (size, case.k), 0, 1, side).astype(np.uint8) for size, side in zip((case.m, case.n), values)]
    a, b = (np.packbits(side, axis=1, bitorder="little").view(np.int8) for side in bits)
    rows, columns = (side.sum(1, dtype=np.int32) for side in bits)
    left, right = (2 * side.astype(np.int32) - 1 for side in bits)
    return {"a": a, "b": b, "rows": rows[:, None], "columns": columns[None]}, sums(left, right)


def floats(case: Case, rng: np.random.Generator, values: tuple[str, str]) -> tuple[Arrays, np.ndarray | None]:
    """f32, added in order by fused multiply-adds; other values than any are products that are no normal numbers. Few rows or columns are loops,
    which have an order of their own."""
    sides = []
    for size, side in zip((case.m, case.n), values):
        numbers = rng.standard_normal((size, case.k)).astype(np.float32)
        sides.append(numbers if side == "any" else numbers * rng.choice([1e-22, -1e-23, 3e-20], numbers.shape).astype(np.float32))
    a, b = sides
    x = {"a": a.T if case.kind == "f32_tn" else a, "b": b if case.kind == "f32_nt" else b.T}
    return {name: np.ascontiguousarray(side) for name, side in x.items()}, fused_sums(a, b) if min(case.m, case.n) >= 16 else None


def floats_of_8_bits(case: Case, rng: np.random.Generator, values: tuple[str, str], target: str) -> tuple[Arrays, np.ndarray]:
    """Any finite codes, or small whole numbers, whose sums are exact; added as the tensor core of the target does."""
    sides = [float8.random_codes(rng, (size, case.k), float8.E4M3, value != "any") for size, value in zip((case.m, case.n), values)]
    scales = {name: rng.random((size, 1), np.float32) for name, size in (("rows", case.m), ("columns", case.n))}
    # Beyond the end of the reduction are zeros.
    filled = (np.concatenate((side, np.zeros((len(side), -case.k % 32), side.dtype)), 1) for side in sides)
    total = (float8.warpgroup_sums if target == "sm_90a" else float8.warp_sums)(*filled)
    with np.errstate(over="ignore"):
        return dict(zip("ab", sides)) | scales, (total * scales["rows"] * scales["columns"].T).astype(ml_dtypes.bfloat16)


def few_bits(case: Case, rng: np.random.Generator, values: tuple[str, str]) -> tuple[Arrays, np.ndarray]:
    """Exact dots of whole numbers, added group after group with one rounding each."""
    m, n, k, codes = case.m, case.n, case.k, case.kind.endswith("a8")
    width, group, low, high = {"w4": (4, GROUP, -8, 7), "w2": (2, 64, -2, 1), "te": (2, 0, -1, 1)}[case.kind[:2]]
    a = draw(rng, (m, k), -128, 127, values[0]).astype(np.int8) if codes else draw(rng, (m, k), -8, 8, values[0]).astype(np.float16)
    numbers = draw(rng, (n, k), low, high, values[1])
    x = {"a": a, "b": lane_weights(numbers, width, 8 if codes else 16, group).view(np.int8)}
    total = np.zeros((m, n), np.float32)
    if group:
        x["scales"] = np.zeros((k // group, -(-n // 16) * 16), np.float16)
        x["scales"][:, :n] = rng.uniform(0.01, 0.1, (k // group, n))
        for i, scales in enumerate(x["scales"][:, :n]):
            part = slice(i * group, (i + 1) * group)
            total = multiply_add(sums(a[:, part], numbers[:, part]).astype(np.float64), scales.astype(np.float64), total)
    else:
        total = sums(a, numbers).astype(np.float32)
    if codes:
        x["rows"] = (rng.random((m, 1)) * 1e-3).astype(np.float32)
        total = total * x["rows"]
    if not group:
        x["columns"] = (rng.random((1, n)) * 1e-2).astype(np.float32)
        total = total * x["columns"]
    with np.errstate(over="ignore"):
        return x, total.astype(np.float16)


# Levels, weights that share a scale, type of the scales.
LEVELS = {"nf4": (NF4, 64, "f16"), "mxfp4": (E2M1, 32, "f8E8M0FNU"), "nvfp4": (E2M1, 16, "f8E4M3FN")}


def leveled(case: Case, rng: np.random.Generator, values: tuple[str, str]) -> tuple[Arrays, np.ndarray]:
    """The same with codes of levels. Left sides of many digits' levels have one power of two a group: dots are levels, exactly."""
    levels, group, kind = (np.array(part, np.float32) if isinstance(part, tuple) else part for part in LEVELS[case.kind])
    m, n, k = case.m, case.n, case.k
    a = sparse(rng, (m, k), group) if case.kind == "nf4" else draw(rng, (m, k), -8, 8, values[0]).astype(np.float32)
    codes = draw(rng, (n, k), 0, 15, values[1])
    stored = random_scales(rng, (n, k // group), kind)
    x = {"a": a.astype(np.float16), "b": lane_weights(codes, 4, 16, group, levels).view(np.int8), "scales": pad_columns(stored)}
    reals, factors, total = levels[codes].astype(np.float64), scale_values(stored, kind), np.zeros((m, n), np.float32)
    for i in range(k // group):
        part = slice(i * group, (i + 1) * group)
        total = multiply_add(a[:, part].astype(np.float64) @ reals[:, part].T, factors[:, i], total)
    if case.kind == "nvfp4":
        x["tensor"] = np.full((1, 1), 2.0**-5, np.float32)
        total = total * x["tensor"]
    with np.errstate(over="ignore"):
        return x, total.astype(np.float16)
