"""Training data that come in batches, from anything that can be iterated anew for each epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import numpy as np

from lowbit.errors import Error
from lowbit.module import Port
from lowbit.qat.checkpoint import digest
from lowbit.qat.data import Rows, check_labels, check_names, convert

Batch: TypeAlias = Mapping[str, Any]
# Arrays of rows; batches that can be iterated again and again; or a function that gives those of an epoch, by its number from 0.
Data: TypeAlias = Mapping[str, Any] | Iterable[Batch] | Callable[[int], Iterable[Batch]]


class Batches:
    """An epoch is what `source` gives from begin to end: batches {input: array, "labels": array} of the shapes of a step, in their order.

    The first epoch is gone through once before training: it says how many batches an epoch has, and what the data are (`digest`). classes: above
    0, labels are below it.
    """

    def __init__(self, source: Any, ports: list[Port], what: str = "training data", classes: int = 0) -> None:
        self._source, self._ports, self._what, self._classes = source, ports, what, classes
        self.steps, state = 0, ""
        for batch in self._read(0):
            state = digest(state, batch)
            self.steps += 1
        self._digest = state
        if self.steps == 0:
            raise Error(f"{what}: there are no batches; expected at least one")

    @property
    def digest(self) -> str:
        """A short name for the contents of the first epoch."""
        return self._digest

    def epoch(self, order: np.random.Generator, into: Mapping[str, np.ndarray], start: int = 0, number: int = 0) -> Iterator[None]:
        """Writes the batches of epoch `number`, from batch `start` on, into the arrays `into`; `order` has no say in it."""
        count = start
        for batch in islice(self._read(number), start, None):
            if count == self.steps:
                raise Error(
                    f"{self._what}: epoch {number + 1} has more than {self.steps} batches, as many as the first had; expected the same number"
                )
            for name, array in batch.items():
                into[name][...] = array
            count += 1
            yield
        if count != self.steps:
            raise Error(f"{self._what}: epoch {number + 1} has {count} batches, and the first had {self.steps}; expected the same number")

    def in_order(self, into: Mapping[str, np.ndarray]) -> Iterator[None]:
        """The batches of the first epoch."""
        yield from self.epoch(np.random.default_rng(0), into)

    def _read(self, number: int) -> Iterator[dict[str, np.ndarray]]:
        for i, batch in enumerate(iterate(self._source, number, self._what)):
            where = f"{self._what}, batch {i} of epoch {number + 1}"
            arrays = read_batch(batch, self._ports, where)
            if self._classes:
                check_labels(arrays["labels"], self._classes, where)
            yield arrays


def is_rows(data: Any) -> bool:
    """Whether `data` are arrays of rows, and no batches."""
    return isinstance(data, Mapping)


def iterate(source: Any, number: int, what: str = "training data") -> Iterator[Batch]:
    """The batches of epoch `number`."""
    given = source if isinstance(source, Iterable) else source(number) if callable(source) else None
    if not isinstance(given, Iterable):
        raise Error(
            f"{what}: {type(source).__name__} gives no batches; expected arrays by name, an iterable of batches, or a function of the epoch's "
            "number that gives one"
        )
    batches = iter(given)
    if batches is source:
        raise Error(
            f"{what}: {type(source).__name__} can be iterated once, and epochs go over the data again; expected a list, a loader, or a function "
            "of the epoch's number that gives batches"
        )
    return batches


def read_batch(batch: Any, ports: list[Port], what: str) -> dict[str, np.ndarray]:
    """The arrays of a batch in the shapes and elements of `ports`."""
    if not isinstance(batch, Mapping):
        raise Error(f"{what}: is of {type(batch).__name__}; expected arrays by name, {', '.join(port.name for port in ports)}")
    check_names(batch, [port.name for port in ports], what)
    arrays = {}
    for port in ports:
        array = np.asarray(batch[port.name])
        if array.shape != tuple(port.shape):
            raise Error(f"{what}: array `{port.name}` has shape {list(array.shape)}; expected {list(port.shape)}")
        arrays[port.name] = convert(port, array, what)
    return arrays


def open_data(data: Data, ports: list[Port], what: str = "training data", classes: int = 0) -> Rows | Batches:
    """What training reads `data` through. classes: above 0, labels are below it."""
    if not is_rows(data):
        return Batches(data, ports, what, classes)
    rows = Rows(data, ports, what)
    if classes:
        check_labels(rows.arrays["labels"], classes, what)
    return rows


def calibration_batches(data: Data, inputs: list[Port], shards: int) -> Iterator[dict[str, np.ndarray]]:
    """The inputs of a model, without labels, in its batches; a step has `shards` of them."""
    if is_rows(data):
        rows = Rows({name: array for name, array in data.items() if name != "labels"}, inputs)  # type: ignore[union-attr]
        for start in range(0, rows.steps * rows.batch, rows.batch):
            yield {name: array[start : start + rows.batch] for name, array in rows.arrays.items()}
        return
    names = [port.name for port in inputs]
    for i, batch in enumerate(iterate(data, 0)):
        where = f"training data, batch {i} of epoch 1"
        if isinstance(batch, Mapping):
            check_names(batch, [*names, "labels"], where)
            parts = [np.array_split(np.asarray(batch[name]), shards) if np.ndim(batch[name]) else [batch[name]] for name in names]
            for part in zip(*parts, strict=False):
                yield read_batch(dict(zip(names, part, strict=True)), inputs, where)
        else:
            read_batch(batch, inputs, where)
