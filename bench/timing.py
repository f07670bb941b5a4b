"""Times of calls that take turns.

A call is a C function or a Python callable. In every round each call gets a slice of time, so that a change of the machine's state meets all
of them; what is reported is the minimum and the median over all rounds.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bench import native

FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
# More than any cache here; read between calls whose weights shall come from memory.
EVICTED_BYTES = 160 << 20


class Call(Protocol):
    """Something to time."""

    def sample(self, batch: int, count: int) -> np.ndarray:
        """Seconds of a call, `count` times, each over `batch` calls."""


@dataclass
class NativeCall:
    """`function(context)`, both addresses; `owner` keeps what they point to alive."""

    function: int
    context: int
    owner: Any = None

    def sample(self, batch: int, count: int) -> np.ndarray:
        """Measured by a loop in C."""
        seconds = np.empty(count)
        loop = native.load("timing").bench_time
        loop(ctypes.c_void_p(self.function), ctypes.c_void_p(self.context), batch, count, seconds.ctypes.data_as(ctypes.c_void_p))
        return seconds


@dataclass
class PythonCall:
    """A callable of a library that has no other interface; Python's own 0.1 microseconds are part of its time."""

    function: Callable[[], Any]
    owner: Any = None

    def sample(self, batch: int, count: int) -> np.ndarray:
        """Measured call by call."""
        seconds, clock, function = np.empty(count), time.perf_counter, self.function
        for i in range(count):
            begin = clock()
            for _ in range(batch):
                function()
            seconds[i] = (clock() - begin) / batch
        return seconds


@dataclass
class Measurement:
    """Seconds a call."""

    minimum: float
    median: float
    rounds: int
    samples: int


def measure(calls: Sequence[Call], rounds: int, slice_seconds: float, cold: bool = False) -> list[Measurement]:
    """Lets `calls` take turns. With `cold`, caches are taken before every single call."""
    plans = [_plan(call, slice_seconds, cold) for call in calls]
    samples: list[list[np.ndarray]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, (batch, count), kept in zip(calls, plans, samples, strict=True):
            if cold:
                for _ in range(count):
                    evict()
                    kept.append(call.sample(1, 1))
            else:
                call.sample(1, 1)  # its weights come back into the caches that the others have used
                kept.append(call.sample(batch, count))
    results = []
    for kept in samples:
        seconds = np.concatenate(kept)
        results.append(Measurement(float(seconds.min()), float(np.median(seconds)), rounds, len(seconds)))
    return results


def _plan(call: Call, slice_seconds: float, cold: bool) -> tuple[int, int]:
    """How many calls make a sample, and how many samples a slice."""
    call.sample(1, 1)
    once = float(call.sample(1, 2).min())
    if cold:
        return 1, 3
    batch = max(1, min(200, int(20e-6 / once)))
    return batch, max(2, min(400, int(slice_seconds / (once * batch))))


_evicted: list[np.ndarray] = []


def evict() -> None:
    """Takes the caches."""
    if not _evicted:
        _evicted.append(np.ones(EVICTED_BYTES, np.uint8))
    native.load("timing").bench_evict(ctypes.c_void_p(_evicted[0].ctypes.data), ctypes.c_size_t(EVICTED_BYTES))
