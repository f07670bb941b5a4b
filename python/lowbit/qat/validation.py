"""The loss of a model in training on data that it is not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lowbit.function import Function
from lowbit.qat.data import Rows


class Validation:
    """Means over whole batches of `data`; rows that fill no batch at the end are left out. initial: what parameters there are."""

    def __init__(self, function: Function, initial: Mapping[str, np.ndarray], data: Mapping[str, Any], classes: bool) -> None:
        ports = [port for port in function.inputs if port.name not in initial]
        self.rows = Rows(data, ports, "validation data")
        self._data = {port.name: np.zeros(tuple(port.shape), port.dtype) for port in ports}
        self._parameters = {name: array.copy() for name, array in initial.items()}
        self._call = function.bind(**self._data, **self._parameters)
        self._classes = classes

    def measure(self, parameters: Mapping[str, np.ndarray]) -> tuple[float, float | None]:
        """With these parameters: the loss, and the share of labels that are the likeliest class, in percent, where labels are classes."""
        for name, array in self._parameters.items():
            array[...] = parameters[name]
        losses, right = [], 0
        for _ in self.rows.in_order(self._data):
            values = list(self._call().values())
            losses.append(float(values[0]))
            if self._classes:
                right += int((values[1].argmax(-1) == self._data["labels"]).sum())
        labels = len(losses) * self._data["labels"].size
        return float(np.mean(losses)), 100 * right / labels if self._classes else None
