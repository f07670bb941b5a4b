"""The folder that tasks of a search share: whoever measures a site reads it, in this process or on another machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.arrays import read_arrays, split_samples, write_arrays
from lowbit.module import Module, load
from lowbit.statistics import Statistics


class Workplace:
    """A folder with all that a task needs: the model, its statistics, and the data."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder: str | os.PathLike[str], model: Module, stats: Statistics, samples: Sequence[Mapping[str, Any]]) -> Workplace:
        """Fills the folder."""
        place = cls(folder)
        place.folder.mkdir(parents=True, exist_ok=True)
        model.save(place.folder / "model.mlir")
        stats.save(place.folder / "statistics.json")
        data = {port.name: np.stack([np.asarray(sample[port.name]) for sample in samples]) for port in model.inputs}
        write_arrays(place.folder / "samples.npz", data)
        return place

    @property
    def digest(self) -> str:
        """Of everything that results depend on."""
        total = hashlib.sha256()
        for name in ("model.mlir", "statistics.json", "samples.npz"):
            total.update(hashlib.sha256((self.folder / name).read_bytes()).digest())
        return total.hexdigest()

    def read(self) -> tuple[Module, Statistics, list[dict[str, np.ndarray]]]:
        """What create has filled it with."""
        model = load(self.folder / "model.mlir")
        samples, _ = split_samples(read_arrays(self.folder / "samples.npz"), model.inputs)
        return model, Statistics.load(self.folder / "statistics.json"), list(samples)
