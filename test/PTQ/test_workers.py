"""Calibration by workers that share no memory: the same bytes as in one process, and nothing lost when a worker dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from linear import load as linear

ROWS, INPUTS = 8, 24


def batches(count: int) -> Iterator[dict[str, np.ndarray]]:
    """Random batches of one input."""
    random = np.random.default_rng(3)
    for _ in range(count):
        yield {"x": random.standard_normal((ROWS, INPUTS)).astype(np.float32)}


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    """A linear layer."""
    return linear(tmp_path, np.random.default_rng(1).standard_normal((INPUTS, 5)).astype(np.float32), ROWS)


def files(stats: lowbit.Statistics, path: Path) -> list[bytes]:
    """What saving writes."""
    stats.save(path)
    return [path.read_bytes(), Path(f"{path}.moments.npz").read_bytes()]


def test_processes_change_no_byte(model: lowbit.Module, tmp_path: Path) -> None:
    alone = model.calibrate(batches(70), moments=["*"], progress=False)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        shared = model.calibrate(batches(70), moments=["*"], executor=executor, progress=False)
        assert files(alone, tmp_path / "alone.json") == files(shared, tmp_path / "shared.json")
        # What is wrong with a batch is said with its number.
        wrong = [*batches(20), {"y": np.zeros((ROWS, INPUTS), np.float32)}]
        with pytest.raises(lowbit.Error, match="batch 20: "):
            model.calibrate(wrong, executor=executor, progress=False)


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_pool_that_broke_is_an_error(model: lowbit.Module) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        executor.submit(_end)
        with pytest.raises((lowbit.Error, RuntimeError), match="worker|terminated"):
            model.calibrate(batches(20), executor=executor, progress=False)


class Killing(Executor):
    """Ends a worker of a cluster for good once work has been handed out."""

    def __init__(self, inner: Executor, victim: int, after: int) -> None:
        self.inner, self.victim, self.after, self.submitted = inner, victim, after, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As the executor within does."""
        future = self.inner.submit(fn, *args, **kwargs)
        self.submitted += 1
        if self.submitted == self.after:
            os.kill(self.victim, signal.SIGKILL)
        return future


def test_a_cluster_loses_nothing_with_a_worker(model: lowbit.Module, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    alone = model.calibrate(batches(300), moments=["*"], progress=False)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        killing = Killing(client.get_executor(), next(iter(client.run(os.getpid).values())), after=12)
        shared = model.calibrate(batches(300), moments=["*"], executor=killing, progress=False)
    assert killing.submitted == 19
    assert files(alone, tmp_path / "alone.json") == files(shared, tmp_path / "shared.json")
