"""oneDNN, as Debian packages it (libdnnl-dev), through its C++ interface."""

from __future__ import annotations

import ctypes

import numpy as np

from bench import native
from bench.compare import Prepared
from bench.convolution import ConvCase
from bench.matmul import FloatCase, Int8Case
from bench.timing import NativeCall

TYPES = {"uint8": "u", "int8": "s", "int32": "i", "float32": "f", "uint16": "b"}


def library() -> ctypes.CDLL:
    """The wrapper, linked to the system's oneDNN."""
    try:
        loaded = native.load("onednn", ("-ldnnl",))
    except native.Unavailable as failure:
        raise native.Unavailable(f"{failure}; install libdnnl-dev") from failure
    for name in ("onednn_version", "onednn_error", "onednn_implementation"):
        getattr(loaded, name).restype = ctypes.c_char_p
    loaded.onednn_matmul.restype = loaded.onednn_convolution.restype = ctypes.c_void_p
    return loaded


def matmul(lhs: np.ndarray, rhs: np.ndarray, out: np.ndarray, bits: float, packed: bool = True, includes: str = "product only") -> Prepared:
    """out = lhs rhs; bfloat16 as uint16."""
    loaded = library()
    types = "".join(TYPES[array.dtype.name] for array in (lhs, rhs, out)).encode()
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (lhs, rhs, out)]
    sizes = [ctypes.c_long(size) for size in (*lhs.shape[:1], *rhs.shape[::-1])]
    transposed = int(not rhs.flags.c_contiguous)
    call = loaded.onednn_matmul(*sizes, types, int(packed), transposed, *pointers)
    return _prepared(loaded, call, (lhs, rhs, out), bits, includes)


def _prepared(loaded: ctypes.CDLL, call: int | None, arrays: tuple[np.ndarray, ...], bits: float, includes: str) -> Prepared:
    if not call:
        raise native.Unavailable(loaded.onednn_error().decode())
    timed = NativeCall(ctypes.cast(loaded.onednn_run, ctypes.c_void_p).value, call, native.Owned(loaded.onednn_free, call, *arrays))
    detail = loaded.onednn_implementation(ctypes.c_void_p(call)).decode()
    return Prepared(timed, bits, lambda: arrays[-1], loaded.onednn_version().decode(), includes, detail)


def float_matmul(case: FloatCase) -> Prepared:
    """f32, or bf16 with f32 sums; a right side that is no constant is read as it lies."""
    rhs = case.rhs.T if case.transposed else case.rhs
    return matmul(case.lhs, rhs, np.zeros((case.m, case.n), np.float32), 8 * case.lhs.itemsize, packed=case.constant)


def int8_matmul(case: Int8Case) -> Prepared:
    """Codes to 32-bit sums; weights in oneDNN's own layout."""
    return matmul(case.lhs, case.rhs, np.zeros((case.m, case.n), np.int32), 8)


def convolution(case: ConvCase) -> Prepared:
    """Codes to codes, channels last."""
    loaded = library()
    out = np.zeros((case.result_size, case.result_size, case.outputs), np.uint8)
    sizes = (case.size, case.channels, case.outputs, case.window, case.stride, *case.pad, case.result_size)
    arrays = case.image, case.kernel, out
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
    call = loaded.onednn_convolution(*map(ctypes.c_long, sizes), ctypes.c_float(case.scale), *pointers)
    return _prepared(loaded, call, arrays, 8, "convolution, requantized")
