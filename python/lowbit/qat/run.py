"""The state of a training."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np

from lowbit.function import Function
from lowbit.module import Port
from lowbit.qat.shards import Shards


def _is_data(name: str, state: Container[str]) -> bool:
    return name not in state and name not in ("rate", "step") and not name.startswith("gradient.")


class Run:
    """The state of a training: arrays that each step changes in place, on a GPU those that it has there. noise: the seed of what rounds stochastically, if anything does.
    normalizes: whether layers are normalized by their batch, until `freeze`."""

    def __init__(self, step: Function, initial: Mapping[str, np.ndarray], noise: int | None = None, normalizes: bool = False) -> None:
        arrays = {port.name: np.zeros(tuple(port.shape), port.dtype) for port in step.inputs}
        for name, value in initial.items():
            arrays[name][...] = value
        self._arrays, self._call = arrays, step.bind(**arrays)
        self.state = {name: array for name, array in arrays.items() if name in initial or name.startswith("state")}
        self.noise = {} if noise is None else {"noise": arrays["noise"]}
        for array in self.noise.values():
            array[0] = np.uint32((noise ^ noise >> 32) & 0xFFFFFFFF).astype(np.int32)
        self._frozen = {"frozen": arrays["frozen"]} if normalizes else {}
        self.data_ports = [port for port in step.inputs if _is_data(port.name, {*self.state, *self.noise, *self._frozen})]
        self.data = {port.name: arrays[port.name] for port in self.data_ports}
        self._rate, self._number, self.count = arrays["rate"], arrays["step"], 0
        self._parameters = list(initial)

    def pull(self) -> None:
        """Lets `state` be what it is now, where steps change it on a GPU."""
        self._call.pull()

    def push(self) -> None:
        """Lets steps go on from what `state` was changed to."""
        self._call.push()

    def freeze(self, frozen: bool) -> None:
        """Whether layers are normalized by running averages, which stay, in place of their batch."""
        for array in self._frozen.values():
            array[...] = frozen

    def step(self, rate: float) -> None:
        """One step on what is in `data`."""
        self.count += 1
        self._rate[...], self._number[...] = rate, self.count
        for array in self.noise.values():
            array[1] = self.count
        self._call()

    @property
    def loss(self) -> float:
        """Of the last step, before its update."""
        return float(self._call.outputs["loss"])

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Copies of the parameters as they are now."""
        self.pull()
        return {name: self.state[name].copy() for name in self._parameters}


class ShardedRun(Run):
    """A training whose steps have several batches: workers compute gradients, which are applied here. `data` has the rows of all."""

    def __init__(
        self, step: Function, initial: Mapping[str, np.ndarray], shards: Shards, noise: int | None = None, normalizes: bool = False
    ) -> None:
        super().__init__(step, initial, noise, normalizes)
        self._shards, self._loss = shards, 0.0
        self._gradients = {name: self._arrays[f"gradient.{name}"] for name in initial if f"gradient.{name}" in self._arrays}
        ports = [Port(port.name, tuple(port.shape), port.dtype, port.type) for port in self.data_ports]
        self.data_ports = [replace(port, shape=(shards.count * (port.shape[0] or 0), *port.shape[1:])) for port in ports]
        self.data = {port.name: np.zeros(tuple(size or 0 for size in port.shape), port.dtype) for port in self.data_ports}

    def step(self, rate: float) -> None:
        """One step on what is in `data`."""
        self.pull()
        parameters = {**{name: self.state[name] for name in self._parameters}, **self.noise, **self._frozen}
        for array in self.noise.values():
            array[1] = self.count + 1
        self._loss = self._shards.compute(parameters, self.data, self._gradients)
        self.push()
        super().step(rate)

    @property
    def loss(self) -> float:
        """Of the last step, before its update."""
        return self._loss
