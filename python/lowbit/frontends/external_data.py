"""Opens the files in which an ONNX model keeps its large tensors, and nothing else.

A model names such a file by a path, and a model may come from anyone. The rule: the path must lead to a regular file
with a single name, inside the model's own folder, by way of real directories. Every step is opened relative to the one
before without following links, and what was checked is the opened file itself, so nothing can be swapped in between.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lowbit.frontends.errors import ImportFailure

_KEYS = ("location", "offset", "length", "checksum")
_MAX_LOCATION_CHARACTERS = 1024
_MAX_OFFSET = 2**63 - 1


@dataclass(frozen=True)
class ExternalReference:
    """Where a tensor's bytes lie: a path relative to the model's folder, and a byte range in that file."""

    parts: tuple[str, ...]
    offset: int
    length: int | None

    @property
    def path(self) -> str:
        return "/".join(self.parts)


def parse_reference(entries: Iterable[tuple[str, str]], where: str) -> ExternalReference:
    """Checks the key-value pairs of TensorProto.external_data.

    where: the tensor, as errors should name it. Raises ImportFailure for an unknown or repeated key, a missing
    location, a location that is not a plain relative path, or an offset or length that is not a decimal number.
    """
    values: dict[str, str] = {}
    for key, value in entries:
        if key not in _KEYS:
            raise ImportFailure(
                f"unknown external data key {key!r}, expected one of {', '.join(_KEYS)}", location=where
            )
        if key in values:
            raise ImportFailure(f"external data key '{key}' is given twice", location=where)
        values[key] = value
    if not values.get("location"):
        raise ImportFailure("external data has no location", location=where)
    offset = _parse_size(values.get("offset", "0"), "offset", where)
    length = _parse_size(values["length"], "length", where) if "length" in values else None
    return ExternalReference(_split_location(values["location"], where), offset, length)


def _parse_size(text: str, key: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > _MAX_OFFSET:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise ImportFailure(f"external data {key} {shown!r} is not a number from 0 to 2^63 - 1", location=where)
    return int(text)


def _split_location(location: str, where: str) -> tuple[str, ...]:
    """Splits a relative path, refusing every spelling that could leave the folder on any operating system."""
    shown = location if len(location) <= 80 else location[:80] + "..."

    def refuse(reason: str) -> ImportFailure:
        hint = "keep the data file in the model's folder and name it by a plain relative path"
        return ImportFailure(f"external data location {shown!r} {reason}", location=where, hint=hint)

    if len(location) > _MAX_LOCATION_CHARACTERS:
        raise refuse(f"is longer than {_MAX_LOCATION_CHARACTERS} characters")
    if any(ord(character) < 32 or character == "\x7f" for character in location):
        raise refuse("contains a control character")
    if location.startswith("/"):
        raise refuse("is an absolute path")
    if "\\" in location or ":" in location:
        raise refuse("contains a backslash or a colon, which other systems read as a path")
    parts = location.split("/")
    while parts and parts[0] == ".":
        parts.pop(0)
    if any(part == ".." for part in parts):
        raise refuse("contains '..'")
    if not parts or any(part in ("", ".") for part in parts):
        raise refuse("contains an empty path component")
    return tuple(parts)


def read_external(
    reference: ExternalReference, folder: str | os.PathLike[str], byte_count: int, where: str
) -> np.ndarray:
    """Maps the referenced bytes: uint8 [byte_count], read-only.

    folder: the folder of the model file. byte_count: what the tensor's shape and element type take, in bytes.
    Raises ImportFailure when the file cannot be reached under the rule above, or when the byte range is not exactly
    byte_count long or does not lie within the file.
    """
    if reference.length is not None and reference.length != byte_count:
        raise ImportFailure(
            f"external data length {reference.length} differs from the {byte_count} bytes of the tensor's shape",
            location=where,
        )
    with os.fdopen(_open_inside(Path(folder), reference, where), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if reference.offset > size or byte_count > size - reference.offset:
            raise ImportFailure(
                f"external data needs bytes {reference.offset} to {reference.offset + byte_count} "
                f"of '{reference.path}', which has {size}",
                location=where,
                hint="the data file is truncated or belongs to another model",
            )
        if byte_count == 0:
            return np.empty(0, np.uint8)
        return np.memmap(file, dtype=np.uint8, mode="r", offset=reference.offset, shape=(byte_count,))


def _open_inside(folder: Path, reference: ExternalReference, where: str) -> int:
    """Walks from the folder to the file without following links. Returns an open file descriptor."""
    step = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in reference.parts[:-1]:
            inner = _open_step(part, os.O_DIRECTORY, step, reference, where)
            os.close(step)
            step = inner
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        file = _open_step(reference.parts[-1], os.O_NONBLOCK, step, reference, where)
    finally:
        os.close(step)
    try:
        _check_regular(os.fstat(file), reference, where)
    except ImportFailure:
        os.close(file)
        raise
    return file


def _open_step(part: str, flags: int, parent: int, reference: ExternalReference, where: str) -> int:
    try:
        return os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)
    except OSError as error:
        link = _is_link(part, parent)
        reason = f"'{part}' is a symbolic link" if link else f"cannot open '{part}': {error.strerror}"
        hint = "links are not followed; put a copy of the file in the model's folder" if link else ""
        raise ImportFailure(f"external data file '{reference.path}': {reason}", location=where, hint=hint) from error


def _is_link(part: str, parent: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(part, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _check_regular(status: os.stat_result, reference: ExternalReference, where: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImportFailure(f"external data file '{reference.path}' is not a regular file", location=where)
    if status.st_nlink != 1:
        raise ImportFailure(
            f"external data file '{reference.path}' has {status.st_nlink} names (hard links), "
            "so it may lie outside the folder",
            location=where,
            hint="put a copy of the file in the model's folder",
        )
