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


@functools.lru_cache(maxsize=2)
def weights(k: int, n: int) -> np.ndarray:
    """Codes of [k, n]."""
    return np.random.default_rng(0).integers(-127, 128, (k, n), np.int8)
