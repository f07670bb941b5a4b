"""Compiles linalg text with the stock MLIR tools and calls it: an oracle that shares no code with this project.

No tiling, no vectors, no fusion: slow and plain. Used to check what importers produce.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from pathlib import Path

import numpy as np

TOOLS = Path(os.environ.get("LLVM_TOOLS", "/usr/lib/llvm-22/bin"))
_PASSES = """canonicalize,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},
buffer-results-to-out-params{modify-public-functions=true},func.func(convert-linalg-to-loops),expand-strided-metadata,lower-affine,
convert-scf-to-cf,func.func(llvm-request-c-wrappers),convert-math-to-llvm,convert-math-to-libm,
convert-arith-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts"""


def run_tool(tool: str, *arguments: str, text: str | None = None) -> str:
    """Runs one LLVM tool. Returns its output; raises AssertionError with its messages if it fails."""
    done = subprocess.run(
        [str(TOOLS / tool), *arguments], input=text, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{tool} failed:\n{done.stderr[:2000]}"
    return done.stdout


def parse(text: str) -> str:
    """Verifies the text with the stock mlir-opt. Returns it reprinted without weights."""
    return run_tool("mlir-opt", "--mlir-elide-resource-strings-if-larger=16", "--mlir-print-debuginfo", text=text)


class CompiledFunction:
    """@main of a module, callable with numpy arrays of its argument types; returns the results as a list."""

    def __init__(self, text: str, folder: Path, optimize: str = "-O2") -> None:
        lowered = run_tool("mlir-opt", f"--pass-pipeline=builtin.module({_PASSES})".replace("\n", ""), text=text)
        source, library = folder / "main.ll", folder / "main.so"
        run_tool("mlir-translate", "--mlir-to-llvmir", "-o", str(source), text=lowered)
        flags = [optimize, "-march=native", "-shared", "-fPIC", "-fuse-ld=lld", "-Wno-override-module"]
        run_tool("clang", *flags, str(source), "-o", str(library), "-lm")
        ctypes.CDLL(str(TOOLS.parent / "lib" / "libmlir_c_runner_utils.so"), mode=ctypes.RTLD_GLOBAL)
        self._call = ctypes.CDLL(str(library))._mlir_ciface_main
        signature = re.search(r"func\.func @main\((.*?)\) -> (.*?)\{\s*$", _without_attributes(text), re.MULTILINE)
        assert signature is not None, "no @main in the module"
        self.results = [_array_type(kind) for kind in re.findall(r"tensor<([^>]*)>", signature.group(2))]

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        results = [np.zeros(shape, dtype) for shape, dtype in self.results]
        self._call(*[ctypes.byref(_descriptor(array)) for array in [*inputs, *results]])
        return results


def _without_attributes(text: str) -> str:
    line = next(line for line in text.splitlines() if "func.func @main" in line)
    line = re.sub(r'\{lowbit\.name = "[^"]*"\}', "", line)
    return re.sub(r'loc\("[^"]*"\)', "", line)


def _array_type(kind: str) -> tuple[tuple[int, ...], np.dtype]:
    *extents, element = kind.split("x")
    dtypes = {
        "f32": np.float32,
        "f64": np.float64,
        "f16": np.float16,
        "i64": np.int64,
        "i32": np.int32,
        "i8": np.int8,
        "i1": np.bool_,
    }
    return tuple(map(int, extents)), np.dtype(dtypes[element])


def _descriptor(array: np.ndarray) -> ctypes.Structure:
    """The memref descriptor of a contiguous array."""
    array = np.ascontiguousarray(array)
    rank = array.ndim

    class Descriptor(ctypes.Structure):
        _fields_ = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64)] + (
            [("sizes", ctypes.c_int64 * rank), ("strides", ctypes.c_int64 * rank)] if rank else []
        )

    descriptor = Descriptor(array.ctypes.data, array.ctypes.data, 0)
    if rank:
        descriptor.sizes[:] = array.shape
        descriptor.strides[:] = [stride // array.itemsize for stride in array.strides]
    descriptor.owner = array
    return descriptor
