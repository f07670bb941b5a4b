"""Gradients that workers of a pool or a cluster compute."""

from __future__ import annotations

import os
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

    def __init__(self, module: Module, executor: Executor, count: int) -> None:
        self.count, self._executor = count, executor
        self._folder = tempfile.TemporaryDirectory(prefix="lowbit-")
        self._path = os.path.join(self._folder.name, "gradients.mlir")
        module.save(self._path)

    def compute(self, parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray], into: Mapping[str, np.ndarray]) -> float:
        """Writes the mean of the parts' gradients; returns that of their losses. Sums go in the order of parts, whoever is first."""
        split = {name: np.split(array, self.count) for name, array in data.items()}
        parts = [{name: arrays[i] for name, arrays in split.items()} for i in range(self.count)]
        try:
            futures = [self._executor.submit(_compute, self._path, dict(parameters), part) for part in parts]
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
        return float(np.mean([float(result["loss"]) for result in results]))


@lru_cache(maxsize=1)
def _open(path: str) -> Function:
    return load(path, entry="loss_gradients").compile()


def _compute(path: str, parameters: dict[str, np.ndarray], data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a worker does: it compiles the function once."""
    outputs = _open(path)(**parameters, **data)
    return {name: array for name, array in outputs.items() if name == "loss" or name.startswith("gradient.")}
