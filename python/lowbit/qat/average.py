"""Averages of parameters over the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


class Average:
    """An exponential moving average of arrays that training changes in place (Polyak and Juditsky, 1992).

    `decay`, at least 0 and below 1, is the weight of what was before. Early on it is smaller, (1 + n) / (10 + n) behind n steps, so that the
    start is forgotten. An average of numbers of one sign has that sign: scales stay what they may be.
    """

    def __init__(self, parameters: Mapping[str, np.ndarray], decay: float) -> None:
        self._parameters, self._decay = parameters, decay
        self._means = {name: array.astype(np.float64) for name, array in parameters.items()}

    def update(self, count: int) -> None:
        """Takes in the arrays as they are now, behind `count` steps."""
        share = 1 - min(self._decay, (1 + count) / (10 + count))
        for name, mean in self._means.items():
            mean += share * (self._parameters[name] - mean)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps: the means themselves."""
        return {f"average.{name}": mean for name, mean in self._means.items()}

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Copies of the means, in the types of the arrays."""
        return {name: mean.astype(self._parameters[name].dtype) for name, mean in self._means.items()}
