"""A GPU's driver that is none (Inputs/fake_cuda.c), and kernels by hand that it knows (Inputs/kernels.mlir), for tests without a GPU."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

INPUTS = Path(__file__).parent / "Inputs"
ROOT = Path(__file__).resolve().parents[2]
QUANT_OPT = os.environ.get("QUANT_OPT", str(ROOT / "build/bin/quant-opt"))
LOWER = (
    "--lowbit-lower-launches",
    "--lowbit-lower-kernels",
    "--lowbit-serialize-kernels",
    "--expand-strided-metadata",
    "--finalize-memref-to-llvm",
    "--convert-func-to-llvm",
    "--convert-arith-to-llvm",
    "--reconcile-unrealized-casts",
)


# What programs of tests begin with: the driver, the kernels as a function `f`, its inputs and what it gives.
PROLOGUE = """
import ctypes, gc, os, sys
import numpy as np
import lowbit
from fake_gpu import Driver

driver = Driver(os.environ["LOWBIT_CUDA_DRIVER"])
generator = np.random.default_rng(7)
x, y = (generator.normal(size=(5, 6)).astype(np.float32) * 20 for _ in range(2))
want = np.rint(np.clip(((x + y) + y) * np.float32([0.5, 1, 2, 4, 8, 16]), -128, 127)).astype(np.int8)

class OnDevice:
    \"\"\"An array that speaks __cuda_array_interface__ alone.\"\"\"

    def __init__(self, array, strides=None):
        self.address, self.array = driver.allocate(array.nbytes), array
        ctypes.memmove(self.address, array.ctypes.data, array.nbytes)
        self.__cuda_array_interface__ = {
            "shape": array.shape, "typestr": array.dtype.str, "data": (self.address, False), "strides": strides, "version": 3
        }

    def read(self):
        return np.frombuffer(ctypes.string_at(self.address, self.array.nbytes), self.array.dtype).reshape(self.array.shape)

def refusal(action):
    try:
        action()
    except lowbit.Error as error:
        return str(error)
    raise AssertionError("not refused")

module = lowbit.load(sys.argv[1])
f = module.compile("nvptx:sm_80")
"""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command and keeps what it says."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env={**os.environ, **environment})


def build_driver(folder: Path) -> Path:
    """The driver as a library."""
    path = folder / "libfake_cuda.so"
    done = run("clang-22", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", INPUTS / "fake_cuda.c", "-o", path, "-lm")
    assert done.returncode == 0, done.stderr
    return path


def lower(folder: Path, source: Path = INPUTS / "kernels.mlir", **environment: str) -> Path:
    """The kernels and the function that launches them, in the LLVM dialect."""
    path = folder / "kernels.mlir"
    done = run(QUANT_OPT, source, *LOWER, "-o", path, **environment)
    assert done.returncode == 0, done.stderr
    return path


# struct Map of Inputs/fake_cuda.c: names, and how many numbers each is.
MAP_FIELDS = {"type": 1, "rank": 1, "address": 1, "sizes": 3, "pitches": 2, "box": 3, "steps": 3, "interleave": 1, "swizzle": 1}
MAP_FIELDS |= {"promotion": 1, "fill": 1}


class Driver:
    """The driver in this process: what it counts, and what it is told to do."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.fake_get.restype, self._library.fake_map.restype = ctypes.c_long, ctypes.c_void_p

    def __getitem__(self, name: str) -> int:
        return self._library.fake_get(name.encode())

    def __setitem__(self, name: str, value: int) -> None:
        self._library.fake_set(name.encode(), ctypes.c_long(value))

    def map(self, number: int) -> dict[str, Any]:
        """What the driver was asked to make the tensor map number `number` of."""
        fields = iter((ctypes.c_long * 18).from_address(self._library.fake_map(number)))
        return {name: next(fields) if count == 1 else [next(fields) for _ in range(count)] for name, count in MAP_FIELDS.items()}

    def allocate(self, size: int) -> int:
        """Device memory."""
        address = ctypes.c_ulonglong()
        assert self._library.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(size)) == 0
        return address.value

    def free(self, address: int) -> None:
        """Gives it back."""
        assert self._library.cuMemFree_v2(ctypes.c_ulonglong(address)) == 0


def check_needs(library: Path) -> None:
    """Nothing but the C library; only its own functions are exported."""
    needed = [line.split("[")[1].rstrip("]") for line in run("readelf", "-d", library).stdout.splitlines() if "NEEDED" in line]
    assert set(needed) <= {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2"}
    exported = [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).stdout.splitlines()]
    assert sorted(exported) == ["model_error", "model_main", "model_release"]


def check_header(built: Path, folder: Path, compiler: tuple[str, ...], call: str, **environment: str) -> str:
    """The text of model.h, which compiles without a warning; `call` is -1 with a message where there is no driver."""
    (folder / "use.c").write_text(
        f'#include "model.h"\nint main(void) {{ return {call} == -1 && model_error()[0] ? 0 : (model_release(), 1); }}\n'
    )
    flags = ("-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{built}", f"-Wl,-rpath,{built}")
    done = run(*compiler, *flags, folder / "use.c", "-x", "none", built / "model.so", "-o", folder / "use")
    assert done.returncode == 0, done.stderr
    assert run(folder / "use", **environment).returncode == 0
    return (built / "model.h").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the driver and the lowered kernels."""
    path = tmp_path_factory.mktemp("calls")
    build_driver(path)
    lower(path)
    return path


def python(folder: Path, program: str, **environment: str) -> str:
    """A driver is loaded once in a process, so each test has its own."""
    places = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    settings = {"LOWBIT_CUDA_DRIVER": str(folder / "libfake_cuda.so"), "PYTHONPATH": places, **environment}
    done = run(sys.executable, "-c", program, folder / "kernels.mlir", **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout
