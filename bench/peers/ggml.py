"""ggml, as llama-cpp-python's wheel carries it, through its C interface. It quantizes activations in each call."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np

from bench import native
from bench.compare import Prepared
from bench.grouped import PERIOD, GroupedCase
from bench.timing import NativeCall


def library() -> ctypes.CDLL:
    """The wrapper, linked to the wheel's libraries."""
    package = importlib.util.find_spec("llama_cpp")
    if package is None or package.origin is None:
        raise native.Unavailable("llama-cpp-python is not installed")
    root = Path(package.origin).parents[1]
    folder = root / "lib" if (root / "lib/libggml.so").exists() else Path(package.origin).parent / "lib"
    if not (root / "include/ggml.h").exists():
        raise native.Unavailable("llama-cpp-python's wheel carries no headers of ggml")
    loaded = native.load("ggml", (f"-I{root / 'include'}", f"-L{folder}", "-lggml", "-lggml-cpu", "-lggml-base", f"-Wl,-rpath,{folder}"))
    loaded.ggml_bench_matmul.restype = ctypes.c_void_p
    loaded.ggml_bench_result.restype = ctypes.POINTER(ctypes.c_float)
    loaded.ggml_bench_bits.restype = ctypes.c_double
    return loaded


def matmul(case: GroupedCase, kind: str, where: str = "plain") -> Prepared:
    """Weights of ggml's type `kind`, as they are (`plain`) or in one of its repacking buffers (`CPU_REPACK`)."""
    loaded = library()
    arrays = [np.ascontiguousarray(array, np.float32) for array in (case.lhs, case.base)]
    sizes = [ctypes.c_long(size) for size in (case.m, case.n, case.k, PERIOD)]
    call = loaded.ggml_bench_matmul(kind.encode(), where.encode(), *sizes, *(ctypes.c_void_p(array.ctypes.data) for array in arrays))
    if not call:
        raise native.Unavailable(f"no {where} form of {kind} here")
    timed = NativeCall(ctypes.cast(loaded.ggml_bench_run, ctypes.c_void_p).value, call, native.Owned(loaded.ggml_bench_free, call))

    def result() -> np.ndarray:
        return np.ctypeslib.as_array(loaded.ggml_bench_result(ctypes.c_void_p(call)), (case.m, case.n))

    version = importlib.metadata.version("llama-cpp-python")
    return Prepared(timed, loaded.ggml_bench_bits(kind.encode()), result, f"llama-cpp-python {version}", "quantizes activations", where)
