"""Calibration by workers that share no memory with the caller: pools of processes, clusters."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lowbit import _native
from lowbit.arrays import bind
from lowbit.errors import Error
from lowbit.statistics import Statistics

Shard = list[tuple[int, Mapping[str, Any]]]
"""Batches with their numbers."""


@dataclass(frozen=True)
class Request:
    """What is to be recorded, as `_native.Model.calibrate` takes it."""

    observer: str
    axes: str
    sites: tuple[str, ...]
    moments: tuple[str, ...]
    mask: str
    recipe: str
    entry: str
    threads: int

    def prepare(self, model: _native.Model) -> _native.Calibration:
        """Instruments and compiles a copy of the model."""
        return model.calibrate(
            self.observer, self.axes, list(self.sites), list(self.moments), self.mask, self.recipe, self.entry, self.threads
        )


def split(batches: Iterable[Mapping[str, Any]]) -> Iterator[Shard]:
    """As many batches at a time as are recorded together; none is read before it is needed."""
    shard: Shard = []
    for numbered in enumerate(batches):
        shard.append(numbered)
        if len(shard) == _native.CALIBRATION_SHARD:
            yield shard
            shard = []
    if shard:
        yield shard


def record(run: _native.Calibration, shard: Shard) -> Statistics:
    """Runs the model over a shard, apart from `run`."""
    run = run.fork()
    inputs = run.entry.inputs
    for number, batch in shard:
        try:
            run.run(bind(inputs, (), batch))
        except Error as failure:
            raise Error(f"batch {number}: {failure.message}", failure.location) from None
    return Statistics(run.finish())


def in_order(executor: ThreadPoolExecutor, run: _native.Calibration, shards: Iterable[Shard]) -> Iterator[Statistics]:
    """Statistics of each shard, in order; those that the caller has taken are not kept."""
    futures = deque(executor.submit(record, run, shard) for shard in shards)
    while futures:
        yield futures.popleft().result()


@lru_cache(maxsize=1)
def _open(path: str, request: Request) -> _native.Calibration:
    return request.prepare(_native.Model.load(path))


def _record_file(path: str, request: Request, shard: Shard) -> Statistics:
    """What a worker does: it compiles the model once."""
    return record(_open(path, request), shard)


def calibrate(model: _native.Model, request: Request, batches: Iterable[Mapping[str, Any]], executor: Executor) -> Iterator[Statistics]:
    """Statistics of each shard, in order. Workers read the model from this machine's temporary folder, which they must see."""
    with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
        path = os.path.join(folder, "model.mlir")
        model.save(path, False)
        futures = [executor.submit(_record_file, path, request, shard) for shard in split(batches)]
        try:
            for future in futures:
                yield future.result()
        except BrokenExecutor as failure:
            raise Error(f"a worker of the executor ended before its work was done ({failure}); nothing was recorded, calibrate again") from failure
        finally:
            for future in futures:
                future.cancel()
