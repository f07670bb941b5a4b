"""Statistics of calibration."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

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
        """Writes one JSON file, and second moments beside it; same data, same files."""
        self._native.save(os.fspath(path))

    def __getstate__(self) -> dict[str, bytes]:
        """The files that save writes, by their ends: workers in other processes hand statistics back."""
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            self.save(os.path.join(folder, "s"))
            return {path.name[1:]: path.read_bytes() for path in Path(folder).iterdir()}

    def __setstate__(self, files: dict[str, bytes]) -> None:
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            for end, content in files.items():
                Path(folder, "s" + end).write_bytes(content)
            self._native = _native.Statistics.load(os.path.join(folder, "s"))

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
