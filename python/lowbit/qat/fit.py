"""The training loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.module import Module
from lowbit.qat.average import Average
from lowbit.qat.batches import Batches, Data, calibration_batches, is_rows, open_data
from lowbit.qat.checkpoint import digest
from lowbit.qat.data import Rows, check_names, get_batch
from lowbit.qat.loop import Epoch, Keeper, train
from lowbit.qat.prepare import Plan, prepare
from lowbit.qat.run import Run, ShardedRun
from lowbit.qat.schedule import get_rate
from lowbit.qat.shards import Shards
from lowbit.qat.validation import Validation
from lowbit.statistics import Statistics


@dataclass(frozen=True)
class Trained:
    """module: the model as it is deployed, on codes. parameters: what was trained, by name; `plan.finish` makes the module of them."""

    module: Module
    plan: Plan
    parameters: dict[str, np.ndarray]
    history: list[Epoch]
    patience: int = 0

    @property
    def best(self) -> Epoch | None:
        """The epoch that the parameters are from."""
        if not self.history:
            return None
        return min(self.history, key=lambda epoch: epoch.valid or 0.0) if self.patience else self.history[-1]


def fit(
    module: Module,
    data: Data,
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None,
    *,
    stats: Statistics | None = None,
    epochs: int = 10,
    loss: str = "cross_entropy",
    optimizer: str = "adam",
    rate: float = 1e-3,
    schedule: str = "cosine",
    scale_rate: float = 0.1,
    rates: Mapping[str, float] | None = None,
    clip: float = 0.0,
    estimator: str = "lsq",
    parametrization: str | Iterable[str] = (),
    stochastic: str | Iterable[str] = (),
    range_average: float = 0.0,
    freeze_batch_norm: int | None = None,
    momentum: float = 0.1,
    parameters: Iterable[str] = (),
    start: Mapping[str, np.ndarray] | None = None,
    warmup: int = 0,
    average: float = 0.0,
    teacher: Module | None = None,
    terms: Iterable[str] = ("result=divergence<temperature = 2.0>*1.0",),
    labels: float = 1.0,
    seed: int = 0,
    metric: Callable[[Module], float] | None = None,
    valid: Data | None = None,
    patience: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 0,
    resume: bool = False,
    report: Callable[[Epoch], None] | None = None,
    threads: int = 1,
    target: str = "host",
    budget: int = 0,
    executor: Executor | None = None,
    shards: int = 1,
    progress: bool = True,
) -> Trained:
    """Trains `module` on `data` ({input: array, "labels": array}) as `recipe` quantizes it; None trains floats.

    data: arrays of rows, which each epoch shuffles; or batches of the shapes of a step, in their own order: an iterable that can be iterated for
    each epoch anew, such as a list or a loader, or a function that gives one by the epoch's number, from 0. An epoch is what it gives from begin
    to end.

    stats: for static activations; by default those of the training data. rate: of the first step, or the highest of the schedule.
    scale_rate: the rate of scales, as a share of it. warmup: steps over which the rate rises in a line from near 0. average: above 0, what
    comes out is an exponential average of the parameters over steps, of this decay, such as 0.99. seed: of the order of rows; the same
    seed gives the same bits. metric: of the model as it would be deployed, after each epoch.

    rates: by pattern of parameters, the factor of their rate; the first that matches counts. parametrization: what is rounded in place of weights
    (docs/training.md): "twn", or of several, by pattern, "fc*.weight=twn". stochastic: patterns of what is rounded stochastically in training,
    such as "*.weight". range_average: above 0, scales of activations are not trained, but averages of those that steps see, of this decay.

    freeze_batch_norm: the epochs after which batch norm takes running averages in place of its batch's mean and variance; by default never, 0:
    from the start, so that folded weights and biases are trained. momentum: of those averages, the share of a batch.

    start: values of parameters to start from, by name, such as `parameters` of a training at more bits (without its scales); the others start
    from the recipe's.

    teacher: a model of the same inputs (float or not, of any size), whose values `terms` compare with those of the model that is trained; each
    is WHAT=LOSS*WEIGHT, and what the `loss` counts beside them is `labels` (docs/Passes.md, `lowbit-distill`; Hinton et al., 2015).

    valid: as `data`, for the loss after each epoch. patience: epochs without a lower one, after which training stops with the parameters of the
    lowest; 0: never. checkpoint: an .npz that is written after each epoch and every `every` steps; with `resume` training goes on from there, to
    the same bits. report: is told of each epoch. threads: any number gives the same bits. target: what steps and validation are
    compiled for, such as "nvptx:sm_90a"; a GPU keeps parameters and the optimizer's state. budget: the most bytes of a step's forward pass that are
    kept for its backward pass, which computes the rest again (docs/training.md); 0: as many as is fastest.

    executor, shards: a step has `shards` batches, whose gradients an executor's workers compute (docs/training.md); by default one, here.
    """
    if shards < 1 or (shards > 1 and executor is None):
        raise Error(f"shards is {shards}; expected at least 1, and an `executor` that computes them")
    _check(epochs=epochs, patience=patience, warmup=warmup, seed=seed, budget=budget)
    _check_teacher(teacher, labels)
    if not 0 < rate < float("inf") or not 0 <= average < 1:
        raise Error(f"rate is {rate} and average {average}; expected a rate above 0, such as 0.001, and a decay from 0 to below 1")
    if range_average and executor is not None:
        raise Error("range_average is for training in one process, and there is an executor; train scales, or leave the executor out")
    if freeze_batch_norm is not None:
        _check(freeze_batch_norm=freeze_batch_norm)
    if not 0 < momentum <= 1:
        raise Error(f"momentum is {momentum}; expected the share of a batch in averages, above 0 and at most 1, such as 0.1")
    if patience and valid is None:
        raise Error(f"patience is {patience}, but there are no validation data to stop by; give `valid`")
    keeper = Keeper(checkpoint, resume, every)
    keeper.check()
    if is_rows(data):
        check_names(data, [*(port.name for port in module.inputs), "labels"])
    get_batch(module.inputs)
    get_rate(schedule, rate, 0, 1)
    if recipe is not None and stats is None:
        stats = _calibrate(module, data, recipe, progress, shards)
    form = {"parametrization": _list(parametrization), "stochastic": _list(stochastic), "range_average": range_average}
    norm = {"batch_norm": freeze_batch_norm != 0, "momentum": momentum}
    plan = prepare(module, recipe, stats, estimator=estimator, parameters=parameters, **form, **norm)
    gradients = plan.add_gradients(loss=loss, teacher=teacher, terms=terms, labels=labels, budget=budget)
    plan = replace(plan, initial=_merge({**plan.initial, **plan.get_projections(gradients)}, start or {}))
    factors = [f"{pattern}={factor!r}" for pattern, factor in (rates or {}).items()]
    step_options = {"optimizer": optimizer, "scale_rate": scale_rate, "rates": factors, "clip": clip, "threads": threads, "target": target}
    noise = seed if form["stochastic"] else None
    if executor is None:
        run = Run(plan.compile_step(gradients, **step_options), plan.initial, noise, plan.normalizes)
    else:
        summed = plan.compile_step(gradients, **step_options, summed=True)
        run = ShardedRun(summed, plan.initial, Shards(gradients, executor, shards, target), noise, plan.normalizes)
    classes = _classes(module) if loss.startswith("cross_entropy") else 0
    rows = open_data(data, run.data_ports, classes=classes)
    averages = Average({name: run.state[name] for name in plan.initial}, average) if average > 0 else None
    validation = None
    if valid is not None:
        validation = Validation(plan.compile_loss(loss=loss, threads=threads, target=target), plan.initial, valid, plan.derive, classes)
    keeper.state = {**run.state, **(averages.state if averages else {})}
    if checkpoint is not None:
        said = {
            "loss": loss,
            "optimizer": optimizer,
            "estimator": estimator,
            "seed": seed,
            "shards": shards,
            "terms": list(terms) if teacher else None,
            "start": digest(start) if start else None,
        }
        said.update({name: value for name, value in form.items() if value})
        if plan.normalizes:
            said.update(momentum=momentum, freeze_batch_norm=freeze_batch_norm)
        keeper.identity = _identify(plan, rows, teacher, {**said, "labels": labels, "average": average > 0})
        course = {
            **({"rates": factors} if factors else {}),
            "rate": rate,
            "schedule": schedule,
            "epochs": epochs,
            "scale_rate": scale_rate,
            "clip": clip,
        }
        keeper.course = {name: str(value) for name, value in {**course, "warmup": warmup, "average": average}.items()}
    total = epochs * rows.steps

    def step() -> None:
        if freeze_batch_norm is not None:
            run.freeze(run.count >= freeze_batch_norm * rows.steps)
        run.step(get_rate(schedule, rate, run.count, total, warmup))
        if averages:
            run.pull()
            averages.update(run.count)

    def result() -> dict[str, np.ndarray]:
        return averages.values if averages else run.parameters

    history = train(
        run,
        rows,
        step,
        result,
        keeper,
        epochs=epochs,
        seed=seed,
        metric=(lambda: metric(plan.finish(result()))) if metric else None,
        validation=validation,
        patience=patience,
        report=report,
        progress=progress,
    )
    trained = keeper.best if patience and keeper.best else result()
    return Trained(plan.finish(trained), plan, trained, history, patience)


def _check(**counts: int) -> None:
    for name, value in counts.items():
        if value < 0:
            raise Error(f"{name} is {value}; expected at least 0")


def _check_teacher(teacher: Module | None, labels: float) -> None:
    if not (labels >= 0 and np.isfinite(labels)):
        raise Error(f"labels is {labels}; expected the weight of the loss beside the teacher's terms, at least 0")
    if teacher is None and labels != 1:
        raise Error(f"labels is {labels}, but there is no teacher; expected `teacher`, or labels = 1")


def _identify(plan: Plan, rows: Rows | Batches, teacher: Module | None, options: Mapping[str, Any]) -> dict[str, str]:
    """What a training is of; contents by their digest."""
    contents = {"data": rows.digest, "model or recipe": digest(plan.forward._native.print(False))}
    if teacher is not None:
        contents["teacher"] = digest(teacher._native.print(False))
    return {**contents, **{name: str(value) for name, value in options.items()}}


def _merge(initial: Mapping[str, np.ndarray], start: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    for name, value in start.items():
        if name not in initial:
            raise Error(f"start: there is no parameter `{name}`; expected names among {', '.join(initial)}")
        if np.shape(value) != initial[name].shape or not np.isfinite(value).all():
            raise Error(f"start: `{name}` has shape {list(np.shape(value))}; expected finite values of shape {list(initial[name].shape)}")
    return {**initial, **start}


def _list(texts: str | Iterable[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _calibrate(module: Module, data: Data, recipe: Any, progress: bool, shards: int = 1) -> Statistics:
    batches = calibration_batches(data, module.inputs, shards)
    return module.calibrate(list(batches) if is_rows(data) else batches, recipe=recipe, progress=progress)


def _classes(module: Module) -> int:
    return int(module.outputs[0].shape[-1] or 0)
