"""The loss of a model in training on data that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lowbit.function import Function
from lowbit.qat.batches import Data, open_data


class Validation:
    """Means over whole batches of `data`; rows that fill no batch at the end are left out.

    initial: what parameters there are. derive: makes those that `function` takes of those that are trained. classes: above 0, labels are below it.
    """

    def __init__(
        self,
        function: Function,
        initial: Mapping[str, np.ndarray],
        data: Data,
        derive: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]],
        classes: int = 0,
    ) -> None:
        ports = [port for port in function.inputs if port.name not in initial]
        taken = {port.name for port in function.inputs}
        self._rows = open_data(data, ports, "validation data", classes)
        self._data = {port.name: np.zeros(tuple(port.shape), port.dtype) for port in ports}
        self._parameters = {name: array.copy() for name, array in initial.items() if name in taken}
        self._call = function.bind(**self._data, **self._parameters)
        self._derive, self._classes = derive, classes

    def measure(self, parameters: Mapping[str, np.ndarray]) -> tuple[float, float | None]:
        """With these parameters: the loss, and the share of labels that are the likeliest class, in percent, where labels are classes."""
        derived = self._derive(parameters)
        for name, array in self._parameters.items():
            array[...] = derived[name]
        losses, right = [], 0
        for _ in self._rows.in_order(self._data):
            values = list(self._call().values())
            losses.append(float(values[0]))
            if self._classes:
                right += int((values[1].argmax(-1) == self._data["labels"]).sum())
        labels = len(losses) * self._data["labels"].size
        return float(np.mean(losses)), 100 * right / labels if self._classes else None
