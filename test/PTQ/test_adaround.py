"""AdaRound against a second implementation from the paper, on layers whose inputs are learned together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from linear import LEVELS, Weight, blocks, quantize, ranges


def learn(weight: np.ndarray, scheme: Weight, products: np.ndarray) -> np.ndarray:
    levels = LEVELS[scheme["format"]]
    scales, zeros = (np.broadcast_to(part, blocks(weight, scheme).shape).reshape(weight.shape) for part in ranges(weight, scheme))
    below = (np.searchsorted(levels, weight / scales + zeros, side="right") - 1).clip(0)
    low, high = ((levels[np.minimum(below + up, len(levels) - 1)] - zeros) * scales for up in (0, 1))
    is_choice = (low < weight) & (weight < high)
    step = np.where(is_choice, high - low, 0)
    rest = np.where(is_choice, weight - low, 0)
    fixed = np.where(is_choice, 0, weight - low)
    share = (np.where(is_choice, rest / np.where(is_choice, step, 1), 0.5) + 0.1) / 1.2
    v, momentum, power = np.log(share / (1 - share)), np.zeros_like(weight), np.zeros_like(weight)
    curvature = products.diagonal()[:, None] * step**2
    for time in range(200):
        sigmoid = 1 / (1 + np.exp(-v))
        h = (1.2 * sigmoid - 0.1).clip(0, 1)
        slope = np.where((h > 0) & (h < 1), 1.2 * sigmoid * (1 - sigmoid), 0)
        beta = np.floor(20 - 18 * time / 200 + 0.5)
        by_h = -2 * step * (products @ (rest + fixed - h * step)) - curvature * 2 * beta * np.abs(2 * h - 1) ** (beta - 1) * np.sign(
            2 * h - 1
        )
        gradient = by_h * slope / np.where(is_choice, curvature, 1)
        momentum, power = 0.9 * momentum + 0.1 * gradient, 0.999 * power + 0.001 * gradient**2
        v -= 0.1 * (momentum / (1 - 0.9 ** (time + 1))) / (np.sqrt(power / (1 - 0.999 ** (time + 1))) + 1e-4)
    return low + (v >= 0) * step


def on_the_grid(weight: np.ndarray, scheme: Weight) -> np.ndarray:
    """Ranges with a scale of one, so that the weights that make them are exactly levels, which have no choice."""
    levels = LEVELS[scheme["format"]] - (3 if "zero" in scheme else 0)
    parts = blocks(weight.clip(-0.95 * levels[-1], 0.95 * levels[-1]), scheme).copy()
    parts[:, 0] = levels[-1]
    if "zero" in scheme:
        parts[:, 1] = levels[0]
    return parts.reshape(weight.shape)


@pytest.mark.parametrize(
    "scheme",
    [
        {"format": "int<3>", "per": "channel", "group": 16},
        {"format": "uint<3>", "per": "channel", "group": 16, "zero": "i8"},
        {"format": "ternary", "per": "channel"},
        {"format": "codebook<[-1.0, -0.5, 0.125, 0.75]>", "per": "channel", "group": 8},
    ],
    ids=lambda scheme: scheme["format"],
)
def test_twin(scheme: Weight, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    weight = on_the_grid(rng.normal(size=(32, 24)).astype(np.float32), scheme)
    x = (rng.normal(size=(256, 8)) @ rng.normal(size=(8, 32)) + 0.3 * rng.normal(size=(256, 32))).astype(np.float32)
    products = x.astype(np.float64).T @ x / len(x)
    found = quantize(tmp_path, weight, scheme, ["adaround"], x)
    expected = learn(weight.astype(np.float64), scheme, products + 0.1 * products.diagonal().mean() * np.eye(32))
    # A choice near the middle may fall either way, and others with it.
    assert np.isclose(found, expected, atol=1e-4).mean() > 0.98

    def loss(reals: np.ndarray) -> float:
        return float((((weight - reals).T @ products) * (weight - reals).T).sum())

    plain = quantize(tmp_path, weight, scheme, [])
    assert loss(found) < 0.7 * loss(plain)
    assert abs(loss(found) - loss(expected)) < 0.02 * loss(plain)


@pytest.mark.parametrize("block", [5, 16, 40])
def test_blocks(block: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    weight, x = rng.normal(size=(40, 130)).astype(np.float32), rng.normal(size=(80, 40)).astype(np.float32)
    scheme = {"format": "int<2>", "per": "channel", "group": 8}
    first = quantize(tmp_path, weight, scheme, [{"use": "adaround", "block": block}], x)
    error = np.linalg.norm(x @ (weight - first))
    assert error < 0.95 * np.linalg.norm(x @ (weight - quantize(tmp_path, weight, scheme, [])))
