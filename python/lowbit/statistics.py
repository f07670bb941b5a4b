"""Statistics of calibration."""

from __future__ import annotations

import os

from lowbit import _native


class Statistics:
    """What calibration has learned about a model's sites. Shards calibrated apart are added: `stats + other`."""

    def __init__(self, native: _native.Statistics) -> None:
        self._native = native

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Reads what save wrote."""
        return cls(_native.Statistics.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes one JSON file; same data, same file."""
        self._native.save(os.fspath(path))

    def __add__(self, other: Statistics) -> Statistics:
        if not isinstance(other, Statistics):
            return NotImplemented
        return Statistics(self._native.merged(other._native))

    @property
    def sites(self) -> list[str]:
        """Names of what was observed."""
        return self._native.sites

    @property
    def runs(self) -> int:
        """How many times the model was run."""
        return self._native.runs
