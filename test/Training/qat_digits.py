"""Nets for handwritten digits, trained with quantization in the forward pass: what is trained, how, and what the deployed models get right.

The settings were chosen by rows of the training part alone (scripts/train-digits --validate: ten splits of the 1347 rows into 1077 to train by
and 270 to judge by); the 450 test rows have had no say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import digits
import digits_cnn
import lowbit
import numpy as np
from lowbit import qat
from sklearn.model_selection import train_test_split

BATCH = 64
FILTERS = (16, 32)  # of the convolutional net: 3x3, and 3x3 with stride 2; then 512 to 10
SETTINGS: dict[str, Any] = {"epochs": 300, "rate": 1e-2, "scale_rate": 0.5, "warmup": 200}
# What the float net says in place of labels.
LESSON: dict[str, Any] = {"terms": ["result=divergence<temperature = 1.0>*1.0"], "labels": 0.0}


@dataclass(frozen=True)
class Rows:
    """Rows to train by and rows to judge by: pixels [n, 64], labels [n]."""

    x: np.ndarray
    y: np.ndarray
    other_x: np.ndarray
    other_y: np.ndarray


@cache
def get_rows(validation: int | None = None) -> Rows:
    """All training rows, and the test rows; or that split of the training rows."""
    x, test_x, y, test_y = digits.load_split()
    if validation is not None:
        x, test_x, y, test_y = train_test_split(x, y, test_size=0.2, random_state=100 + validation, stratify=y)
    return Rows(x, y.astype(np.int32), test_x, test_y)


@dataclass(frozen=True)
class Net:
    """A float net that was trained, and how it is written without ReLU."""

    model: lowbit.Module
    load: Callable[[Path, bool], lowbit.Module]
    shape: Callable[[np.ndarray], np.ndarray]


def train_mlp(folder: Path, seed: int, rows: Rows) -> Net:
    """64-64-32-10."""
    layers = digits.train_on(rows.x, rows.y, seed)

    def load(into: Path, relu: bool) -> lowbit.Module:
        return digits.load(into, layers, BATCH, relu)

    return Net(load(folder, True), load, lambda x: x)


def train_cnn(folder: Path, seed: int, rows: Rows) -> Net:
    """Of `FILTERS`, in float by the compiled training step."""
    random = np.random.default_rng(seed)
    parameters = digits_cnn.initialize(random, FILTERS)
    for bias in parameters[1::2]:  # what is the same everywhere counts as a constant
        bias += random.normal(0, 1e-3, bias.shape).astype(np.float32)
    data = {"x": digits_cnn.images(rows.x), "labels": rows.y}
    model = digits_cnn.load(folder, BATCH, parameters)
    trained = qat.fit(model, data, None, epochs=60, rate=3e-3, seed=seed, progress=False).parameters
    values = tuple(trained[f"{site}.{what}"] for site in ("conv0", "conv1", "fc") for what in ("weight", "bias"))

    def load(into: Path, relu: bool) -> lowbit.Module:
        return digits_cnn.load(into, BATCH, values, relu)

    return Net(load(folder, True), load, digits_cnn.images)


NETS = {"MLP": train_mlp, "CNN": train_cnn}


@dataclass(frozen=True)
class Scheme:
    """Formats of a net. first: of what the first layer reads, if not `activation`. required: mean accuracy over ten seeds, per cent."""

    name: str
    net: str
    weight: str
    activation: str
    required: float
    first: str | None = None
    teacher: bool = False

    @property
    def recipe(self) -> dict[str, Any]:
        """A scale for each output, one static range for each input; scales clip where it pays."""
        weight = {"format": self.weight, "per": "channel"}
        rules: list[dict[str, Any]] = [{"weight": weight, "activation": _activation(self.activation)}]
        if self.first:
            first = "fc0" if self.net == "MLP" else "conv0"
            rules.insert(0, {"match": first, "weight": weight, "activation": _activation(self.first)})
        return {"version": 1, "name": "digits", "algorithms": ["scale-search"], "rules": rules}


def _activation(text: str) -> dict[str, Any]:
    return {"format": text, "mode": "static", "observer": "mse"}


SCHEMES = [
    Scheme("W3A3", "MLP", "int<3>", "uint<3>", 97.3),
    Scheme("W2A2", "MLP", "int<2>", "uint<2>", 96.3),
    Scheme("ternary weights", "MLP", "ternary", "uint<8>", 97.2),
    Scheme("binary weights", "MLP", "binary", "uint<8>", 96.8),
    Scheme("binary", "MLP", "binary", "binary", 94.5, first="uint<8>"),
    Scheme("binary, teacher", "MLP", "binary", "binary", 95.2, first="uint<8>", teacher=True),
    Scheme("ternary weights", "CNN", "ternary", "uint<8>", 98.0),
    Scheme("binary, teacher", "CNN", "binary", "binary", 97.0, first="uint<8>", teacher=True),
]


def fit(scheme: Scheme, net: Net, rows: Rows, seed: int, folder: Path, **settings: Any) -> qat.Trained:
    """Trains a quantized net that starts from the float one. A sign takes the place of ReLU, so binary nets have none."""
    data = {"x": net.shape(rows.x), "labels": rows.y}
    model = net.load(folder, scheme.activation != "binary")
    lesson = {"teacher": net.model, **LESSON} if scheme.teacher else {}
    return qat.fit(model, data, scheme.recipe, seed=seed, progress=False, **{**SETTINGS, **lesson, **settings})


def accuracy(model: lowbit.Module, net: Net, rows: Rows) -> float:
    """Per cent of the rows to judge by that the compiled model gets right."""
    return float((digits.run(model, net.shape(rows.other_x)).argmax(1) == rows.other_y).mean() * 100)
