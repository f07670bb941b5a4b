"""What post-training quantization keeps of the nets of digits.py: recipes, and bits chosen layer by layer.

All that is calibrated, chosen or compared sees the training rows alone. One recipe serves all widths.
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import digits
import lowbit
import numpy as np
from lowbit.search import Goal, Search

DATA = {"damping": 0.1, "centered": True}
ALGORITHMS: list[Any] = [
    {"use": "scale-search", "weighting": "inverse", "smallest": 0.3, **DATA},
    {"use": "gptq", **DATA},
    {"use": "comq", **DATA},
    "bias-correction",
]


def weight(bits: int, scale: str = "f32") -> dict[str, Any]:
    """A scale and a zero point for each output."""
    return {"format": f"uint<{bits}>", "zero": "i8", "per": "channel", "scale": scale}


def recipe(bits: int, activation_bits: int | None, algorithms: list[Any]) -> dict[str, Any]:
    """Activations, where they become codes, have one static range with the least squared error; they are never negative."""
    rule: dict[str, Any] = {"kind": "linear", "weight": weight(bits)}
    if activation_bits:
        rule["activation"] = {"format": f"uint<{activation_bits}>", "mode": "static", "observer": "mse"}
    return {"version": 1, "name": "digits", "algorithms": algorithms, "rules": [rule]}


SPACE = {
    "kind": "lowbit precision space",
    "version": 1,
    "kinds": ["linear"],
    "algorithms": ALGORITHMS,
    "schemes": [{"name": f"w{bits}", "weight": weight(bits, "f16")} for bits in (2, 3, 4, 8)],
    "rules": [],
}


def cross_entropy(expected: np.ndarray, actual: np.ndarray) -> float:
    """What the mean cross entropy of the training labels grows by from the float model's scores to others; a metric of searches."""
    labels = digits.load_split()[2]

    def mean(scores: np.ndarray) -> float:
        shares = digits.softmax(scores.reshape(len(labels), -1))
        return float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-9)).mean())

    return mean(actual) - mean(expected)


class Net:
    """A float net with what calibration has seen of it; codes of all widths follow from one run."""

    def __init__(self, seed: int) -> None:
        self.layers = digits.train(seed)
        with tempfile.TemporaryDirectory() as folder:
            self.model = digits.load(Path(folder), self.layers)
        self.samples = digits.batches(digits.load_split()[0], 1347)

    @cached_property
    def statistics(self) -> lowbit.Statistics:
        """Of all sites, with second moments."""
        return self.model.calibrate(self.samples, observer="mse", moments=["*"], progress=False)

    def quantize(self, bits: int, activation_bits: int | None, algorithms: list[Any]) -> lowbit.Module:
        """By one recipe for all layers."""
        return self.model.quantize(recipe(bits, activation_bits, algorithms), stats=self.statistics)

    def search(self, bits: float) -> tuple[lowbit.Module, dict[str, Any]]:
        """Weights alone, with as many bits for each layer as the search finds best for `bits` a weight, scales and zero points included.

        The model, and what was chosen: `sites` and `bits`.
        """
        with tempfile.TemporaryDirectory() as folder:
            search = Search(self.model, self.samples, folder, space=SPACE, metric=cross_entropy, progress=False)
            point = search.select(search.sensitivity(), Goal({"bits": bits}))
            return search.quantize(point), point.summary
