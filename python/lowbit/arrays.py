"""Arrays on their way into and out of compiled functions, and files of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lowbit import _native
from lowbit.errors import Error

# Element types numpy has no name for, and what ml_dtypes calls them.
_ML_DTYPES = {
    "bf16": "bfloat16",
    "f8E3M4": "float8_e3m4",
    "f8E4M3": "float8_e4m3",
    "f8E4M3B11FNUZ": "float8_e4m3b11fnuz",
    "f8E4M3FN": "float8_e4m3fn",
    "f8E4M3FNUZ": "float8_e4m3fnuz",
    "f8E5M2": "float8_e5m2",
    "f8E5M2FNUZ": "float8_e5m2fnuz",
    "f8E8M0FNU": "float8_e8m0fnu",
    "f6E2M3FN": "float6_e2m3fn",
    "f6E3M2FN": "float6_e3m2fn",
    "f4E2M1FN": "float4_e2m1fn",
}
_CUDA_DEVICES = (2, 13)  # DLPack's numbers for memory of CUDA and memory that it shares with the host


def on_device(name: str, value: Any) -> Any | None:
    """`value` as it is handed on, if it is in a GPU's memory: by DLPack, else by `__cuda_array_interface__`; else None."""
    if isinstance(value, np.ndarray):
        return None
    if hasattr(value, "__dlpack_device__"):
        return value if value.__dlpack_device__()[0] in _CUDA_DEVICES else None
    interface = getattr(value, "__cuda_array_interface__", None)
    if interface is None:
        return None
    order, kind, size = interface["typestr"][0], interface["typestr"][1], int(interface["typestr"][2:])
    if order == ">" or kind not in "biuf" or size > 8:
        raise Error(f"array `{name}` has elements of {interface['typestr']}; expected numbers in this machine's byte order")
    dense, step = True, size
    for length, stride in zip(reversed(interface["shape"]), reversed(interface.get("strides") or ()), strict=False):
        dense, step = dense and (length <= 1 or stride == step), step * length
    if not dense:
        raise Error(f"array `{name}` is not contiguous; expected rows next to one another, in order: copy it")
    return _native.device_array(interface["data"][0], list(interface["shape"]), f"{kind}{size}", value)


def to_native(name: str, value: Any) -> Any:
    """`value` as an array that compiled code can read in place; copied only where it is not contiguous."""
    device = on_device(name, value)
    if device is not None:
        return device
    array = np.asarray(value)
    foreign = array.dtype.isbuiltin == 2 or (array.dtype.kind == "V" and array.dtype.names is None)
    if foreign and array.dtype.itemsize in (1, 2):
        # A type of ml_dtypes, or its bytes out of a file: the same bits under a name that compiled code is handed.
        array = np.ascontiguousarray(array).view(f"{'i' if array.dtype.name.startswith('int') else 'u'}{array.dtype.itemsize}")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or not array.dtype.isnative:
        raise Error(f"input `{name}` has elements of {array.dtype}; expected numbers in this machine's byte order")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def new_output(port: _native.Port) -> np.ndarray:
    """An array that compiled code writes `port` into."""
    if any(size < 0 for size in port.shape):
        shape = ", ".join("?" if size < 0 else str(size) for size in port.shape)
        raise Error(f"output `{port.name}` has shape [{shape}]; expected sizes that are known, so import with fixed dimensions")
    dtype = port.dtype.replace("V1", "uint8").replace("V2", "uint16")
    return np.empty(tuple(port.shape), dtype)


def from_native(port: _native.Port, array: np.ndarray) -> np.ndarray:
    """`array` as its element type, where numpy knows one or ml_dtypes is installed; else its bits."""
    name = _ML_DTYPES.get(port.type)
    if name is None:
        return array
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        return array
    return array.view(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else array


def bind(ports: Sequence[_native.Port], args: Sequence[Any], named: Mapping[str, Any]) -> list[np.ndarray]:
    """The arrays of a call in the order of `ports`."""
    names = [port.name for port in ports]
    if len(args) > len(names):
        raise Error(f"{len(args)} inputs given; expected {len(names)}: {', '.join(names)}")
    values = dict(zip(names, args, strict=False))
    for name, value in named.items():
        if name not in names:
            raise Error(f"no input `{name}`; expected {', '.join(f'`{other}`' for other in names) or 'none'}")
        if name in values:
            raise Error(f"input `{name}` is given twice")
        values[name] = value
    missing = [name for name in names if name not in values]
    if missing:
        raise Error(f"input {', '.join(f'`{name}`' for name in missing)} is missing")
    return [to_native(name, values[name]) for name in names]


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a .npz. Nothing in it is trusted: nothing is unpickled, and its sizes are checked first."""
    return dict(_native.read_arrays(os.fspath(path)))


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a .npz that appears whole or not at all."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".npz", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def split_samples(arrays: Mapping[str, np.ndarray], ports: Sequence[Any]) -> tuple[list[dict[str, np.ndarray]], bool]:
    """The samples of a data file, and whether its arrays have a leading axis of samples.

    An array has the shape of its input, or a leading axis before it; all arrays agree in that.
    """
    names = [port.name for port in ports]
    for name in arrays:
        if name not in names:
            raise Error(f"array `{name}` is no input of the model; expected {', '.join(names)}")
    counts: dict[str, int | None] = {}
    for port in ports:
        if port.name not in arrays:
            raise Error(f"input `{port.name}` is missing from the data")
        array, rank = arrays[port.name], len(port.shape)
        if array.ndim not in (rank, rank + 1):
            raise Error(
                f"array `{port.name}` has shape {list(array.shape)}; expected {list(port.shape)}, or that with an axis of samples before it"
            )
        counts[port.name] = len(array) if array.ndim == rank + 1 else None
    if len(set(counts.values())) > 1:
        found = ", ".join(f"`{name}`: {'none' if count is None else count}" for name, count in counts.items())
        raise Error(f"arrays differ in their number of samples ({found})")
    count = next(iter(counts.values()), None)
    if count is None:
        return [dict(arrays)], False
    if count == 0:
        raise Error("the data hold no sample")
    return list(_iterate(arrays, count)), True


def _iterate(arrays: Mapping[str, np.ndarray], count: int) -> Iterator[dict[str, np.ndarray]]:
    for index in range(count):
        yield {name: array[index] for name, array in arrays.items()}
