"""Files of arrays that are broken or mean harm: each is refused with its path and a reason."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.arrays import read_arrays

MAGIC = b"\x93NUMPY"


def npy(descr: str = "'<f4'", shape: str = "(2, 3)", order: str = "False", data: bytes = bytes(24), version: int = 1) -> bytes:
    """A .npy with any header."""
    return raw_npy(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}", data, version)


def raw_npy(header: str, data: bytes = bytes(24), version: int = 1) -> bytes:
    """A .npy whose header is `header` as it stands."""
    text = header.encode() + b"\n"
    length = struct.pack("<H", len(text)) if version == 1 else struct.pack("<I", len(text))
    return MAGIC + bytes([version, 0]) + length + text + data


NPY = {
    "empty": (b"", "0 bytes long"),
    "one byte": (b"\x93", "1 bytes long"),
    "other magic": (b"GIF89a" + bytes(40), "not numpy's"),
    "version 9": (npy(version=1).replace(b"NUMPY\x01", b"NUMPY\x09"), "version 9"),
    "no header": (MAGIC + b"\x01\x00\x76\x00", "header of 118 bytes"),
    "header past the end": (MAGIC + b"\x02\x00\xff\xff\xff\x7f" + bytes(10), "header of 2147483647 bytes"),
    "header too long": (raw_npy("{" + " " * 70000 + "}", version=2), "at most 65536"),
    "version 2 cut in its length": (MAGIC + b"\x02\x00\x76\x00\x00", "truncated"),
    "no dictionary": (raw_npy("[1, 2]"), "expected a dictionary"),
    "dictionary not closed": (raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3),"), "malformed header"),
    "text after the dictionary": (raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} + 1"), "nothing else"),
    "key missing": (raw_npy("{'descr': '<f4', 'shape': (2, 3)}"), "`descr`, `fortran_order` and `shape`"),
    "key twice": (raw_npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}"), "twice"),
    "unknown key": (raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}"), "`x` is unknown"),
    "code in a value": (raw_npy("{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': ()}"), "structured"),
    "string not closed": (raw_npy("{'descr': '<f4, "), "structured"),
    "pickled objects": (npy("'|O'", data=b"cos\nsystem\n"), "never loaded"),
    "structured": (npy("[('a', '<f4')]"), "structured elements"),
    "big-endian": (npy("'>f4'"), "big-endian"),
    "text elements": (npy("'<U4'"), "no tensor holds"),
    "complex": (npy("'<c8'"), "no tensor holds"),
    "dates": (npy("'<M8[ns]'"), "no tensor holds"),
    "long double": (npy("'<f16'"), "no tensor holds"),
    "odd integer": (npy("'<i3'"), "no tensor holds"),
    "order is a number": (npy(order="0"), "`True` or `False`"),
    "shape is a list": (npy(shape="[2, 3]"), "a tuple of sizes"),
    "negative size": (npy(shape="(-2, 3)"), "a size of 0"),
    "size is a float": (npy(shape="(2.0, 3)"), "`,` or `)`"),
    "size over 64 bits": (npy(shape="(99999999999999999999,)"), "a size of 0"),
    "product over 64 bits": (npy(shape="(4294967296, 4294967296, 4)"), "do not fill exactly"),
    "claims a terabyte": (npy(shape="(274877906944,)"), "do not fill exactly"),
    "too many dimensions": (npy(shape="(" + "1, " * 65 + ")"), "at most 64 dimensions"),
    "data too short": (npy(data=bytes(23)), "23 bytes of data do not fill"),
    "data too long": (npy(data=bytes(25)), "25 bytes of data do not fill"),
    "no data": (npy(data=b""), "0 bytes of data"),
}


@pytest.mark.parametrize("name", NPY)
def test_npy_is_refused(tmp_path: Path, name: str) -> None:
    content, reason = NPY[name]
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    with pytest.raises(lowbit.Error) as failure:
        read_arrays(path)
    assert reason in str(failure.value) and str(path) in str(failure.value)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of `members`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def twice() -> bytes:
    """Two members of one name."""
    return archive({"a.npy": npy(), "b.npy": npy()}).replace(b"b.npy", b"a.npy")


def claims_more() -> bytes:
    """A member whose directory claims that it expands to 2 GiB."""
    content = bytearray(archive({"a.npy": npy()}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.find(signature)
        content[start + offset : start + offset + 4] = struct.pack("<I", 1 << 31)
    return bytes(content)


def damaged() -> bytes:
    """One bit of the data flipped, so that the checksum is wrong."""
    content = bytearray(archive({"a.npy": npy(data=bytes(range(24)))}, zipfile.ZIP_STORED))
    content[content.find(bytes(range(24))) + 5] ^= 1
    return bytes(content)


def encrypted() -> bytes:
    """The flag of encryption set in both headers."""
    content = bytearray(archive({"a.npy": npy()}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + offset] |= 1
    return bytes(content)


NPZ: dict[str, tuple[Callable[[], bytes], str]] = {
    "cut in half": (lambda: (content := archive({"a.npy": npy()}))[: len(content) // 2], "not a whole .npz"),
    "directory cut off": (lambda: archive({"a.npy": npy()})[:-10], "not a whole .npz"),
    "only the signature": (lambda: b"PK\x03\x04", "not a whole .npz"),
    "member is no array": (lambda: archive({"notes.txt": b"hello"}), "`notes.txt` is not an array"),
    "member without a name": (lambda: archive({".npy": npy()}), "is not an array"),
    "same name twice": (twice, "exists"),
    "member is not .npy": (lambda: archive({"a.npy": b"hello, this is text"}), "array `a`"),
    "member holds objects": (lambda: archive({"a.npy": npy("'|O'")}), "never loaded"),
    "member too short": (lambda: archive({"a.npy": npy(data=bytes(8))}), "do not fill exactly"),
    "claims to expand": (claims_more, "x.npz"),
    "damaged": (damaged, "CRC"),
    "encrypted": (encrypted, "ncrypted"),
    "compressed by LZMA": (lambda: archive({"a.npy": npy(shape="(9, 9)")}, zipfile.ZIP_LZMA), "array `a`"),
}


@pytest.mark.parametrize("name", NPZ)
def test_npz_is_refused(tmp_path: Path, name: str) -> None:
    make, reason = NPZ[name]
    path = tmp_path / "x.npz"
    path.write_bytes(make())
    with pytest.raises(lowbit.Error) as failure:
        read_arrays(path)
    assert reason in str(failure.value) and str(path) in str(failure.value)


def test_bomb_costs_no_memory(tmp_path: Path) -> None:
    # A megabyte of zeros in a kilobyte behind a header that claims sixteen bytes: refused before anything is expanded.
    path = tmp_path / "x.npz"
    path.write_bytes(archive({"a.npy": npy(shape="(2, 2)", data=bytes(1 << 20))}))
    with pytest.raises(lowbit.Error, match="do not fill exactly"):
        read_arrays(path)


def test_names_are_never_paths(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(archive({"../../evil.npy": npy(), "/etc/evil.npy": npy()}))
    assert sorted(read_arrays(path)) == ["../../evil", "/etc/evil"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.npz"]
    assert not (tmp_path.parent.parent / "evil.npy").exists()


@pytest.mark.parametrize("path", ["missing.npz", "."])
def test_unreadable_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(lowbit.Error, match="No such file|directory"):
        read_arrays(tmp_path / path)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"])
@pytest.mark.parametrize("compressed", [False, True])
def test_whatever_numpy_writes_is_read(tmp_path: Path, dtype: str, compressed: bool) -> None:
    values = (np.arange(24) % 5).reshape(2, 3, 4).astype(dtype)
    arrays = {"row": values, "column": np.asfortranarray(values), "scalar": values[0, 0, 1], "empty": values[:, :0]}
    path = tmp_path / "x.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    found = read_arrays(path)
    assert list(found) == list(arrays)
    for name, expected in arrays.items():
        assert found[name].dtype == expected.dtype and found[name].shape == expected.shape
        np.testing.assert_array_equal(found[name], expected)
