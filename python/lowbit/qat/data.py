"""Training data: rows that are shuffled, or samples that are taken whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.module import Port
from lowbit.qat.checkpoint import digest


class Rows:
    """Data of a model whose inputs have `batch` rows, cut anew into batches for each epoch.

    Arrays are `[rows, …]` where an input is `[batch, …]`, or `[samples, batch, …]`, which is the same rows.
    """

    def __init__(self, data: Mapping[str, Any], ports: list[Port], what: str = "training data") -> None:
        check_names(data, [port.name for port in ports], what)
        self.batch = get_batch(ports)
        self.arrays: dict[str, np.ndarray] = {}
        for port in ports:
            array = np.asarray(data[port.name])
            inner = tuple(port.shape)
            if array.ndim == len(inner) + 1 and array.shape[1:] == inner:
                array = array.reshape(-1, *inner[1:])
            if array.ndim != len(inner) or array.shape[1:] != inner[1:]:
                raise Error(f"{what}: array `{port.name}` has shape {list(array.shape)}; expected [rows, {', '.join(map(str, inner[1:]))}]")
            self.arrays[port.name] = convert(port, array, what)
        counts = {name: len(array) for name, array in self.arrays.items()}
        if len(set(counts.values())) != 1:
            raise Error(f"{what}: arrays differ in their number of rows ({', '.join(f'`{n}`: {c}' for n, c in counts.items())})")
        self.count = next(iter(counts.values()))
        if self.count < self.batch:
            raise Error(f"{what}: {self.count} rows; expected at least the model's batch of {self.batch}")

    @property
    def digest(self) -> str:
        """A short name for the contents."""
        return digest(self.arrays)

    @property
    def steps(self) -> int:
        """Batches of an epoch; rows that fill none are left out of it."""
        return self.count // self.batch

    def epoch(self, order: np.random.Generator, into: Mapping[str, np.ndarray], start: int = 0, number: int = 0) -> Iterator[None]:
        """Writes one batch after the other into the arrays `into`, from batch `start` on. number: of the epoch; the order is that of `order`."""
        yield from self._write(order.permutation(self.count), into, start)

    def in_order(self, into: Mapping[str, np.ndarray]) -> Iterator[None]:
        """As `epoch`, in the order that the rows have."""
        yield from self._write(np.arange(self.count), into, 0)

    def _write(self, rows: np.ndarray, into: Mapping[str, np.ndarray], start: int) -> Iterator[None]:
        for step in range(start, self.steps):
            chosen = rows[step * self.batch : (step + 1) * self.batch]
            for name, array in self.arrays.items():
                np.take(array, chosen, axis=0, out=into[name])
            yield


def convert(port: Port, array: np.ndarray, what: str) -> np.ndarray:
    """`array` in the elements of `port`, finite; integers that would become others are refused."""
    if array.dtype.kind not in "biuf" or not np.can_cast(array.dtype, port.dtype, "same_kind"):
        raise Error(f"{what}: array `{port.name}` has elements of {array.dtype}, which are no {port.dtype}; convert them first")
    with np.errstate(over="ignore"):  # to infinity, which is refused with all that is not finite
        converted = np.ascontiguousarray(array.astype(port.dtype, copy=False))
    if array.dtype.kind in "biu" and converted.dtype.kind in "iu" and not np.array_equal(converted, array):
        raise Error(f"{what}: array `{port.name}` has values beyond {port.dtype}; expected {_range(converted.dtype)}")
    if converted.dtype.kind == "f" and not np.isfinite(converted).all():
        raise Error(f"{what}: array `{port.name}` has values that are not finite")
    return converted


def _range(dtype: np.dtype) -> str:
    limits = np.iinfo(dtype)
    return f"{limits.min} to {limits.max}"


def check_names(data: Mapping[str, Any], names: list[str], what: str = "training data") -> None:
    """Refuses data that are not arrays of these names."""
    unknown, missing = [n for n in data if n not in names], [n for n in names if n not in data]
    if unknown or missing:
        wrong = f"array `{unknown[0]}` is unknown" if unknown else f"array `{missing[0]}` is missing"
        raise Error(f"{what}: {wrong}; expected {', '.join(names)}")


def check_labels(labels: np.ndarray, classes: int, what: str = "training data") -> None:
    """Refuses labels that are no class."""
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        found = labels.min() if labels.min() < 0 else labels.max()
        raise Error(f"{what}: label {found} is no class; expected 0 to {classes - 1}")


def get_batch(ports: list[Port]) -> int:
    """The first size that all inputs have."""
    sizes = {port.name: port.shape[0] if port.shape else None for port in ports}
    if len(set(sizes.values())) != 1 or None in sizes.values():
        found = ", ".join(f"`{name}`: {size}" for name, size in sizes.items())
        raise Error(f"the inputs have no batch in common ({found}); expected the same first size, such as --dim batch=64 at import")
    return int(next(iter(sizes.values())) or 0)
