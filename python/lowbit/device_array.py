"""Arrays in an NVIDIA GPU's memory: those that functions compiled for a GPU give, and those of other libraries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lowbit import _native
from lowbit.elements import view_named
from lowbit.errors import Error

_CUDA_DEVICES = (2, 13)  # DLPack's numbers for memory of CUDA and memory that it shares with the host
_HOST_DEVICES = (1, 3)  # the host's, and the part of it that CUDA has pinned
_LEGACY_STREAM = 1  # of DLPack and CUDA: the stream that calls from Python are put on
_MAX_VERSION = (1, 1)  # of DLPack


class DeviceArray:
    """A dense array in a GPU's memory, by `__cuda_array_interface__` and DLPack any library's. Its memory is given back with the last one
    that uses it.
    """

    def __init__(
        self, memory: Any, address: int, shape: tuple[int, ...], kind: str, *, type_name: str = "", read_only: bool = False
    ) -> None:
        self._memory, self._kind = memory, kind
        self.address, self.shape, self.read_only = address, shape, read_only
        self.type = type_name or kind

    @classmethod
    def allocate(cls, program: _native.Program, shape: tuple[int, ...], dtype: str, type_name: str = "") -> DeviceArray:
        """New memory of the GPU that `program` runs on. Elements that numpy cannot name are their bits."""
        plain = np.dtype(dtype.replace("V1", "uint8").replace("V2", "uint16"))
        kind = "bf16" if type_name == "bf16" else f"{plain.kind}{plain.itemsize}"
        memory, address = program.allocate(list(shape), kind)
        return cls(memory, address, shape, kind, type_name=type_name)

    @property
    def dtype(self) -> np.dtype:
        """Its elements, or their bits where numpy has no name."""
        return np.dtype("u2" if self._kind == "bf16" else self._kind.replace("V", "u"))

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        # Calls return when their results are there, so that there is no stream to wait for.
        data = (self.address if self.nbytes else 0, self.read_only)
        return {"shape": self.shape, "typestr": self.dtype.str, "data": data, "strides": None, "stream": None, "version": 3}

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._memory.__dlpack_device__()

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
        if self.read_only and (max_version is None or max_version[0] < 1):
            raise BufferError("the array can only be read, which DLPack says from version 1.0 on; expected `max_version` of that or newer")
        return self._memory.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("an array in a GPU's memory is copied to be one of numpy's")
        host = self.numpy()
        return host if dtype is None else host.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, type={self.type}, gpu={self.__dlpack_device__()[1]})"

    def numpy(self) -> np.ndarray:
        """A copy on the host."""
        host = np.empty(self.shape, self.dtype)
        if host.size:
            _native.copy_from_gpu(host, self.address)
        return view_named(self.type, host)

    def fill_from(self, host: np.ndarray) -> DeviceArray:
        """Takes the bytes of `host`, which is dense and of its size, there."""
        if host.size:
            _native.copy_to_gpu(self.address, host)
        return self


def on_device(name: str, value: Any) -> DeviceArray | None:
    """`value` if it is in a GPU's memory: by DLPack, else by `__cuda_array_interface__`; None if it is the host's."""
    if isinstance(value, DeviceArray):
        return value
    if isinstance(value, np.ndarray):
        return None
    if hasattr(value, "__dlpack_device__"):
        kind = int(value.__dlpack_device__()[0])
        if kind in _CUDA_DEVICES:
            return _take_dlpack(name, value)
        if kind not in _HOST_DEVICES:
            raise Error(
                f"array `{name}` is on a device of type {kind} (DLPack's number); expected the host's memory or an NVIDIA GPU's: copy it there"
            )
        return None
    interface = getattr(value, "__cuda_array_interface__", None)
    return None if interface is None else _take_interface(name, value, interface)


def _refuse_scattered(name: str) -> None:
    raise Error(f"array `{name}` is not contiguous; expected rows next to one another, in order: copy it")


def _take_dlpack(name: str, value: Any) -> DeviceArray:
    try:
        try:
            capsule = value.__dlpack__(stream=_LEGACY_STREAM, max_version=_MAX_VERSION)
        except TypeError:  # older than versions
            capsule = value.__dlpack__(stream=_LEGACY_STREAM)
        memory, address, shape, kind, dense, read_only = _native.take_capsule(capsule)
    except Exception as error:
        raise Error(f"array `{name}` cannot be had by DLPack: {error}") from error
    if not dense:
        _refuse_scattered(name)
    return DeviceArray(memory, address, tuple(shape), kind, read_only=read_only)


def _take_interface(name: str, value: Any, interface: dict[str, Any]) -> DeviceArray:
    shape, strides, typestr = tuple(interface["shape"]), interface.get("strides"), interface["typestr"]
    order, kind, size = typestr[0], typestr[1], int(typestr[2:])
    if order == ">" or not (kind in "biuf" or (kind == "V" and size <= 2)) or size > 8:
        raise Error(f"array `{name}` has elements of {typestr}; expected numbers in this machine's byte order")
    if interface.get("mask") is not None:
        raise Error(f"array `{name}` has a mask; expected an array whose elements all count: fill in those that do not")
    dense, step = True, size
    for length, stride in zip(reversed(shape), reversed(strides or ()), strict=False):
        dense, step = dense and (length <= 1 or stride == step), step * length
    if not dense and math.prod(shape):
        _refuse_scattered(name)
    _wait_for(name, interface.get("stream"))
    address, read_only = interface["data"]
    kind = f"{kind}{size}"
    return DeviceArray(_native.device_array(address or 0, list(shape), kind, value), address or 0, shape, kind, read_only=bool(read_only))


def _wait_for(name: str, stream: Any) -> None:
    """Until what the producer has put on its stream is done; nothing where that is the stream of calls."""
    if stream is None or stream == _LEGACY_STREAM:
        return
    if not isinstance(stream, int) or stream <= 0:
        raise Error(f"array `{name}` has the stream {stream!r}; expected a CUstream's address, 1 or 2 for CUDA's default ones, or None")
    _native.wait_for_stream(stream)
