"""Checkpoints: all that a training needs to go on as if it had never stopped, in one .npz that appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.arrays import read_arrays, write_arrays
from lowbit.errors import Error

VERSION = 1
_HINT = "train without resuming, or give a checkpoint that is whole"


@dataclass
class Place:
    """Where a training is: `epoch` epochs are over, and of the next one, whose rows are in `order`, as many steps as there are `losses`.

    order: state of the generator of orders as the epoch began. history: numbers of the epochs that are over. first: the very first loss.
    best, best_epoch: the lowest validation loss, and how many epochs were over then. step: steps altogether.
    """

    order: dict[str, Any]
    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[list[float | None]] = field(default_factory=list)
    first: float | None = None
    best: float | None = None
    best_epoch: int = 0


def digest(*parts: Any) -> str:
    """A short name for contents: texts, and arrays by name."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, Mapping):
            for name in sorted(part):
                array = np.ascontiguousarray(part[name])
                state.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
                state.update(array.reshape(-1).view(np.uint8).data)
        else:
            state.update(f"{part}\0".encode())
    return state.hexdigest()


def save_checkpoint(
    path: str | os.PathLike[str],
    place: Place,
    state: Mapping[str, np.ndarray],
    best: Mapping[str, np.ndarray],
    identity: Mapping[str, str],
    course: Mapping[str, str],
) -> None:
    """identity: what must be the same for the training to go on, by what it is called. course: what must be for the same bits."""
    arrays = {**{f"state.{name}": array for name, array in state.items()}, **{f"best.{name}": array for name, array in best.items()}}
    document = {"version": VERSION, "identity": dict(identity), "course": dict(course), **vars(place)}
    document["digest"] = digest(json.dumps(document), arrays)
    write_arrays(path, {"checkpoint": np.frombuffer(json.dumps(document).encode(), np.uint8), **arrays})


def load_checkpoint(
    path: str | os.PathLike[str], state: Mapping[str, np.ndarray], identity: Mapping[str, str], course: Mapping[str, str], steps: int
) -> tuple[Place, dict[str, np.ndarray]]:
    """steps: of an epoch. Puts a checkpoint's arrays into those of `state`; returns the place, and the best parameters so far. Nothing in the file is trusted."""
    path = Path(path)
    if not path.is_file():
        raise Error(f"{path}: there is no such checkpoint to resume; train without resuming first")
    try:
        arrays = read_arrays(path)
    except Error as failure:
        raise Error(f"{path}: the checkpoint cannot be read ({failure.message}); {_HINT}") from failure
    document = _read_document(path, arrays.pop("checkpoint", None))
    for what, wanted in identity.items():
        found = document["identity"].get(what)
        if found != wanted:
            # Contents are told by their digest, which says nothing to a reader.
            said = "" if len(wanted) == 32 else f" (`{found}` then, `{wanted}` now)"
            raise Error(
                f"{path}: the checkpoint is of another training: its {what} differs{said}; give the same, or train without resuming"
            )
    written = document.pop("digest", None)
    if written != digest(json.dumps(document), arrays):
        raise Error(f"{path}: what the checkpoint holds is not what was written; {_HINT}")
    for what, wanted in course.items():
        if document["course"].get(what) != wanted:
            warnings.warn(f"{path}: resumed with {what} {wanted}, which was {document['course'].get(what)}", stacklevel=2)
    place = _read_place(path, document, steps)
    for name, array in state.items():
        found = arrays.pop(f"state.{name}", None)
        if found is None or found.shape != array.shape or found.dtype != array.dtype or not np.isfinite(found).all():
            wrong = "is missing" if found is None else f"is {found.dtype}{list(found.shape)}, or not finite"
            raise Error(f"{path}: `{name}` {wrong} in the checkpoint; expected finite {array.dtype}{list(array.shape)}; {_HINT}")
        array[...] = found
    return place, {name.removeprefix("best."): array for name, array in arrays.items() if name.startswith("best.")}


def _read_document(path: Path, text: np.ndarray | None) -> dict[str, Any]:
    if text is None or text.dtype != np.uint8 or text.ndim != 1:
        raise Error(f"{path}: is no checkpoint of a training: it has no array `checkpoint` of bytes; {_HINT}")
    try:
        document = json.loads(text.tobytes().decode())
        version = document["version"]
        if version == VERSION and not all(isinstance(document[name], dict) for name in ("identity", "course", "order")):
            raise TypeError("a part is of another type")
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        raise Error(f"{path}: the checkpoint's description is damaged; {_HINT}") from failure
    if version != VERSION:
        raise Error(f"{path}: the checkpoint has version {version}; expected {VERSION}, so resume with the Lowbit that wrote it")
    return dict(document)


def _read_place(path: Path, document: dict[str, Any], steps: int) -> Place:
    try:
        place = Place(**{name: document[name] for name in Place.__dataclass_fields__})
        counts = (place.epoch, place.step, place.best_epoch)
        numbers = [*place.losses, *(n for n in (place.first, place.best) if n is not None)]
        rows = [len(row) for row in place.history]
        valid = all(type(n) is int and n >= 0 for n in counts) and all(type(n) is float for n in numbers)
        valid = valid and rows == [3] * place.epoch and place.best_epoch <= place.epoch
        valid = valid and len(place.losses) < steps and place.step == place.epoch * steps + len(place.losses)
        restore_order(place)
    except (ValueError, TypeError, KeyError) as failure:
        raise Error(f"{path}: the checkpoint's place in the training is damaged; {_HINT}") from failure
    if not valid:
        raise Error(f"{path}: the checkpoint's place in the training makes no sense; {_HINT}")
    return place


def restore_order(place: Place) -> np.random.Generator:
    """The generator of orders as it was. Raises ValueError, TypeError or KeyError for what is no state."""
    generator = np.random.default_rng(0)
    generator.bit_generator.state = place.order
    return generator
