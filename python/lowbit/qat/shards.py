"""Gradients that workers of a pool or a cluster compute."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor
from functools import lru_cache

import numpy as np

from lowbit.errors import Error
from lowbit.function import Function
from lowbit.module import Module, load


class Shards:
    """`count` equal parts of a step's rows, in order. Workers read the function from this machine's temporary folder, which they must see."""

    def __init__(self, module: Module, executor: Executor, count: int, target: str = "host") -> None:
        self.count, self._executor, self._target = count, executor, target
        self._folder = tempfile.TemporaryDirectory(prefix="lowbit-")
        self._path = os.path.join(self._folder.name, "gradients.mlir")
        module.save(self._path)
        updated = set(re.findall(r'lowbit\.updates = "([^"]+)"', module._native.print(True)))  # results that have their arguments' places
        self._updated = [port.name for port in module.inputs if port.name in updated]

    def compute(self, parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray], into: Mapping[str, np.ndarray]) -> float:
        """Writes the mean of the parts' gradients, and into `parameters` that of what the function updates, such as running averages; returns that of
        their losses. Sums go in the order of parts, whoever is first."""
        split = {name: np.split(array, self.count) for name, array in data.items()}
        parts = [{name: arrays[i] for name, arrays in split.items()} for i in range(self.count)]
        try:
            futures = [self._executor.submit(_compute, self._path, self._target, dict(parameters), part, self._updated) for part in parts]
            results = [future.result() for future in futures]
        except BrokenExecutor as failure:
            raise Error(
                f"a worker of the executor ended before its work was done ({failure}); resume from the checkpoint, or train again"
            ) from failure
        for name, array in into.items():
            array[...] = results[0][f"gradient.{name}"]
            for result in results[1:]:
                array += result[f"gradient.{name}"]
            array /= np.float32(self.count)
        for name in self._updated:
            first = results[0][name]  # what no part changed stays to the bit
            parameters[name][...] = first + sum((result[name] - first for result in results[1:]), np.zeros_like(first)) / np.float32(
                self.count
            )
        return float(np.mean([float(result["loss"]) for result in results]))


@lru_cache(maxsize=1)
def _open(path: str, target: str) -> Function:
    return load(path, entry="loss_gradients").compile(target)


def _compute(
    path: str, target: str, parameters: dict[str, np.ndarray], data: dict[str, np.ndarray], updated: list[str]
) -> dict[str, np.ndarray]:
    """What a worker does: it compiles the function once. What is updated in place is a copy: a thread has the caller's arrays."""
    parameters.update({name: parameters[name].copy() for name in updated})
    outputs = _open(path, target)(**parameters, **data)
    gradients = {name: array for name, array in outputs.items() if name == "loss" or name.startswith("gradient.")}
    return {**gradients, **{name: parameters[name] for name in updated}}
