"""GPTQ and the search of scales beside an implementation of the papers in numpy, in f64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linear import load as linear
from linear import weights_of

ROWS, INPUTS, OUTPUTS = 8, 48, 5


def gptq(weight: np.ndarray, moments: np.ndarray, scales: np.ndarray, largest: int, damping: float, ordered: bool) -> np.ndarray:
    """Algorithm 1 of arXiv:2210.17323 without its blocks. weight [K, N], scales [K, N]; the rounded weight [K, N]."""
    inputs = len(moments)
    order = np.argsort(-np.diag(moments), kind="stable") if ordered else np.arange(inputs)
    damped = moments[np.ix_(order, order)] + damping * np.diag(moments).mean() * np.eye(inputs)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T
    rest, rounded = weight[order].astype(np.float64), np.zeros_like(weight, np.float64)
    for k in range(inputs):
        scale = scales[order[k]]
        rounded[order[k]] = np.clip(np.rint(rest[k] / scale), -largest - 1, largest) * scale
        rest[k + 1 :] -= np.outer(factor[k, k + 1 :], (rest[k] - rounded[order[k]]) / factor[k, k])
    return rounded


def searched(weight: np.ndarray, importance: np.ndarray, group: int, largest: int, smallest: float, steps: int) -> np.ndarray:
    """Of each group and output, the range and sign with the least weighted squared error; scales [K, N]."""
    scales = np.zeros_like(weight, np.float64)
    for first in range(0, len(weight), group):
        part, counts = weight[first : first + group], importance[first : first + group, None]
        for n in range(weight.shape[1]):
            column, whole = part[:, n : n + 1], np.abs(part[:, n]).max()
            tried = np.array([np.float32(whole * np.float32(smallest + (1 - smallest) * step / steps)) for step in range(steps + 1)])
            choices = np.outer(tried / np.float32(largest), [1, -1]).astype(np.float32).reshape(1, -1)
            errors = (counts * (column - np.clip(np.rint(column / choices), -largest - 1, largest) * choices) ** 2).sum(0)
            scales[first : first + group, n] = choices[0, errors.argmin()]
    return scales


def recipe(bits: int, group: int, *algorithms: dict[str, Any]) -> dict[str, Any]:
    """Integer weights in groups, activations in float."""
    weight = {"format": f"int<{bits}>", "per": "channel", "group": group}
    return {"version": 1, "name": "t", "algorithms": list(algorithms), "rules": [{"weight": weight}]}


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("search", [None, "none", "diagonal", "inverse"])
def test_codes_are_those_of_the_paper(tmp_path: Path, bits: int, ordered: bool, search: str | None) -> None:
    random = np.random.default_rng(bits)
    group, largest = 16, 2 ** (bits - 1) - 1
    weight = random.standard_normal((INPUTS, OUTPUTS)).astype(np.float32)
    # Channels that go together, and some that are large.
    mixing = random.standard_normal((INPUTS, INPUTS)) * np.exp(random.standard_normal(INPUTS))
    data = [{"x": (random.standard_normal((ROWS, INPUTS)) @ mixing).astype(np.float32)} for _ in range(20)]
    rows = np.concatenate([batch["x"] for batch in data]).astype(np.float64)
    moments = rows.T @ rows
    algorithms: list[dict[str, Any]] = [{"use": "gptq", "damping": 0.05, "activation-order": str(ordered).lower(), "block": 16}]
    scales = np.repeat(np.abs(weight).reshape(-1, group, OUTPUTS).max(1) / np.float32(largest), group, axis=0).astype(np.float64)
    if search:
        algorithms.insert(0, {"use": "scale-search", "weighting": search, "damping": 0.05, "smallest": 0.5, "steps": 10})
        damped = moments + 0.05 * np.diag(moments).mean() * np.eye(INPUTS)
        importance = {"none": np.ones(INPUTS), "diagonal": np.diag(damped), "inverse": 1 / np.diag(np.linalg.inv(damped))}[search]
        scales = searched(weight, importance, group, largest, 0.5, 10)
    expected = gptq(weight, moments, scales, largest, 0.05, ordered)

    model = linear(tmp_path, weight, ROWS)
    stats = model.calibrate(data, moments=["*"], progress=False)
    found = weights_of(model.quantize(recipe(bits, group, *algorithms), stats=stats), INPUTS)
    # f32 beside f64: what lies on the border between two codes may differ, and then what follows in the column.
    same = np.isclose(found, expected, rtol=1e-4, atol=1e-6).all(0)
    assert same.sum() >= OUTPUTS - 1
    plain = weights_of(model.quantize(recipe(bits, group)), INPUTS)

    def error(rounded: np.ndarray) -> float:
        return float(np.einsum("kn,kj,jn->", weight - rounded, moments, weight - rounded))

    assert error(found) < error(plain)
    assert error(found) == pytest.approx(error(expected), rel=0.02)
