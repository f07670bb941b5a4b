"""Products with weights of four bits that stand for reals, and what they are by their definition."""

from __future__ import annotations

import numpy as np
from products import Epilogue, Product, pad_columns

from bench.gpu import cases
from bench.gpu.lanes import lane_weights

E2M1, NF4 = (np.array(levels, np.float32) for levels in (cases.E2M1, cases.NF4))
# Of any kind: few digits, so that dots of whole numbers are exact; and so many that each is the sum of two floats of 16 bits.
COARSE = np.array([-97, -40, -20, -11, -5, -2, -1, 0, 1, 3, 4, 9, 17, 33, 64, 100], np.float32)
TWO = (np.arange(-8, 8) * (1 + 2**-12)).astype(np.float32)
TYPES = {"f16": np.float16, "bf16": np.uint16}


def scale_values(bits: np.ndarray, kind: str) -> np.ndarray:
    """What scales stand for, in f64; bytes are f8E8M0FNU or f8E4M3FN."""
    if kind == "f8E8M0FNU":
        return np.where(bits == 255, np.nan, np.ldexp(1.0, bits.astype(int) - 127))
    if kind == "f8E4M3FN":
        sign, exponent, fraction = bits >> 7, (bits >> 3 & 15).astype(int), (bits & 7).astype(int)
        magnitude = np.ldexp(np.where(exponent == 0, fraction, fraction + 8).astype(float), np.maximum(exponent, 1) - 10)
        return np.where((bits & 127) == 127, np.nan, np.where(sign == 1, -magnitude, magnitude))
    if kind == "bf16":
        return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return bits.astype(np.float64)


def random_scales(rng: np.random.Generator, shape: tuple[int, int], kind: str) -> np.ndarray:
    """Of moderate size."""
    if kind == "f8E8M0FNU":
        return rng.integers(120, 131, shape).astype(np.uint8)
    if kind == "f8E4M3FN":
        return rng.integers(0, 127, shape).astype(np.uint8)
    real = rng.uniform(0.01, 0.1, shape).astype(np.float32)
    return (real.view(np.uint32) >> 16).astype(np.uint16) if kind == "bf16" else real.astype({"f16": np.float16, "f32": np.float32}[kind])


def multiply_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """a * b + c of numbers of f32, rounded once to f32."""
    with np.errstate(invalid="ignore", over="ignore"):
        product, addend = a.astype(np.float64) * b, c.astype(np.float64)
        total = product + addend
        # What f64 leaves out; rounded to odd first, so that the second rounding is the only one.
        part = total - product
        error = (product - (total - part)) + (addend - part)
        is_even = total.view(np.int64) % 2 == 0
        return np.where((error != 0) & np.isfinite(total) & is_even, np.nextafter(total, np.copysign(np.inf, error)), total).astype(
            np.float32
        )


def sparse(rng: np.random.Generator, shape: tuple[int, int], group: int) -> np.ndarray:
    """One power of two in each group: dots are levels, exactly."""
    m, k = shape
    a = np.zeros((m, k // group, group), np.float32)
    np.put_along_axis(a, rng.integers(0, group, (m, k // group, 1)), np.ldexp(1.0, rng.integers(-3, 4, (m, k // group, 1))) * -1, axis=2)
    return a.reshape(m, k)


def many_digits(rng: np.random.Generator, shape: tuple[int, int], group: int, levels: np.ndarray) -> np.ndarray:
    """A number in each group that takes all of f32's digits with the largest level: dots are exact."""
    unit = 2.0 ** np.floor(np.log2(np.min(np.abs(levels[levels != 0]))))
    while (levels / unit % 1).any():
        unit /= 2
    digits = 24 - int(np.max(np.abs(levels)) / unit).bit_length()
    return -sparse(rng, shape, group) * (rng.integers(2 ** (digits - 1), 2**digits, shape) | 1).astype(np.float32)


def leveled(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    group: int,
    levels: np.ndarray,
    lhs: str = "f16",
    scale: str = "f16",
    scales: np.ndarray | None = None,
    exact: bool = False,
) -> Product:
    """`lowbit.grouped_matmul` of codes, all of which are there. Activations are whole numbers, or, where `exact`, such that dots are levels.
    scales [N, groups]: as they are stored."""
    m, n, k = shape
    whole = group or k
    a = sparse(rng, (m, k), whole) if exact else rng.integers(-8, 9, (m, k)).astype(np.float32)
    codes = rng.permutation(np.arange(n * k) % 16).reshape(n, k)
    if lhs == "f32" and not exact:
        a = many_digits(rng, (m, k), whole, levels)
    left = a if lhs == "f32" else a.astype(np.float16) if lhs == "f16" else (a.view(np.uint32) >> 16).astype(np.uint16)
    sides = {"lhs": left, "rhs": lane_weights(codes, 4, 16, group, levels, "bf16" if lhs == "f32" else lhs)}
    reals = levels[codes].astype(np.float64)
    after = f"width 4 levels [{', '.join(f'{level:.17e}' for level in levels)}]" + (f" group {group}" if group else "")
    types = {"lhs": lhs}
    if group:
        stored = random_scales(rng, (n, k // group), scale) if scales is None else scales
        sides["scales"] = pad_columns(stored)
        types["scales"] = scale
        factors = scale_values(stored, scale)
        total = np.zeros((m, n), np.float32)
        for i in range(k // group):
            part = slice(i * group, (i + 1) * group)
            dots = a[:, part].astype(np.float64) @ reals[:, part].T
            assert np.array_equal(dots, dots.astype(np.float32)), "dots are not exact"
            total = multiply_add(dots, factors[:, i], total)
    else:
        dots = a.astype(np.float64) @ reals.T
        assert np.array_equal(dots, dots.astype(np.float32)), "dots are not exact"
        total = dots.astype(np.float32)
    epilogue = Epilogue({}, "lowbit.yield %sum : f32", total)
    return Product("lowbit.grouped_matmul", sides, epilogue, [m, n, k], first="f32", clauses={"after": after}, types=types)
