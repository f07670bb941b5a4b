"""Sums of products of 8-bit floats as tensor cores make them, in numpy: what include/lowbit/Execution/Sim/FloatMma.h says, written a second time."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

E4M3, E5M2 = ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2
TYPES = {E4M3: "f8E4M3FN", E5M2: "f8E5M2"}
LOWEST = {E4M3: -6, E5M2: -14}  # exponents of the smallest normal numbers
PART = 128  # of the reduction: what wgmma adds up before the kernel does


@dataclass
class Side:
    """Numbers and the exponents that align them, which of zeros are not looked at."""

    numbers: np.ndarray
    exponents: np.ndarray

    @staticmethod
    def read(codes: np.ndarray, lowest: int) -> Side:
        numbers = codes.astype(np.float64)
        return Side(numbers, np.maximum(np.frexp(numbers)[1] - 1, lowest))

    def take(self, which: np.ndarray) -> Side:
        return Side(self.numbers[:, which], self.exponents[:, which])


def cut(value: np.ndarray, bits: int) -> np.ndarray:
    """The bits of a mantissa that stay; what is below is left out."""
    fraction, exponent = np.frexp(value)
    return np.ldexp(np.trunc(np.ldexp(fraction, bits + 1)), exponent - bits - 1)


def step(a: Side, b: Side, start: np.ndarray, fraction: int, mantissa: int) -> np.ndarray:
    """One step of a tensor core: terms end `fraction` bits below the largest exponent; the result has `mantissa` bits."""
    terms = a.numbers[:, None, :] * b.numbers[None, :, :]
    exponents = np.where(terms != 0, a.exponents[:, None, :] + b.exponents[None, :, :], -(10**6))
    terms = np.concatenate((terms, start[..., None]), -1)
    own = np.where(start != 0, np.frexp(start)[1] - 1, -(10**6))
    unit = np.maximum(exponents.max(-1), own) - fraction
    unit = np.where(unit < -(10**5), 0, unit)[..., None]
    return cut(np.ldexp(np.trunc(np.ldexp(terms, -unit)), unit).sum(-1), mantissa)


def warpgroup_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A kernel by wgmma: steps of 32 in parts of 128, which are added in f32."""
    left, right = (Side.read(codes, LOWEST[codes.dtype.type]) for codes in (a, b))
    total = np.zeros((len(a), len(b)), np.float32)
    for begin in range(0, a.shape[1], PART):
        part = np.zeros(total.shape)
        for first in range(begin, min(begin + PART, a.shape[1]), 32):
            which = np.arange(first, min(first + 32, a.shape[1]))
            part = step(left.take(which), right.take(which), part, 13, 13)
        total += part.astype(np.float32)
    return total


def warp_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A kernel by mma.sync: 32 are two steps of f16, k % 4 < 2 first, and are added in f32."""
    left, right = (Side.read(codes, -14) for codes in (a, b))
    total = np.zeros((len(a), len(b)), np.float32)
    for first in range(0, a.shape[1], 32):
        which = np.arange(first, min(first + 32, a.shape[1]))
        part = np.zeros(total.shape)
        for half in (which[which % 4 < 2], which[which % 4 >= 2]):
            part = step(left.take(half), right.take(half), part, 25, 23)
        total += part.astype(np.float32)
    return total


def error_bound(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far from the exact sum a kernel may be by what `lowbit.matmul` says: in each 128, four times 33 terms and a result are cut 13 bits
    below a power of two that is no more than the largest one of factors, or the sum of magnitudes; then parts are rounded to f32."""
    left, right = (Side.read(codes, LOWEST[codes.dtype.type]) for codes in (a, b))
    products = np.abs(left.numbers[:, None, :] * right.numbers[None, :, :])
    powers = np.where(products != 0, np.exp2(left.exponents[:, None, :] + right.exponents[None, :, :]), 0)
    total = np.zeros(products.shape[:2])
    for begin in range(0, a.shape[1], PART):
        part = slice(begin, begin + PART)
        total += np.maximum(powers[..., part].max(-1), products[..., part].sum(-1)) * (4 * 34 * 1.02 * 2.0**-13)
    return total + products.sum(-1) * 1.02 * (a.shape[1] / PART + 1) * 2.0**-24


def random_codes(rng: np.random.Generator, shape: tuple[int, int], kind: type, whole: bool) -> np.ndarray:
    """Small whole numbers, whose sums are exact, or any finite codes."""
    if whole:
        return rng.integers(-3, 4, shape).astype(np.float32).astype(kind)
    codes = rng.integers(0, 256, shape).astype(np.uint8).view(kind)
    return np.where(np.isfinite(codes.astype(np.float32)), codes, np.zeros_like(codes))
