"""External data of ONNX models: what may be opened, and every way around it that has been published or is thinkable.

Published cases: directory traversal (CVE-2022-25882, CVE-2024-27318, CVE-2024-5187, CVE-2025-51480), links out of the
folder, and keys that a loader sets on itself without looking.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from lowbit.frontends import ImportFailure
from lowbit.frontends.external_data import parse_reference, read_external

DATA = bytes(range(64))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder holding w.bin and sub/w.bin, beside a file the model must not reach."""
    (tmp_path / "secret.bin").write_bytes(DATA)
    inside = tmp_path / "model"
    (inside / "sub").mkdir(parents=True)
    (inside / "w.bin").write_bytes(DATA)
    (inside / "sub" / "w.bin").write_bytes(DATA)
    return inside


def read(folder: Path, location: str, byte_count: int = 8, **keys: str) -> np.ndarray:
    reference = parse_reference([("location", location), *keys.items()], "tensor 'w'")
    return read_external(reference, folder, byte_count, "tensor 'w'")


@pytest.mark.parametrize("location", ["w.bin", "sub/w.bin", "./w.bin"])
def test_plain_relative_path_is_read(folder: Path, location: str) -> None:
    assert read(folder, location).tobytes() == DATA[:8]


def test_offset_and_length_select_bytes(folder: Path) -> None:
    assert read(folder, "w.bin", 4, offset="10", length="4").tobytes() == DATA[10:14]


def test_range_may_end_with_the_file(folder: Path) -> None:
    assert read(folder, "w.bin", 4, offset="60").tobytes() == DATA[60:]


def test_empty_tensor_needs_no_bytes(folder: Path) -> None:
    assert read(folder, "w.bin", 0, offset="64").size == 0


def test_bytes_cannot_be_changed(folder: Path) -> None:
    with pytest.raises(ValueError):
        read(folder, "w.bin")[0] = 1


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/etc/passwd", "is an absolute path"),
        ("//etc/passwd", "is an absolute path"),
        ("../secret.bin", "contains '..'"),
        ("sub/../../secret.bin", "contains '..'"),
        ("./../secret.bin", "contains '..'"),
        ("sub/..", "contains '..'"),
        ("..\\secret.bin", "backslash"),
        ("sub\\..\\..\\secret.bin", "backslash"),
        ("C:secret.bin", "colon"),
        ("file:///etc/passwd", "colon"),
        ("w.bin\0.txt", "control character"),
        ("w\n.bin", "control character"),
        ("sub//w.bin", "empty path component"),
        ("sub/./w.bin", "empty path component"),
        ("sub/", "empty path component"),
        (".", "empty path component"),
        ("a" * 2000, "longer than 1024 characters"),
    ],
)
def test_location_that_could_leave_the_folder_is_refused(folder: Path, location: str, reason: str) -> None:
    with pytest.raises(ImportFailure, match=f"(?s)tensor 'w'.*{reason}"):
        read(folder, location)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([], "no location"),
        ([("location", "")], "no location"),
        ([("location", "w.bin"), ("location", "../secret.bin")], "given twice"),
        ([("location", "w.bin"), ("__class__", "x")], "unknown external data key"),
        ([("location", "w.bin"), ("basepath", "/etc")], "unknown external data key"),
        ([("location", "w.bin"), ("offset", "-1")], "offset '-1' is not a number"),
        ([("location", "w.bin"), ("offset", "1e3")], "is not a number"),
        ([("location", "w.bin"), ("offset", "0x10")], "is not a number"),
        ([("location", "w.bin"), ("offset", " 4")], "is not a number"),
        ([("location", "w.bin"), ("offset", "\u0664")], "is not a number"),
        ([("location", "w.bin"), ("offset", "")], "is not a number"),
        ([("location", "w.bin"), ("offset", "9223372036854775808")], "is not a number from 0 to 2"),
        ([("location", "w.bin"), ("length", "9" * 5000)], "is not a number from 0 to 2"),
    ],
)
def test_malformed_entries_are_refused(entries: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(ImportFailure, match=reason):
        parse_reference(entries, "tensor 'w'")


def test_length_must_match_the_shape(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="length 4 differs from the 8 bytes"):
        read(folder, "w.bin", 8, length="4")


def test_range_beyond_the_file_is_refused(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="bytes 60 to 68 of 'w.bin', which has 64"):
        read(folder, "w.bin", 8, offset="60")


def test_sum_of_offset_and_length_cannot_wrap_around(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="which has 64"):
        read(folder, "w.bin", 8, offset=str(2**63 - 4))


def test_claimed_size_is_checked_before_anything_is_allocated(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="which has 64"):
        read(folder, "w.bin", 2**60)


def test_missing_file_is_named(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="cannot open 'none.bin': No such file"):
        read(folder, "none.bin")


def test_symbolic_link_is_not_followed(folder: Path) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    with pytest.raises(ImportFailure, match="'link.bin' is a symbolic link; links are not followed"):
        read(folder, "link.bin")


def test_symbolic_link_to_a_file_inside_is_not_followed_either(folder: Path) -> None:
    (folder / "link.bin").symlink_to(folder / "w.bin")
    with pytest.raises(ImportFailure, match="symbolic link"):
        read(folder, "link.bin")


def test_linked_directory_is_not_entered(folder: Path) -> None:
    (folder / "up").symlink_to(folder.parent)
    with pytest.raises(ImportFailure, match="'up' is a symbolic link"):
        read(folder, "up/secret.bin")


def test_hard_link_is_refused(folder: Path) -> None:
    os.link(folder.parent / "secret.bin", folder / "hard.bin")
    with pytest.raises(ImportFailure, match="has 2 names .hard links."):
        read(folder, "hard.bin")


def test_directory_is_not_a_data_file(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="is not a regular file"):
        read(folder, "sub")


def test_file_is_not_a_directory(folder: Path) -> None:
    with pytest.raises(ImportFailure, match="cannot open 'w.bin': Not a directory"):
        read(folder, "w.bin/w.bin")


def test_named_pipe_is_refused_without_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(ImportFailure, match="is not a regular file"):
        read(folder, "pipe")


def test_device_is_refused(folder: Path) -> None:
    try:
        os.mknod(folder / "zero", 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("making a device node needs more rights")
    with pytest.raises(ImportFailure, match="is not a regular file|cannot open"):
        read(folder, "zero")


def test_no_descriptor_is_left_open_after_a_refusal(folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for location in ("sub", "none.bin", "w.bin/x"):
        with pytest.raises(ImportFailure):
            read(folder, location)
    assert len(os.listdir("/proc/self/fd")) == before
