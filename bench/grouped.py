"""Products with weights of few bits in groups: every implementation is given the same real numbers and quantizes the weights in its own way.

Weights repeat every `PERIOD` columns: times do not depend on values, and preparing 45 million of them does depend on their number.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

PERIOD = 256
CHECKED_ROWS = 4


@dataclass(frozen=True)
class GroupedCase:
    """C [m, n] f32 = A [m, k] W [n, k]^T; W in groups of `group` along k, or one scale a row of W when 0."""

    m: int
    n: int
    k: int
    group: int
    ternary: bool = False

    @functools.cached_property
    def lhs(self) -> np.ndarray:
        """Activations, as networks have them after normalization."""
        return np.random.default_rng(1).standard_normal((self.m, self.k)).astype(np.float32)

    @property
    def operations(self) -> float:
        """A product and its addition are two."""
        return 2.0 * self.m * self.n * self.k

    @property
    def base(self) -> np.ndarray:
        """The first `PERIOD` rows of W."""
        return _base(self.k, self.ternary)

    def repeat(self, rows: np.ndarray) -> np.ndarray:
        """All n rows, made of what became of the first `PERIOD`."""
        return np.ascontiguousarray(np.resize(rows, (self.n, *rows.shape[1:])))

    def quantized(self, low: int, high: int, scale_type: type = np.float16) -> tuple[np.ndarray, np.ndarray]:
        """Codes int8 [PERIOD, k] from `low` to `high`, and scales [PERIOD, k / group], nearest and symmetric."""
        size = self.group or self.k
        blocks = self.base.reshape(PERIOD, self.k // size, size)
        scales = (np.abs(blocks).max(2) / (1 if self.ternary else min(-low, high))).astype(scale_type)
        codes = np.clip(np.rint(blocks / scales[..., None].astype(np.float32)), low, high).astype(np.int8)
        return codes.reshape(PERIOD, self.k), scales

    def check(self, result: np.ndarray) -> bool:
        """Whether the first rows are what real numbers give, up to quantization."""
        expected = self.lhs[:CHECKED_ROWS] @ self.base.T
        found = np.asarray(result, np.float32).reshape(self.m, self.n)[:CHECKED_ROWS, :PERIOD]
        cosine = (found * expected).sum() / np.sqrt((found**2).sum() * (expected**2).sum())
        return bool(cosine > (0.999 if self.ternary else 0.98))


@functools.lru_cache(maxsize=2)
def _base(k: int, ternary: bool) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((PERIOD, k)).astype(np.float32)
    return np.sign(values) * (np.abs(values) > 0.5) if ternary else values
