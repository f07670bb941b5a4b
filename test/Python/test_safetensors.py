"""The safetensors reader: every claim of the header is checked against the file."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lowbit.models.safetensors import SafetensorsError, read_safetensors


def write(folder: Path, header: Any, data: bytes = bytes(16), length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(begin: Any = 0, end: Any = 16, dtype: Any = "F32", shape: Any = (2, 2)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape) if isinstance(shape, tuple) else shape, "data_offsets": [begin, end]}


def test_reads_values_and_ignores_metadata(tmp_path: Path) -> None:
    values = np.arange(4, dtype=np.float32)
    tensors = read_safetensors(write(tmp_path, {"__metadata__": {"format": "pt"}, "w": entry()}, values.tobytes()))
    assert list(tensors) == ["w"]
    np.testing.assert_array_equal(tensors["w"], values.reshape(2, 2))


def test_values_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        read_safetensors(write(tmp_path, {"w": entry()}))["w"][0, 0] = 1


def test_empty_tensor_takes_no_bytes(tmp_path: Path) -> None:
    assert read_safetensors(write(tmp_path, {"w": entry(0, 0, shape=(0, 3))}, b""))["w"].shape == (0, 3)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ([1, 2], "header is a list, expected a JSON object"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100000, "not valid JSON"),
        (b'{"w": 1, "w": 2}', "key 'w' occurs twice"),
        ({"w": 5}, "entry is a int, expected a JSON object"),
        ({"w": entry(dtype="Q4")}, "unknown dtype 'Q4', expected one of F64"),
        ({"w": entry(dtype=["F32"])}, "unknown dtype"),
        ({"w": entry(shape="22")}, "is not a list of at most 16 sizes"),
        ({"w": entry(shape=(-2, -2))}, "is not a list of at most 16 sizes"),
        ({"w": entry(shape=(2.0, 2))}, "is not a list of at most 16 sizes"),
        ({"w": entry(shape=(True, 4))}, "is not a list of at most 16 sizes"),
        ({"w": entry(shape=(1,) * 17)}, "is not a list of at most 16 sizes"),
        ({"w": entry(shape=(2, 3))}, "takes 24 bytes, not 16"),
        ({"w": entry(shape=(2**40, 2**40))}, "bytes, not 16"),
        ({"w": entry(0, 32, shape=(2, 4))}, "outside the 16 bytes of data"),
        ({"w": entry(16, 0)}, "outside the 16 bytes of data"),
        ({"w": entry(-16, 0)}, "is not a pair of byte offsets"),
        ({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0]}}, "is not a pair of byte offsets"),
        ({"w": {"dtype": "F32", "shape": [4]}}, "is not a pair of byte offsets"),
        ({"v": entry(0, 8, shape=(2,)), "w": entry(4, 16, shape=(3,))}, "tensors 'v' and 'w' share bytes"),
    ],
)
def test_header_that_contradicts_the_file_is_refused(tmp_path: Path, header: Any, reason: str) -> None:
    with pytest.raises(SafetensorsError, match=reason):
        read_safetensors(write(tmp_path, header))


def test_file_without_a_header_length_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"1234")
    with pytest.raises(SafetensorsError, match="4 bytes is too short"):
        read_safetensors(tmp_path / "w")


@pytest.mark.parametrize("length", [2**64 - 1, 2**30, 1000])
def test_header_longer_than_the_file_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(SafetensorsError, match="exceeds the file"):
        read_safetensors(write(tmp_path, {"w": entry()}, length=length))
