"""Libraries that `lowbit compile` writes for GPUs, called through ctypes with arrays of PyTorch."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any


class Library:
    """One `.so`. Its functions are called by the stem of its name."""

    def __init__(self, path: Path) -> None:
        self.stem = path.stem
        self._library = ctypes.CDLL(str(path))
        self._error = getattr(self._library, f"{self.stem}_error")
        self._error.restype = ctypes.c_char_p

    def bind(self, function: str, pointers: list[int]) -> Any:
        """A call with these arrays: it takes the address of a stream."""
        address = getattr(self._library, f"{self.stem}_{function}")
        arguments = [ctypes.c_void_p(pointer) for pointer in pointers]

        def call(stream: int) -> None:
            if address(*arguments, ctypes.c_void_p(stream)):
                raise RuntimeError(self._error().decode())

        return call

    def release(self) -> None:
        """Gives back what the library has on the GPU."""
        getattr(self._library, f"{self.stem}_release")()
