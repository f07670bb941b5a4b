"""How far each layer of a quantized model is from the same layer of the float model: both run over the same data, side by side.

A layer's values are those that its site sums up, before any bias or activation function that was fused into it. Errors are as they arrive: those of
earlier layers are part of them. An algorithm that rescales what a layer gives (`equalize`) shows as an error here, though the next layer undoes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lowbit.comparison import Comparison, compare_output
from lowbit.errors import Error
from lowbit.module import Module
from lowbit.naming import NAMED

_BINS = 128
_PREFIX = "site:"


@dataclass
class Counts:
    """Counts of several streams of reals in the same bins about zero. The width is a power of two, doubled until everything fits."""

    streams: int
    width: float = 0.0
    counts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.streams, _BINS), np.int64)

    def add(self, *arrays: np.ndarray) -> None:
        """Counts one array a stream."""
        largest = max(float(np.abs(array).max(initial=0.0)) for array in arrays)
        if largest > 0 and self.width == 0:
            self.width = 2.0 ** (math.ceil(math.log2(largest)) - 6)
        while largest >= self.width * _BINS / 2 and largest > 0:
            merged = self.counts.reshape(self.streams, _BINS // 2, 2).sum(2)
            self.counts[:] = 0
            self.counts[:, _BINS // 4 : 3 * _BINS // 4] = merged
            self.width *= 2
        for counts, array in zip(self.counts, arrays, strict=True):
            places = np.floor(array / self.width).astype(np.int64) + _BINS // 2 if self.width else np.full(array.size, _BINS // 2)
            counts += np.bincount(places, minlength=_BINS)

    def as_json(self, stream: int) -> dict[str, Any]:
        """As reports hold histograms."""
        return {"low": -self.width * _BINS / 2, "width": self.width, "counts": self.counts[stream].tolist()}


@dataclass(frozen=True)
class Layer:
    """sqnr_db: of the float layer's values to their error, infinite where there is none, -999 where the values are zeros and the error is not.

    cosine: of all values, all samples in one vector.

    kl: Kullback-Leibler divergence, in nats, of the quantized layer's distribution of values from the float one's, over 128 bins with half a count
    added to each. histogram: of the float layer's values; error_histogram: of quantized less float.
    """

    site: str
    values: int
    sqnr_db: float
    cosine: float
    kl: float
    histogram: dict[str, Any]
    error_histogram: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As a row of a report has it: null for an infinite SQNR."""
        fields = {key: value for key, value in vars(self).items() if key != "site"}
        return {**fields, "sqnr_db": self.sqnr_db if math.isfinite(self.sqnr_db) else None}


class _Sums:
    """What is kept of a layer while samples pass."""

    def __init__(self) -> None:
        self.signal = self.other = self.product = self.noise = 0.0
        self.values, self.outputs, self.errors = 0, Counts(2), Counts(1)

    def add(self, expected: np.ndarray, actual: np.ndarray) -> None:
        error = actual - expected
        self.values += expected.size
        self.signal += float(expected @ expected)
        self.other += float(actual @ actual)
        self.product += float(expected @ actual)
        self.noise += float(error @ error)
        self.outputs.add(expected, actual)
        self.errors.add(error)

    def finish(self, site: str) -> Layer:
        norms = math.sqrt(self.signal * self.other)
        cosine = self.product / norms if norms > 0 else float(self.noise == 0)
        sqnr = math.inf if self.noise == 0 else 10 * math.log10(self.signal / self.noise) if self.signal > 0 else -999.0
        parts = self.outputs.counts + 0.5
        p, q = parts / parts.sum(1, keepdims=True)
        divergence = float(p @ np.log(p / q))
        return Layer(site, self.values, sqnr, cosine, max(0.0, divergence), self.outputs.as_json(0), self.errors.as_json(0))


@dataclass(frozen=True)
class SideBySide:
    """Layers by the site's name, in the model's order, and the model's outputs."""

    layers: dict[str, Layer]
    outputs: list[Comparison]

    @property
    def worst(self) -> list[Layer]:
        """Layers with an error, the least SQNR first."""
        lossy = [layer for layer in self.layers.values() if layer.sqnr_db < math.inf]
        return sorted(lossy, key=lambda layer: layer.sqnr_db)


def compare_layers(
    model: Module, quantized: Module, samples: Iterable[Mapping[str, Any]], *, target: str = "host", threads: int = 1
) -> SideBySide:
    """Runs both over `samples`. Tables are no layers: their error is that of their weight.

    Raises Error if a layer gives NaN or infinity, if the models share no layer, or without samples.
    """
    functions = [_expose(each).compile(target, threads) for each in (model, quantized)]
    sums: dict[str, _Sums] = {}
    outputs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for number, sample in enumerate(samples):
        expected, actual = (function(**sample) for function in functions)
        # Sites first: the first that is no number is where it began.
        for name, value in sorted(expected.items(), key=lambda each: not each[0].startswith(_PREFIX)):
            # What only one of them has, or has in another size, is no layer of both.
            if name not in actual or value.size != actual[name].size:
                continue
            pair = (np.asarray(value, np.float64).ravel(), np.asarray(actual[name], np.float64).ravel())
            if not all(np.isfinite(array).all() for array in pair):
                raise Error(f"`{name}` is NaN or infinity for sample {number}; give data that the model can bear")
            if name.startswith(_PREFIX):
                sums.setdefault(name[len(_PREFIX) :], _Sums()).add(*pair)
            else:
                outputs.setdefault(name, []).append(pair)
    if not sums:
        raise Error("no layer to compare: expected samples, and a quantized model of the same float model, with the same names of sites")
    return SideBySide({name: each.finish(name) for name, each in sums.items()}, [compare_output(*each) for each in outputs.items()])


def _expose(model: Module) -> Module:
    named = any(site.quantized or site.reason for site in model.sites)
    names = "" if named else f"{NAMED},"
    return model.transform(f"{names}lowbit-expose-sites")
