"""How two models differ over the same data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.module import Module


@dataclass(frozen=True)
class Comparison:
    """Of an output over all samples: cosine is each sample's; SQNR is in decibels, infinite where outputs are equal."""

    output: str
    samples: int
    cosine_mean: float
    cosine_min: float
    sqnr_db: float
    largest_difference: float

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it: null for an infinite SQNR."""
        fields = asdict(self)
        fields["sqnr_db"] = None if math.isinf(self.sqnr_db) else self.sqnr_db
        return fields


def compare(a: Module, b: Module, samples: Iterable[Mapping[str, Any]], *, target: str = "host", threads: int = 1) -> list[Comparison]:
    """Runs both over `samples`; `a` is what `b` is measured against."""
    ports = [(port.name, port.shape) for port in a.outputs]
    others = [(port.name, port.shape) for port in b.outputs]
    if ports != others:
        raise Error(f"the models have different outputs: {ports} and {others}")
    first, second = a.compile(target, threads), b.compile(target, threads)
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name, _ in ports}
    for sample in samples:
        expected, actual = first(**sample), second(**sample)
        for name, pairs in found.items():
            pairs.append((_reals(name, expected[name]), _reals(name, actual[name])))
    return [compare_output(name, pairs) for name, pairs in found.items()]


def _reals(name: str, array: np.ndarray) -> np.ndarray:
    reals = np.asarray(array, dtype=np.float64).ravel()
    if not np.isfinite(reals).all():
        raise Error(f"output `{name}` holds NaN or infinity; no figure describes that")
    return reals


def compare_output(name: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Comparison:
    """Of an output: flat arrays of reals for each sample, expected and actual."""
    if not pairs:
        raise Error("no samples to compare over")
    cosines, signal, noise, largest = [], 0.0, 0.0, 0.0
    for expected, actual in pairs:
        norms = np.linalg.norm(expected) * np.linalg.norm(actual)
        cosines.append(float(expected @ actual / norms) if norms > 0 else float((expected == actual).all()))
        difference = actual - expected
        signal += float(expected @ expected)
        noise += float(difference @ difference)
        largest = max(largest, float(np.abs(difference).max(initial=0.0)))
    sqnr = math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal > 0 else -math.inf
    return Comparison(name, len(pairs), float(np.mean(cosines)), min(cosines), sqnr, largest)
