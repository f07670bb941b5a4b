"""A file for the bytes of large constants, beside the text of a module that refers to them.

As text a weight takes twice its bytes, in memory of its own; in this file it is written once and then mapped. The text
has a resource of the weight's name whose bytes only say where the weight lies: the word MAGIC, the offset in the file and
the size in bytes, both as little-endian numbers of 64 bits (lib/Session/Resources.h reads them).
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import numpy as np

MAGIC = b"lowbit@:"
_ALIGNMENT = 64


class ConstantsFile:
    """Written from front to back."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115

    def add(self, array: np.ndarray) -> np.ndarray:
        """Writes the elements in row-major order. Returns what the resource holds instead: uint8 [24]."""
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._file.write(bytes(-self._file.tell() % _ALIGNMENT))
        offset = self._file.tell()
        self._file.write(memoryview(data))
        return np.frombuffer(MAGIC + struct.pack("<QQ", offset, data.nbytes), np.uint8)

    def close(self) -> None:
        """Ends the file; what was written can be read from now on."""
        self._file.close()
