"""Epochs: steps, validation, checkpoints, and when to stop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lowbit.errors import Error
from lowbit.progress import progress as show_progress
from lowbit.qat.batches import Batches
from lowbit.qat.checkpoint import Place, load_checkpoint, restore_order, save_checkpoint
from lowbit.qat.data import Rows
from lowbit.qat.validation import Validation

if TYPE_CHECKING:
    from lowbit.qat.run import Run

# A loss that is this many times what it was at first does not come back.
DIVERGED = 10.0


@dataclass(frozen=True)
class Epoch:
    """Means over an epoch. metric: what `metric` gave after it, else the accuracy in percent on validation data. valid: the loss on them."""

    number: int
    loss: float
    metric: float | None
    valid: float | None = None


@dataclass
class Keeper:
    """The checkpoint of a training, if it has one. every: steps between two within an epoch; 0: at the end of epochs only.

    state: arrays that steps change in place. best: the parameters of the lowest validation loss so far, if it is watched.
    """

    path: str | os.PathLike[str] | None = None
    resume: bool = False
    every: int = 0
    identity: Mapping[str, str] = field(default_factory=dict)
    course: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, np.ndarray] = field(default_factory=dict)
    best: dict[str, np.ndarray] = field(default_factory=dict)

    def check(self) -> None:
        """Refuses before any work what cannot be kept, or would be lost."""
        if self.every < 0:
            raise Error(f"`every` is {self.every}; expected a number of steps, or 0 for the end of epochs")
        if self.path is None:
            if self.resume:
                raise Error("a training is to be resumed, but no checkpoint is given; name it")
            return
        if not Path(self.path).parent.is_dir():
            raise Error(f"{self.path}: the checkpoint's folder does not exist; make it first")
        if Path(self.path).exists() and not self.resume:
            raise Error(f"{self.path}: there is a checkpoint already; resume it, or remove it to begin anew")

    def load(self, run: Run, steps: int) -> Place | None:
        """The place that the checkpoint has, if it is to be resumed."""
        if self.path is None or not self.resume:
            return None
        place, self.best = load_checkpoint(self.path, self.state, self.identity, self.course, steps)
        run.count = place.step
        run.push()
        return place

    def save(self, place: Place) -> None:
        """Keeps what is now; only what is finite gets here."""
        if self.path is not None:
            save_checkpoint(self.path, place, self.state, self.best, self.identity, self.course)

    def explain(self, place: Place) -> str:
        """What is left of a training that failed."""
        if self.path is None or not Path(self.path).exists():
            return "nothing of it is kept"
        return f"the checkpoint `{self.path}` is from before"


def train(
    run: Run,
    rows: Rows | Batches,
    step: Callable[[], None],
    result: Callable[[], dict[str, np.ndarray]],
    keeper: Keeper,
    *,
    epochs: int,
    seed: int,
    metric: Callable[[], float] | None = None,
    validation: Validation | None = None,
    patience: int = 0,
    report: Callable[[Epoch], None] | None = None,
    progress: bool = True,
) -> list[Epoch]:
    """Takes `step` after `step` until `epochs` are over, or the validation loss has had no new minimum for `patience` of them.

    result: gives the parameters as they would be taken now. With `patience` (0: never stops early), `keeper.best` has those of the lowest
    validation loss.
    """
    place = keeper.load(run, rows.steps) or Place(np.random.default_rng(seed).bit_generator.state)
    for _ in show_progress(range(place.epoch, epochs), "training", progress and report is None):
        if patience and place.epoch - place.best_epoch >= patience:
            break
        _take_steps(run, rows, step, keeper, place)
        epoch = _end_epoch(place, keeper, metric, validation, result)
        if epoch.valid is not None and patience and (place.best is None or epoch.valid < place.best):
            place.best, place.best_epoch, keeper.best = epoch.valid, place.epoch, result()
        keeper.save(place)
        if report:
            report(epoch)
    return [_epoch(i + 1, row) for i, row in enumerate(place.history)]


def _epoch(number: int, row: list[float | None]) -> Epoch:
    loss, metric, valid = row
    return Epoch(number, math.nan if loss is None else loss, metric, valid)


def _take_steps(run: Run, rows: Rows | Batches, step: Callable[[], None], keeper: Keeper, place: Place) -> None:
    """The steps of an epoch that are left."""
    order = restore_order(place)
    for _ in rows.epoch(order, run.data, len(place.losses), place.epoch):
        step()
        place.losses.append(run.loss)
        place.step = run.count
        place.first = place.losses[-1] if place.first is None else place.first
        if not math.isfinite(place.losses[-1]):
            _fail(keeper, place, f"the loss is no number at step {place.step}")
        if keeper.every and len(place.losses) % keeper.every == 0 and len(place.losses) < rows.steps:
            run.pull()
            _check_state(keeper, place)
            keeper.save(place)
    run.pull()
    _check_state(keeper, place)
    _check_course(keeper, place)
    place.order = dict(order.bit_generator.state)


def _end_epoch(
    place: Place,
    keeper: Keeper,
    metric: Callable[[], float] | None,
    validation: Validation | None,
    result: Callable[[], dict[str, np.ndarray]],
) -> Epoch:
    valid, accuracy = validation.measure(result()) if validation else (None, None)
    if valid is not None and not math.isfinite(valid):
        _fail(keeper, place, f"the validation loss is no number after step {place.step}")
    place.history.append([float(np.mean(place.losses)), float(metric()) if metric else accuracy, valid])
    place.epoch, place.losses = place.epoch + 1, []
    return _epoch(place.epoch, place.history[-1])


def _check_state(keeper: Keeper, place: Place) -> None:
    for name, array in keeper.state.items():
        if not np.isfinite(array).all():
            _fail(keeper, place, f"`{name}` is no number after step {place.step}")


def _check_course(keeper: Keeper, place: Place) -> None:
    usual = max([place.first or 0.0, *([float(place.history[0][0] or 0.0)] if place.history else [])])
    if not place.losses or not np.mean(place.losses) > DIVERGED * usual > 0:
        return
    began = place.step - len(place.losses) + int(np.argmax(np.array(place.losses) > DIVERGED * usual)) + 1
    _fail(keeper, place, f"the loss diverges from step {began}: {np.mean(place.losses):.4g} on average, and {usual:.4g} at first")


def _fail(keeper: Keeper, place: Place, what: str) -> None:
    remedy = "try a smaller rate, or a norm to `clip` gradients to"
    raise Error(f"training: {what} (epoch {place.epoch + 1}); {keeper.explain(place)}; {remedy}")
