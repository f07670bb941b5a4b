"""What one writes by hand with intrinsics where no library is worth the name: binary products."""

from __future__ import annotations

import ctypes

import numpy as np

from bench import native
from bench.binary import BinaryCase, pack
from bench.compare import Prepared
from bench.timing import NativeCall

COLUMNS = 16


class _Product(ctypes.Structure):
    """As binary.cpp has it."""

    _fields_ = [(name, ctypes.c_long) for name in ("m", "n", "words")] + [(name, ctypes.c_void_p) for name in ("a", "b", "c")]


def _aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins with a cache line."""
    memory = np.empty(array.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def binary_matmul(case: BinaryCase) -> Prepared:
    """Packed bits to 32-bit sums."""
    words = pack(case.rhs).view(np.uint32)
    panels = words.reshape(case.n // COLUMNS, COLUMNS, -1).transpose(0, 2, 1)
    arrays = (
        _aligned(pack(case.lhs).view(np.uint32)),
        _aligned(np.ascontiguousarray(panels)),
        _aligned(np.zeros((case.m, case.n), np.int32)),
    )
    product = _Product(case.m, case.n, words.shape[1], *(array.ctypes.data for array in arrays))
    function = ctypes.cast(native.load("binary").binary_matmul, ctypes.c_void_p).value
    call = NativeCall(function, ctypes.addressof(product), (product, arrays))
    return Prepared(call, 1, lambda: arrays[2], includes="product only")
