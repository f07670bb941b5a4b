"""HQQ against a second implementation from its description, on small weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from linear import LEVELS, Weight, blocks, nearest, quantize, ranges


def half_quadratic(weight: np.ndarray, scheme: Weight) -> np.ndarray:
    parts = blocks(weight.astype(np.float64), scheme)
    scales, zeros = ranges(weight, scheme)
    unit, power, beta = scales.copy(), 0.7, 10.0
    best, least = np.zeros_like(parts), np.full_like(scales, np.inf)
    for step in range(21):
        levels = nearest(parts / scales + zeros, scheme)
        error = (parts - scales * (levels - zeros)) / unit
        size = np.abs(error)
        norm = (size**power).sum(1, keepdims=True)
        best, least = np.where(norm < least, scales * (levels - zeros), best), np.minimum(norm, least)
        rest = parts / unit - np.sign(error) * np.maximum(0, size - np.maximum(size, 1e-30) ** (power - 1) / beta)
        if "zero" in scheme and step % 2 == 0:
            range_ = LEVELS[scheme["format"]]
            zeros = np.rint((levels - rest * unit / scales).mean(1, keepdims=True)).clip(range_[0], range_[-1])
        else:
            shifted = levels - zeros
            scales = (rest * shifted).sum(1, keepdims=True) / (shifted**2).sum(1, keepdims=True) * unit
        beta *= 1.01
    return best.reshape(weight.shape)


@pytest.mark.parametrize(
    "scheme",
    [
        {"format": "int<3>", "per": "channel", "group": 32},
        {"format": "uint<3>", "per": "channel", "group": 32, "zero": "i8"},
        {"format": "ternary", "per": "channel"},
        {"format": "codebook<[-1.0, -0.5, 0.125, 0.75]>", "per": "channel", "group": 16},
    ],
    ids=lambda scheme: scheme["format"],
)
def test_twin(scheme: Weight, tmp_path: Path) -> None:
    weight = np.random.default_rng(3).standard_t(4, size=(64, 24)).astype(np.float32)
    found, expected = quantize(tmp_path, weight, scheme, ["hqq"]), half_quadratic(weight, scheme)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(weight).max())
    plain = quantize(tmp_path, weight, scheme, [])
    assert (np.abs(weight - found) ** 0.7).sum() < 0.98 * (np.abs(weight - plain) ** 0.7).sum()
