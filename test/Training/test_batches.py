"""Training data that come in batches: the same bits as arrays in that order, resumed or not; and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.qat.run import Run
from training_model import RECIPE, make_data, write_net

DATA = make_data(96)


def cut(order: np.ndarray) -> list[dict[str, np.ndarray]]:
    return [{name: array[order[i : i + 8]] for name, array in DATA.items()} for i in range(0, 96, 8)]


def shuffled(epoch: int) -> Iterator[dict[str, np.ndarray]]:
    """As `fit` shuffles arrays by seed 0."""
    order = np.random.default_rng(0)
    for _ in range(epoch):
        order.permutation(96)
    yield from cut(order.permutation(96))


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    return lowbit.load(write_net(tmp_path / "m.mlir"))


def same(left: qat.Trained, right: qat.Trained) -> bool:
    return all(left.parameters[name].tobytes() == right.parameters[name].tobytes() for name in right.parameters)


def calibrate(model: lowbit.Module) -> lowbit.Statistics:
    return model.calibrate([{"x": batch["x"]} for batch in cut(np.arange(96))], recipe=RECIPE, progress=False)


def test_a_function_of_the_epoch(model: lowbit.Module) -> None:
    """The same rows in the same order give the same bits, in training as in validation."""
    options = {"stats": calibrate(model), "epochs": 3, "rate": 1e-2, "progress": False}
    arrays = qat.fit(model, DATA, RECIPE, valid=DATA, **options)
    batches = qat.fit(model, shuffled, RECIPE, valid=cut(np.arange(96)), **options)
    assert same(arrays, batches) and arrays.history == batches.history


def test_a_list_is_taken_in_its_order(model: lowbit.Module) -> None:
    """Calibration takes it, too: ranges are those of all batches."""
    options = {"epochs": 2, "rate": 1e-2, "progress": False}
    batches = cut(np.arange(96))
    assert same(qat.fit(model, batches, RECIPE, **options), qat.fit(model, lambda epoch: iter(batches), RECIPE, **options))
    assert not same(qat.fit(model, batches, RECIPE, **options), qat.fit(model, DATA, RECIPE, **options))


@pytest.mark.parametrize("stop", [5, 12, 17])
def test_resumed_has_the_same_bits(tmp_path: Path, model: lowbit.Module, stop: int) -> None:
    """Stopped in an epoch, or between two (12 steps each): it goes on behind the batches that were taken."""
    options = {"epochs": 2, "rate": 1e-2, "progress": False}
    whole, step = qat.fit(model, shuffled, RECIPE, **options), Run.step
    kept = {"checkpoint": tmp_path / "c.npz", "every": 1}

    def until(self: Run, rate: float) -> None:
        if self.count == stop:
            raise KeyboardInterrupt
        step(self, rate)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "step", until)
        with pytest.raises(KeyboardInterrupt):
            qat.fit(model, shuffled, RECIPE, **options, **kept)
    with pytest.raises(lowbit.Error, match="its data differs"):
        qat.fit(model, cut(np.arange(96)[::-1]), RECIPE, stats=calibrate(model), **options, **kept, resume=True)
    assert same(whole, qat.fit(model, shuffled, RECIPE, **options, **kept, resume=True))


def change(number: int, name: str, value: Any) -> Callable[[], list[Any]]:
    def make() -> list[Any]:
        batches = cut(np.arange(96))
        batches[number] = {**batches[number], name: value}
        return batches

    return make


def unsteady(epoch: int) -> list[dict[str, np.ndarray]]:
    return cut(np.arange(96))[: 12 - epoch]


def growing(epoch: int) -> list[dict[str, np.ndarray]]:
    return [*cut(np.arange(96)), *cut(np.arange(96))[:epoch]]


ERRORS = {
    "once": (lambda: shuffled(0), "training data: generator can be iterated once, and epochs go over the data again; expected a list"),
    "none": (list, "there are no batches; expected at least one|calibration has no data; expected at least one batch"),
    "no batches": (lambda: 5, "training data: int gives no batches; expected arrays by name, an iterable of batches, or a function"),
    "a function of nothing": (lambda: lambda epoch: None, "gives no batches"),
    "no names": (lambda: [np.zeros((8, 6))], r"training data, batch 0 of epoch 1: is of ndarray; expected arrays by name"),
    "a name": (change(1, "y", np.zeros(8)), r"batch 1 of epoch 1: array `y` is unknown; expected x, labels"),
    "shape": (change(2, "x", np.zeros((8, 5), np.float32)), r"batch 2 of epoch 1: array `x` has shape \[8, 5\]; expected \[8, 6\]"),
    "rows": (change(11, "x", np.zeros((7, 6), np.float32)), r"batch 11 of epoch 1: array `x` has shape \[7, 6\]; expected \[8, 6\]"),
    "dtype": (change(3, "x", np.full((8, 6), "a")), r"batch 3 of epoch 1: array `x` has elements of <U1, which are no float32"),
    "label type": (change(3, "labels", np.zeros(8)), r"batch 3 of epoch 1: array `labels` has elements of float64, which are no int32"),
    "label": (change(4, "labels", np.full(8, 3)), r"batch 4 of epoch 1: label 3 is no class; expected 0 to 2"),
    "not finite": (change(5, "x", np.full((8, 6), np.nan, np.float32)), r"batch 5 of epoch 1: array `x` has values that are not finite"),
    "fewer": (lambda: unsteady, "epoch 2 has 11 batches, and the first had 12; expected the same number"),
    "more": (lambda: growing, "epoch 2 has more than 12 batches, as many as the first had; expected the same number"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_refusals(model: lowbit.Module, name: str) -> None:
    make, message = ERRORS[name]
    with pytest.raises(lowbit.Error) as failure:
        qat.fit(model, make(), RECIPE, epochs=2, progress=False)
    assert re.search(message, str(failure.value)), failure.value
    if name in ("once", "no batches"):
        with pytest.raises(lowbit.Error, match=message.replace("training", "validation")):
            qat.fit(model, DATA, RECIPE, epochs=1, valid=make(), progress=False)
