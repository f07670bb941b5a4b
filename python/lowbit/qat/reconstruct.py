"""Roundings of weights that are learned block by block, from what each block gives."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.module import Module
from lowbit.naming import NAMED
from lowbit.progress import progress as show_progress
from lowbit.qat.data import Rows
from lowbit.qat.fit import _calibrate
from lowbit.qat.prepare import Plan, _options, prepare
from lowbit.qat.run import Run
from lowbit.statistics import Statistics

_SUFFIX = ".rounding"
_DECIDED = 10.0  # h(v) is 1 there, and 0 at its negative
_WARMUP, _FIRST_BETA, _LAST_BETA = 0.2, 20.0, 2.0
_EXTRA = ("labels", "beta", "regularization")


@dataclass(frozen=True)
class Block:
    """Sites whose roundings were learned together.

    before: the mean squared error of what the last of them gives, over all data, each weight rounded to nearest; after: rounded as was
    learned. kept: whether the learned roundings are better, and so are those of the model.
    """

    sites: tuple[str, ...]
    before: float
    after: float
    kept: bool


@dataclass(frozen=True)
class Reconstructed:
    """module: the model as it is deployed, on codes. parameters: the roundings, `SITE.rounding`; above zero is up."""

    module: Module
    blocks: list[Block]
    plan: Plan
    parameters: dict[str, np.ndarray]


def reconstruct(
    module: Module,
    data: Mapping[str, Any],
    recipe: str | os.PathLike[str] | Mapping[str, Any],
    stats: Statistics | None = None,
    blocks: Iterable[str] | None = None,
    *,
    steps: int = 1000,
    rate: float = 1e-2,
    regularization: float = 10.0,
    seed: int = 0,
    threads: int = 1,
    progress: bool = True,
) -> Reconstructed:
    """Learns which weights are rounded up and which down, so that each block gives what the float model's does (BRECQ, Li et al., 2021,
    arXiv:2102.05426).

    data: {input: array}, rows as `fit` takes them, without labels. stats: for static activations; by default those of the data. blocks:
    patterns of sites, in the order of the model; each is learned by the squared error of what its last site gives, behind the codes of
    those before it. By default every site is one; what no pattern matches is as `Module.quantize` leaves it. steps: for each block, on a batch of the model's rows. regularization: how much
    undecided roundings cost after the first fifth of the steps, as a share of the error of rounding to nearest. seed: of the order of rows.

    A block that would be worse than rounded to nearest is rounded to nearest. Scales are those of the recipe's algorithms, which must not
    change what sites give (`equalize` and `rotate` do).
    """
    if steps < 1 or not rate > 0 or not regularization >= 0 or not np.isfinite(rate * regularization):
        raise Error(f"reconstruction: steps is {steps}, rate {rate} and regularization {regularization}; expected positive numbers")
    if stats is None:
        stats = _calibrate(module, data, recipe, progress)
    patterns = None if blocks is None else list(blocks)
    if patterns == []:
        raise Error("reconstruction: there are no blocks; expected patterns of sites, or None")
    plan = prepare(module, recipe, stats, parameters=[f"*{_SUFFIX}"], soften=patterns or ["*"])
    groups = _split([name.removesuffix(_SUFFIX) for name in plan.initial], patterns)
    decided = {name: _decide(value) for name, value in plan.initial.items()}
    rows, order, done = Rows(data, module.inputs), np.random.default_rng(seed), []
    with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
        teacher = Path(folder, "float.mlir")
        module.transform(NAMED).save(teacher)
        for sites in show_progress(groups, "reconstructing", progress):
            run = _Learner(plan, sites, teacher, decided, threads)
            before = run.measure(rows)
            learned = run.learn(rows, order, plan.initial, steps, rate, regularization * before)
            after = run.measure(rows)
            kept = after < before
            if kept:
                decided.update(learned)
            done.append(Block(sites, before, after, kept))
    return Reconstructed(plan.finish(decided), done, plan, decided)


class _Learner:
    """One compiled step: the gradient of a block's error by its roundings. Where both rate and regularization are zero it measures."""

    def __init__(self, plan: Plan, sites: tuple[str, ...], teacher: Path, decided: Mapping[str, np.ndarray], threads: int) -> None:
        self.names = [site + _SUFFIX for site in sites]
        globs = [_literal(site) for site in sites]
        pipeline = ",".join(
            [
                f"lowbit-add-loss{_options(loss='squared_error')}",
                f"lowbit-distill{_options(file=str(teacher), terms=[f'{globs[-1]}=squared_error*1'], labels=0)}",
                f"lowbit-add-rounding-loss{_options(sites=globs)}",
                f"lowbit-differentiate{_options(wrt=self.names)}",
                # What is not called is not compiled: the model, its loss and the gradients alone.
                "lowbit-add-optimizer,symbol-privatize{exclude=training_step},symbol-dce,canonicalize,cse",
            ]
        )
        step = Module(plan.forward._native.transform(pipeline), "training_step").compile("host", threads)
        self.run = Run(step, decided)

    def learn(
        self, rows: Rows, order: np.random.Generator, initial: Mapping[str, np.ndarray], steps: int, rate: float, strength: float
    ) -> dict[str, np.ndarray]:
        """From `initial` on, `steps` steps; the decided roundings, which are then those of the step."""
        self._reset({name: initial[name] for name in self.names})
        batches = self._batches(rows, order)
        warm = int(_WARMUP * steps)
        for step in range(steps):
            next(batches)
            share = max(step - warm, 0) / max(steps - warm, 1)
            self.run.data["beta"][...] = _FIRST_BETA + (_LAST_BETA - _FIRST_BETA) * share
            self.run.data["regularization"][...] = strength if step >= warm else 0.0
            self.run.step(rate)
        values = {name: self.run.state[name] for name in self.names}
        if not all(np.isfinite(value).all() for value in values.values()):
            raise Error(f"reconstruction: roundings of `{self.names[-1]}` are no numbers after {steps} steps; try a smaller rate")
        learned = {name: _decide(value) for name, value in values.items()}
        self._reset(learned)
        return learned

    def measure(self, rows: Rows) -> float:
        """The mean squared error over all batches, the roundings as they are."""
        self.run.data["beta"][...], self.run.data["regularization"][...] = _LAST_BETA, 0.0
        losses = []
        for _ in rows.in_order(self.run.data):
            self.run.step(0.0)
            losses.append(self.run.loss)
        error = float(np.mean(losses))
        if not np.isfinite(error):
            raise Error(f"reconstruction: the error at `{self.names[-1]}` is no number; look at the data's range")
        return error

    def _reset(self, values: Mapping[str, np.ndarray]) -> None:
        """Puts roundings in place; the optimizer begins anew."""
        for name, array in self.run.state.items():
            if name in values:
                array[...] = values[name]
            elif name.startswith("state"):
                array[...] = 0
        self.run.count = 0

    def _batches(self, rows: Rows, order: np.random.Generator) -> Iterator[None]:
        into = {name: array for name, array in self.run.data.items() if name not in _EXTRA}
        while True:
            yield from rows.epoch(order, into)


def _decide(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, _DECIDED, -_DECIDED).astype(np.float32)


def _literal(site: str) -> str:
    """A glob that matches `site` alone."""
    return "".join("\\" + c if c in "*?[]{}\\" else c for c in site)


def _split(sites: list[str], patterns: Iterable[str] | None) -> list[tuple[str, ...]]:
    """Sites by block, each in the order of the model."""
    if patterns is None:
        return [(site,) for site in sites]
    groups: list[tuple[str, ...]] = []
    taken: dict[str, str] = {}
    for pattern in patterns:
        group = tuple(site for site in sites if fnmatchcase(site, pattern))
        if not group:
            raise Error(f"reconstruction: no site whose weight becomes codes matches `{pattern}`; there are {', '.join(sites[:8])}")
        for site in group:
            if site in taken:
                raise Error(f"reconstruction: site `{site}` is in two blocks, `{taken[site]}` and `{pattern}`; expected blocks apart")
            taken[site] = pattern
        groups.append(group)
    return groups
