"""Training over processes: the gradients of parts of a step, summed in one order."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.errors import Error
from training_model import RECIPE, make_data, write_net

OPTIONS = {"epochs": 2, "rate": 1e-2, "clip": 1.0, "progress": False}


def processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    return lowbit.load(write_net(tmp_path / "m.mlir"))


def test_parts_are_one_process_up_to_the_order_of_sums(tmp_path: Path, model: lowbit.Module) -> None:
    """Two parts of 8 rows beside a batch of 16; and the same bits whatever the executor."""
    data, double = make_data(96), lowbit.load(write_net(tmp_path / "double.mlir", batch=16))
    whole = qat.fit(double, data, RECIPE, optimizer="sgd", **OPTIONS)
    with processes(2) as pool:
        parts = qat.fit(model, data, RECIPE, optimizer="sgd", executor=pool, shards=2, **OPTIONS)
    with ThreadPoolExecutor(1) as pool:
        again = qat.fit(model, data, RECIPE, optimizer="sgd", executor=pool, shards=2, **OPTIONS)
    for name, value in whole.parameters.items():
        np.testing.assert_allclose(parts.parameters[name], value, rtol=1e-4, atol=1e-5)
        assert not np.array_equal(value, whole.plan.initial[name])
        assert parts.parameters[name].tobytes() == again.parameters[name].tobytes()
    assert parts.history[-1].loss == pytest.approx(whole.history[-1].loss, rel=1e-4)


def test_noise_is_that_of_one_process(tmp_path: Path, model: lowbit.Module) -> None:
    """Every part rounds weights, parametrized or not, as a batch of all rows would."""
    data, double = make_data(96), lowbit.load(write_net(tmp_path / "double.mlir", batch=16))
    options = {"optimizer": "sgd", "stochastic": ["*.weight"], "parametrization": ["fc1.weight=dorefa"], "seed": 5, **OPTIONS}
    whole = qat.fit(double, data, RECIPE, **options)
    with ThreadPoolExecutor(1) as pool:
        batches = [{name: array[i : i + 16] for name, array in data.items()} for i in range(0, 96, 16)]
        parts = qat.fit(model, data, RECIPE, executor=pool, shards=2, **options)
        listed = qat.fit(model, batches, RECIPE, executor=pool, shards=2, **options)
        with pytest.raises(Error, match="range_average is for training in one process, and there is an executor"):
            qat.fit(model, data, RECIPE, executor=pool, shards=2, range_average=0.9, **options)
    in_order = qat.fit(double, batches, RECIPE, **options)
    for name, value in whole.parameters.items():
        np.testing.assert_allclose(parts.parameters[name], value, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(listed.parameters[name], in_order.parameters[name], rtol=1e-4, atol=1e-5)


class Killed(Executor):
    """A pool whose worker is killed at the third part."""

    def __init__(self) -> None:
        self.pool, self.count = processes(1), 0

    def submit(self, fn: Any, /, *arguments: Any, **named: Any) -> Future:
        self.count += 1
        return self.pool.submit(_die if self.count == 3 else fn, *arguments, **named)


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies(model: lowbit.Module) -> None:
    executor = Killed()
    with pytest.raises(Error, match="a worker of the executor ended before its work was done .*resume from the checkpoint, or train again"):
        qat.fit(model, make_data(96), None, executor=executor, shards=2, **OPTIONS)
    executor.pool.shutdown()


def test_shards_without_an_executor(model: lowbit.Module) -> None:
    with pytest.raises(Error, match="shards is 2; expected at least 1, and an `executor` that computes them"):
        qat.fit(model, make_data(96), None, shards=2, **OPTIONS)


def test_too_few_rows_for_all_parts(model: lowbit.Module) -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(Error, match="20 rows; expected at least the model's batch of 24"):
        qat.fit(model, make_data(20), None, executor=pool, shards=3, **OPTIONS)
