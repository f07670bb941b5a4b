"""Time of work on the GPU, without the host's: each contestant's calls are one CUDA graph, and graphs take turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch

ROUNDS = 7
SLICE = 3e-3  # seconds that one turn is meant to take


class Contestant:
    """Calls in turn with several sets of arrays, so that what was read last time is no longer in the cache."""

    def __init__(self, call: Callable[[int], Any], sets: int) -> None:
        for i in range(sets):
            call(i)
        torch.cuda.synchronize()
        once = self._seconds(lambda: [call(i) for i in range(sets)]) / sets
        self.calls = max(sets, min(400, int(SLICE / max(once, 1e-6))) // sets * sets)
        self.graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(self.graph):
                for i in range(self.calls):
                    call(i % sets)
            self.run = self.graph.replay
        except RuntimeError:  # what cannot be recorded is called
            torch.cuda.synchronize()
            self.run = lambda: [call(i % sets) for i in range(self.calls)]
            self.graph = None
        self.run()

    @staticmethod
    def _seconds(run: Callable[[], Any]) -> float:
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        stop.record()
        stop.synchronize()
        return start.elapsed_time(stop) / 1e3

    def turn(self) -> float:
        """Seconds a call."""
        return self._seconds(self.run) / self.calls


def race(calls: Mapping[str, Callable[[int], Any]], sets: int) -> dict[str, dict[str, float]]:
    """Median and shortest seconds a call of each; one that fails says why."""
    contestants, results = {}, {}
    for name, call in calls.items():
        try:
            contestants[name] = Contestant(call, sets)
        except Exception as error:  # noqa: BLE001 - a peer that cannot is a line, not an end
            results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
    turns = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            turns[name].append(contestant.turn())
    for name, seconds in turns.items():
        results[name] = {"median": statistics.median(seconds), "minimum": min(seconds), "graph": contestants[name].graph is not None}
    return results
