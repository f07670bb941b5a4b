"""Coordinate descent beside an implementation of the paper in numpy, in f64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linear import LEVELS, Weight, blocks, nearest, quantize, ranges


def descend(weight: np.ndarray, scheme: Weight, metric: np.ndarray, fits: bool = True) -> np.ndarray:
    """COMQ (arXiv:2403.07134) from nearest rounding; `metric` is the damped second moments [K, K]. What the layer computes with, [K, N]."""
    levels, group = LEVELS[scheme["format"]], scheme.get("group", len(weight))
    shape = blocks(weight, scheme).shape
    scales, zeros = (np.repeat(part.reshape(shape[0], -1), group, axis=0) for part in ranges(weight, scheme))
    codes = nearest(weight / scales + zeros, scheme) - zeros
    for _ in range(20):
        old = codes.copy()
        for k in np.argsort(-np.diag(metric), kind="stable"):
            reals = codes * scales
            wanted = reals[k] + metric[k] @ (weight - reals) / metric[k, k]
            codes[k] = levels[np.abs(wanted[:, None] / scales[k][:, None] + zeros[k][:, None] - levels).argmin(1)] - zeros[k]
        if fits:
            for first in range(0, len(weight), group):
                part = np.zeros_like(codes)
                part[first : first + group] = codes[first : first + group]
                pulled, curvature = (np.einsum("kn,kl,ln->n", part, metric, each) for each in (weight - codes * scales, part))
                grown = scales[first] + np.where(curvature > 0, pulled / np.maximum(curvature, 1e-30), 0)
                scales[first : first + group] = np.where(grown > 0, grown, scales[first])
        elif np.array_equal(old, codes):
            break
    return codes * scales


def sample(seed: int, inputs: int = 32, outputs: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A weight, and rows whose channels go together."""
    random = np.random.default_rng(seed)
    weight = random.standard_normal((inputs, outputs)).astype(np.float32)
    rows = random.standard_normal((256, 8)) @ random.standard_normal((8, inputs)) + 0.3 * random.standard_normal((256, inputs))
    return weight, rows.astype(np.float32)


def error(weight: np.ndarray, reals: np.ndarray, x: np.ndarray) -> float:
    """The squared error of the outputs for rows `x`."""
    return float(((x.astype(np.float64) @ (weight - reals)) ** 2).sum())


SCHEMES: list[Weight] = [
    {"format": "int<3>", "per": "channel", "group": 16},
    {"format": "uint<3>", "per": "channel", "zero": "i8"},
    {"format": "ternary", "per": "channel"},
    {"format": "codebook<[-1.0, -0.5, 0.125, 0.75]>", "per": "channel", "group": 8},
]


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme["format"])
def test_twin(scheme: Weight, fits: bool, tmp_path: Path) -> None:
    weight, x = sample(7)
    moments = x.astype(np.float64).T @ x / len(x)
    expected = descend(weight.astype(np.float64), scheme, moments + 0.1 * np.diag(moments).mean() * np.eye(len(weight)), fits)
    found = quantize(tmp_path, weight, scheme, [{"use": "comq", "fit-scales": fits}], x)
    # A tie that f32 breaks the other way takes the rest of its output elsewhere.
    assert (np.abs(found - expected) < 1e-3).all(0).mean() > 0.9
    assert error(weight, found, x) == pytest.approx(error(weight, expected, x), rel=0.02)


@pytest.mark.parametrize("start", [[], ["gptq"], ["adaround"], [{"use": "scale-search", "weighting": "diagonal"}]], ids=str)
@pytest.mark.parametrize("scheme", [*SCHEMES, {"format": "int<3>"}], ids=lambda scheme: scheme["format"] + scheme.get("per", ""))
def test_goes_down_from_where_it_starts(scheme: Weight, start: list[Any], tmp_path: Path) -> None:
    weight, x = sample(8)
    before = quantize(tmp_path, weight, scheme, start, x)
    codes, both = (
        quantize(tmp_path, weight, scheme, [*start, {"use": "comq", "damping": 0.001, **more}], x) for more in ({"fit-scales": False}, {})
    )
    assert error(weight, both, x) < error(weight, codes, x) <= error(weight, before, x)


def test_dead_inputs_and_outputs(tmp_path: Path) -> None:
    weight, x = sample(9)
    weight[:, 5] = 0
    x[:, [3, 11]] = 0
    found, before = (quantize(tmp_path, weight, {"format": "int<3>", "per": "channel"}, each, x) for each in (["comq"], []))
    assert np.isfinite(found).all() and not found[:, 5].any()
    assert error(weight, found, x) < error(weight, before, x)
    # A weight that nothing reads may take the whole range: all others are zero then, and no single code can move.
    weight[3] *= 1e4
    found = quantize(tmp_path, weight, {"format": "int<3>", "per": "channel"}, ["comq"], x)
    assert error(weight, found, x) <= error(weight, np.zeros_like(weight), x)
