"""The C++ side of the measurements: built on first use with the compiler that builds Lowbit, loaded with ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

SOURCES = Path(__file__).parent


class Unavailable(Exception):
    """What is to be measured is not on this machine; the text says why."""


@functools.cache
def load(name: str, flags: Sequence[str] = ()) -> ctypes.CDLL:
    """The library made of `name`.cpp, built again when its source is newer."""
    folder = Path(os.environ["LOWBIT_BENCH_OUTPUT"]) / "native"
    folder.mkdir(parents=True, exist_ok=True)
    source, library = SOURCES / f"{name}.cpp", folder / f"lib{name}.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        compiler = shutil.which("clang++-22") or shutil.which("c++")
        if compiler is None:
            raise Unavailable("no C++ compiler")
        command = [compiler, "-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", str(source), "-o", str(library), *flags]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode:
            raise Unavailable(f"{source.name} does not build: {result.stderr.strip().splitlines()[0]}")
    try:
        return ctypes.CDLL(str(library))
    except OSError as failure:
        raise Unavailable(str(failure)) from failure


class Owned:
    """An object of a library, freed with the last call that uses it; `kept` are arrays that it points to."""

    def __init__(self, free: Callable[[ctypes.c_void_p], None], address: int, *kept: object) -> None:
        self._free, self._address, self.kept = free, ctypes.c_void_p(address), kept

    def __del__(self) -> None:
        self._free(self._address)
