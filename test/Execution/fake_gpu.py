"""A GPU's driver that is none (Inputs/fake_cuda.c), and kernels by hand that it knows (Inputs/kernels.mlir), for tests without a GPU."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

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


class Driver:
    """The driver in this process: what it counts, and what it is told to do."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.fake_get.restype = ctypes.c_long

    def __getitem__(self, name: str) -> int:
        return self._library.fake_get(name.encode())

    def __setitem__(self, name: str, value: int) -> None:
        self._library.fake_set(name.encode(), ctypes.c_long(value))

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
