"""Arrays on their way into and out of compiled functions, and files of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lowbit import _native
from lowbit.device_array import DeviceArray, on_device
from lowbit.errors import Error


def to_native(name: str, value: Any) -> np.ndarray | DeviceArray:
    """`value` as an array that compiled code can read in place; copied only where it is not contiguous."""
    device = on_device(name, value)
    if device is not None:
        return device
    array = np.from_dlpack(value) if hasattr(value, "__dlpack__") and not hasattr(value, "__array__") else np.asarray(value)
    foreign = array.dtype.isbuiltin == 2 or (array.dtype.kind == "V" and array.dtype.names is None)
    if foreign and array.dtype.itemsize in (1, 2):
        # A type of ml_dtypes, or its bytes out of a file: the same bits under a name that compiled code is handed.
        array = np.ascontiguousarray(array).view(f"{'i' if array.dtype.name.startswith('int') else 'u'}{array.dtype.itemsize}")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or not array.dtype.isnative:
        raise Error(f"input `{name}` has elements of {array.dtype}; expected numbers in this machine's byte order")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def new_output(port: _native.Port, program: _native.Program | None = None) -> np.ndarray | DeviceArray:
    """An array that compiled code writes `port` into: the host's, or one in the memory of the GPU that `program` runs on."""
    if any(size < 0 for size in port.shape):
        shape = ", ".join("?" if size < 0 else str(size) for size in port.shape)
        raise Error(f"output `{port.name}` has shape [{shape}]; expected sizes that are known, so import with fixed dimensions")
    if program is not None:
        return DeviceArray.allocate(program, tuple(port.shape), port.dtype, port.type)
    return np.empty(tuple(port.shape), port.dtype.replace("V1", "uint8").replace("V2", "uint16"))


def bind(ports: Sequence[_native.Port], args: Sequence[Any], named: Mapping[str, Any]) -> list[np.ndarray | DeviceArray]:
    """The arrays of a call in the order of `ports`."""
    names = [port.name for port in ports]
    if not isinstance(named, Mapping):
        wanted = ", ".join(f'"{name}": array' for name in names)
        raise Error(f"inputs are of type {type(named).__name__}; expected arrays by name, {{{wanted}}}")
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
    arrays = [to_native(name, values[name]) for name in names]
    for port, array in zip(ports, arrays, strict=True):
        if port.is_updated and (array.read_only if isinstance(array, DeviceArray) else not array.flags.writeable):
            raise Error(f"input `{port.name}` can only be read, and the function updates it; expected one to write into")
    return arrays


def are_on_device(arrays: Sequence[np.ndarray | DeviceArray]) -> bool:
    """Whether results belong in a GPU's memory: all arrays are there, whatever numbers are beside them."""
    return any(isinstance(array, DeviceArray) for array in arrays) and all(
        isinstance(array, DeviceArray) or array.ndim == 0 for array in arrays
    )


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
