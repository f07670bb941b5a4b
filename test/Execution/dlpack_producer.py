"""A producer of DLPack in ctypes: memory of a test's own as a tensor on any device, which counts how often it is given back."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, [ctypes.c_void_p, ctypes.c_char_p]
_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
READ_ONLY = 1


class Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class Managed(ctypes.Structure):
    """DLManagedTensor, before version 1.0."""

    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", Deleter))


class Versioned(ctypes.Structure):
    """DLManagedTensorVersioned, from 1.0 on."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def _destroy(capsule: int) -> None:
    """A capsule that nobody took the tensor out of gives it back itself."""
    for name, kind in ((b"dltensor", Managed), (b"dltensor_versioned", Versioned)):
        if _is_valid(capsule, name):
            address = _pointer(capsule, name)
            kind.from_address(address).deleter(address)


class Lent:
    """`array`'s shape and elements at `address`; counts in `given` and `returned` what it lends, and keeps what it was asked for."""

    def __init__(
        self,
        array: np.ndarray,
        address: int,
        *,
        device: tuple[int, int] = (2, 0),
        strides: Sequence[int] | None = None,
        offset: int = 0,
        read_only: bool = False,
        versions: bool = True,
        lanes: int = 1,
        code: int | None = None,
    ) -> None:
        self.array, self.address, self.device, self.strides, self.offset = array, address, device, strides, offset
        self.read_only, self.versions, self.lanes = read_only, versions, lanes
        self.code = CODES[array.dtype.kind] if code is None else code
        self.given = self.returned = 0
        self.asked: list[dict[str, Any]] = []
        self._lent: dict[int, tuple] = {}
        self._deleter = Deleter(self._take_back)

    def _take_back(self, address: int) -> None:
        self._lent.pop(address)  # a second time is an error
        self.returned += 1

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if not self.versions and "max_version" in asked:
            raise TypeError("unexpected keyword argument 'max_version'")
        is_versioned = self.versions and asked.get("max_version") is not None
        rank = self.array.ndim
        shape = (ctypes.c_int64 * rank)(*self.array.shape)
        strides = None if self.strides is None else (ctypes.c_int64 * rank)(*self.strides)
        bits = 8 * self.array.itemsize // self.lanes
        tensor = Tensor(self.address, *self.device, rank, self.code, bits, self.lanes, shape, strides, self.offset)
        if is_versioned:
            made: Any = Versioned(1, 0, None, self._deleter, READ_ONLY if self.read_only else 0, tensor)
        else:
            made = Managed(tensor, None, self._deleter)
        self._lent[ctypes.addressof(made)] = (made, shape, strides)
        self.given += 1
        return _new(ctypes.addressof(made), b"dltensor_versioned" if is_versioned else b"dltensor", ctypes.cast(_destroy, ctypes.c_void_p))
