"""What a model's outputs lose: of two flat arrays, expected and actual, a number from 0 on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lowbit.errors import Error

Metric = Callable[[np.ndarray, np.ndarray], float]


def cosine_loss(expected: np.ndarray, actual: np.ndarray) -> float:
    """One less the cosine."""
    norms = float(np.linalg.norm(expected) * np.linalg.norm(actual))
    return 1 - float(expected @ actual) / norms if norms > 0 else float(not np.array_equal(expected, actual))


def squared_loss(expected: np.ndarray, actual: np.ndarray) -> float:
    """The error's energy as a part of the output's."""
    signal, difference = float(expected @ expected), actual - expected
    return float(difference @ difference) / signal if signal > 0 else float(difference @ difference > 0)


def divergence_loss(expected: np.ndarray, actual: np.ndarray) -> float:
    """Kullback-Leibler divergence of the distributions that outputs, as logits, stand for."""
    logs = [values - values.max() - np.log(np.exp(values - values.max()).sum()) for values in (expected, actual)]
    return max(0.0, float(np.exp(logs[0]) @ (logs[0] - logs[1])))


METRICS: dict[str, Metric] = {"cosine": cosine_loss, "mse": squared_loss, "kl": divergence_loss}


def mean_loss(expected: Iterable[Mapping[str, Any]], actual: Iterable[Mapping[str, Any]], metric: str | Metric) -> float:
    """Over samples and outputs. A metric is a name, or a function of two flat arrays: expected and actual."""
    loss = METRICS[metric] if isinstance(metric, str) else metric
    values = []
    for one, other in zip(expected, actual, strict=True):
        for name, value in one.items():
            values.append(loss(*(np.asarray(array, dtype=np.float64).ravel() for array in (value, other[name]))))
    result = float(np.mean(values))
    if not np.isfinite(result):
        raise Error(
            f"metric `{metric if isinstance(metric, str) else metric.__name__}` is {result} for an output; expected a finite number"
        )
    return result
