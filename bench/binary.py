"""Products of bits: code 0 is +1, code 1 is -1."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

CHECKED_ROWS = 4


@dataclass(frozen=True)
class BinaryCase:
    """C [m, n] i32 = A [m, k] W [n, k]^T of values -1 and 1; W is constant."""

    m: int
    n: int
    k: int

    @functools.cached_property
    def lhs(self) -> np.ndarray:
        """Codes [m, k]."""
        return np.random.default_rng(1).integers(0, 2, (self.m, self.k), np.uint8)

    @functools.cached_property
    def rhs(self) -> np.ndarray:
        """Codes [n, k]."""
        return np.random.default_rng(0).integers(0, 2, (self.n, self.k), np.uint8)

    @property
    def operations(self) -> float:
        """A product and its addition are two."""
        return 2.0 * self.m * self.n * self.k

    def check(self, result: np.ndarray) -> bool:
        """Whether the first rows are right, to the bit."""
        lhs, rhs = (1 - 2 * codes.astype(np.float32) for codes in (self.lhs[:CHECKED_ROWS], self.rhs))
        return np.array_equal(result[:CHECKED_ROWS], (lhs @ rhs.T).astype(np.int32))


def pack(codes: np.ndarray) -> np.ndarray:
    """Eight codes a byte along the last axis, the first lowest."""
    return np.packbits(codes, axis=-1, bitorder="little")
