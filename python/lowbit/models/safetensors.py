"""A small reader for safetensors files that trusts nothing in the header.

Layout of a file: 8 bytes little-endian header length, the header as JSON, then the data. The header maps a tensor's
name to its dtype, shape and byte range within the data.
"""

from __future__ import annotations

import json
import os
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

_DTYPES: dict[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_MAX_HEADER_BYTES = 16 * 1024 * 1024
_MAX_RANK = 16


class SafetensorsError(ValueError):
    """The file is not a safetensors file, or its header contradicts its data."""


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads every tensor of a file.

    Returns {name: read-only array that maps the file}; nothing is copied, so the arrays cost no memory until used.
    Raises SafetensorsError for a malformed header, a byte range outside the file, overlapping ranges, an unknown
    dtype, or a shape that does not fit its byte range.
    """
    path = Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        header, data_start = _read_header(file, size, path)
    data = np.memmap(path, dtype=np.uint8, mode="r") if size > data_start else np.empty(size, np.uint8)
    tensors: dict[str, np.ndarray] = {}
    ranges: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, begin, end = _check_entry(entry, size - data_start, f"{path}: tensor '{name}'")
        ranges.append((begin, end, name))
        tensors[name] = data[data_start + begin : data_start + end].view(dtype).reshape(shape)
    ranges.sort()
    for (_, end, name), (begin, _, other) in pairwise(ranges):
        if begin < end:
            raise SafetensorsError(f"{path}: tensors '{name}' and '{other}' share bytes {begin} to {end}")
    return tensors


def _read_header(file: Any, size: int, path: Path) -> tuple[dict[str, Any], int]:
    """Returns the header and the offset of the data in the file."""
    prefix = file.read(8)
    if len(prefix) < 8:
        raise SafetensorsError(f"{path}: {size} bytes is too short for a safetensors file (at least 8 are needed)")
    (length,) = struct.unpack("<Q", prefix)
    if length > _MAX_HEADER_BYTES or length > size - 8:
        raise SafetensorsError(f"{path}: header length {length} exceeds the file ({size} bytes) or the 16 MiB limit")
    try:
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_refuse_duplicates)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SafetensorsError(f"{path}: header is not valid JSON: {error}") from error
    if not isinstance(header, dict):
        raise SafetensorsError(f"{path}: header is a {type(header).__name__}, expected a JSON object")
    return header, 8 + length


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise SafetensorsError(f"key '{key}' occurs twice in the header")
        result[key] = value
    return result


def _check_entry(entry: Any, data_bytes: int, where: str) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """Checks one header entry. Returns dtype, shape and the byte range within the data section."""
    if not isinstance(entry, dict):
        raise SafetensorsError(f"{where}: entry is a {type(entry).__name__}, expected a JSON object")
    dtype_name, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    dtype = _DTYPES.get(dtype_name) if isinstance(dtype_name, str) else None
    if dtype is None:
        raise SafetensorsError(f"{where}: unknown dtype {dtype_name!r}, expected one of {', '.join(_DTYPES)}")
    if not _are_sizes(shape) or len(shape) > _MAX_RANK:
        raise SafetensorsError(f"{where}: shape {shape!r} is not a list of at most {_MAX_RANK} sizes")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise SafetensorsError(f"{where}: data_offsets {offsets!r} is not a pair of byte offsets")
    begin, end = offsets
    if begin > end or end > data_bytes:
        raise SafetensorsError(f"{where}: bytes {begin} to {end} lie outside the {data_bytes} bytes of data")
    expected = dtype.itemsize
    for extent in shape:
        expected *= extent
    if expected != end - begin:
        raise SafetensorsError(f"{where}: shape {shape} of {dtype_name} takes {expected} bytes, not {end - begin}")
    return dtype, tuple(shape), begin, end


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
