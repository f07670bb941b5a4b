"""Matrix products to compare: their sizes and their data."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

# Rows of a result that are compared with numpy's.
CHECKED_ROWS = 4


@dataclass(frozen=True)
class Int8Case:
    """C [m, n] i32 = A [m, k] B [k, n] with 8-bit codes; B is constant."""

    m: int
    n: int
    k: int
    signed: bool

    @functools.cached_property
    def lhs(self) -> np.ndarray:
        """Activations, extremes among them."""
        low, high = (-128, 127) if self.signed else (0, 255)
        codes = np.random.default_rng(1).integers(low, high + 1, (self.m, self.k), np.int16).astype(np.int8 if self.signed else np.uint8)
        codes.flat[:2] = low, high
        return codes

    @functools.cached_property
    def rhs(self) -> np.ndarray:
        """Weights."""
        return weights(self.k, self.n)

    @property
    def operations(self) -> float:
        """A product and its addition are two."""
        return 2.0 * self.m * self.n * self.k

    def check(self, result: np.ndarray) -> bool:
        """Whether the first rows of `result` are right."""
        rows = slice(0, CHECKED_ROWS)
        return np.array_equal(result[rows], (self.lhs[rows].astype(np.float64) @ self.rhs.astype(np.float64)).astype(result.dtype))


@dataclass(frozen=True)
class FloatCase:
    """C [m, n] f32 = A [m, k] B [k, n] in f32 or bf16 (held as uint16); B is constant or not, and lies as [n, k] when transposed."""

    m: int
    n: int
    k: int
    bf16: bool
    constant: bool = True
    transposed: bool = False

    @functools.cached_property
    def lhs(self) -> np.ndarray:
        """Activations."""
        return self._values(1, (self.m, self.k))

    @functools.cached_property
    def rhs(self) -> np.ndarray:
        """Weights, as they lie."""
        return self._values(0, (self.n, self.k) if self.transposed else (self.k, self.n))

    @property
    def operations(self) -> float:
        """A product and its addition are two."""
        return 2.0 * self.m * self.n * self.k

    def check(self, result: np.ndarray) -> bool:
        """Whether the first rows are right, up to the order of sums."""
        lhs, rhs = (widen(array).astype(np.float64) for array in (self.lhs[:CHECKED_ROWS], self.rhs))
        expected = lhs @ (rhs.T if self.transposed else rhs)
        return bool(np.abs(result[:CHECKED_ROWS] - expected).max() < 1e-4 * self.k)

    def _values(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        return narrow(values) if self.bf16 else values


def narrow(values: np.ndarray) -> np.ndarray:
    """bf16, truncated and held as uint16, out of f32."""
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def widen(array: np.ndarray) -> np.ndarray:
    """f32 out of bf16 that is held as uint16."""
    return (array.astype(np.uint32) << 16).view(np.float32) if array.dtype == np.uint16 else array


@functools.lru_cache(maxsize=2)
def weights(k: int, n: int) -> np.ndarray:
    """Codes of [k, n]."""
    return np.random.default_rng(0).integers(-127, 128, (k, n), np.int8)
