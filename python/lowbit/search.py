"""From a model, data and a goal to a recipe: calibrates, works out sensitivities, selects, quantizes, and measures what came out.

Everything that takes long is kept in a folder of state; a search that was cut short, or is run again with another goal, goes on from there.
The same model, data, goal and state give the same recipe and report, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.layers import SideBySide, compare_layers
from lowbit.module import Module
from lowbit.precision.checks import read_results
from lowbit.precision.costs import CostTable, Peaks, add_latencies, bench_costs, measure_latency
from lowbit.precision.measure import measure
from lowbit.precision.metrics import METRICS, Metric, mean_loss
from lowbit.precision.sensitivity import Sensitivity, analyze, escape, select
from lowbit.precision.space import read_space
from lowbit.precision.workplace import Workplace
from lowbit.statistics import Statistics

_STEPS = 8  # of the bisection for a floor: 1/256 of the range of bits


@dataclass
class Goal:
    """Budgets by what they limit (a number, or "0.5x" of the float model), constraints, and the loss that must not be exceeded."""

    budgets: dict[str, str | float] = field(default_factory=dict)
    keep: Sequence[str] = ()
    together: Sequence[str] = ()
    most_loss: float | None = None
    mode: str = "exact"


@dataclass
class Point:
    """A selection, and the loss that was measured with it where it was."""

    recipe: str
    summary: dict[str, Any]
    loss: float | None = None
    latency: float | None = None


@dataclass
class Found:
    """What a search has found: the chosen point, and others at other sizes."""

    chosen: Point
    front: list[Point]
    sensitivity: Sensitivity
    model: Module
    metric: str
    goal: Goal
    beside: SideBySide | None = None
    times: dict[str, Any] = field(default_factory=dict)
    unmet: str = ""  # why the goal is not met, with what would meet it; `chosen` is then the best there is


class Search:
    """Steps of a search, each done once for a folder of state."""

    def __init__(
        self,
        model: Module,
        samples: Sequence[Mapping[str, Any]],
        state: str | os.PathLike[str],
        *,
        space: Any = None,
        check: Sequence[Mapping[str, Any]] | None = None,
        mask: str | None = None,
        metric: str | Metric = "cosine",
        executor: Executor | None = None,
        target: str = "host",
        threads: int = 1,
        progress: bool = True,
    ) -> None:
        """samples: for calibration and sensitivity. check: those that a selection is judged by; by default the same."""
        if isinstance(metric, str) and metric not in METRICS:
            raise Error(f"metric `{metric}` is unknown; expected one of {', '.join(METRICS)}, or a function")
        self.model, self.samples, self.metric, self.executor = model, list(samples), metric, executor
        self.check = self.samples if check is None else list(check)
        if not self.samples or not self.check:
            raise Error("a search has no data; expected at least one sample")
        self.target, self.threads, self.progress = target, threads, progress
        self.space, self.mask, self.folder = read_space(space), mask, Path(state)
        self.space_name = "space" if space is None or isinstance(space, Mapping) else os.fspath(space)
        self.place = Workplace.create(self.folder, model, self._calibrate(), self.samples)
        self._expected: list[dict[str, Any]] | None = None

    def _say(self, text: str) -> None:
        if self.progress:
            print(text, file=sys.stderr)

    def _key(self) -> str:
        total = hashlib.sha256(json.dumps([self.space, self.mask], sort_keys=True).encode())
        total.update(str(self.model).encode())
        for sample in self.samples:
            for name in sorted(sample):
                total.update(name.encode() + memoryview(sample[name]).tobytes())
        return total.hexdigest()

    def _calibrate(self) -> Statistics:
        self.folder.mkdir(parents=True, exist_ok=True)
        path, key = self.folder / "statistics.json", self.folder / "key"
        if path.exists() and key.exists() and key.read_bytes() == self._key().encode():
            return Statistics.load(path)
        self._say("calibrating")
        for old in ("key", "sensitivity.json"):
            (self.folder / old).unlink(missing_ok=True)
        recipe = {"version": 1, "name": "moments", "rules": self.space["rules"]}
        if not recipe["rules"]:
            recipe["rules"] = [{"keep": "only calibrated"}]
        stats = self.model.calibrate(self.samples, recipe=recipe, moments=["*"], mask=self.mask, progress=self.progress)
        stats.save(path)
        with whole_file(key) as temporary:
            temporary.write_text(self._key(), encoding="utf-8")
        return stats

    def sensitivity(self, *, measured: bool = True, costs: CostTable | Peaks | None = None, latency: bool = False) -> Sensitivity:
        """Analytic, then measured one site at a time; with latencies where costs are given or asked for."""
        path = self.folder / "sensitivity.json"
        if path.exists():
            found = Sensitivity.load(path)
        else:
            self._say("working out sensitivities")
            found = analyze(self.model, self.space, Statistics.load(self.folder / "statistics.json"), self.space_name)
            self._set_rest(found)
            found.save(path)
        if measured:
            found = measure(self.place, found, metric=self.metric, executor=self.executor, progress=self.progress, target=self.target)
        if costs is not None or latency:
            found = self.add_latencies(found, costs)
        return found

    def _set_rest(self, found: Sensitivity) -> None:
        """Bytes of all that is not chosen, as the space's rules leave it."""
        rules = [{"match": escape(site["name"]), "keep": "chosen later"} for site in found.sites] + self.space["rules"]
        rest = self.model.quantize({"version": 1, "name": "rest", "rules": rules}, Statistics.load(self.folder / "statistics.json"))
        weights = sum(site["inputs"] * site["outputs"] * 4 for site in found.sites)
        found.document["rest"]["bytes"] = max(0, rest.nbytes - weights)

    def get_costs(self, found: Sensitivity, costs: CostTable | None) -> CostTable:
        """The table that is given or kept, or a new one, which is kept, where it is of another target or number of threads."""
        path = self.folder / "costs.json"
        if costs is None and path.exists():
            costs = CostTable.load(path)
        if costs is None or (costs.target, costs.threads) != (self.target, self.threads):
            shapes = [(site["rows"], site["inputs"], site["outputs"]) for site in found.sites]
            costs = bench_costs(shapes, list(found.schemes.values()), target=self.target, threads=self.threads, progress=self.progress)
            costs.save(path)
        return costs

    def add_latencies(self, found: Sensitivity, costs: CostTable | Peaks | None) -> Sensitivity:
        """The same with what each candidate takes, by a table or by a machine's limits."""
        if isinstance(costs, Peaks):
            return add_latencies(found, costs)
        costs = self.get_costs(found, costs)
        float_latency = self._remember("float", lambda: self._time(self.model))
        # Selections are mostly codes: the rest is what it is beside codes, not beside floats.
        common = [name for name in found.schemes if all(name in found.candidates(site) for site in found.sites)]
        if not common:
            return add_latencies(found, costs, float_latency)
        recipe = {**found.recipe({site["name"]: common[0] for site in found.sites}, "timed"), "algorithms": []}
        seconds = self._remember(
            f"rest {json.dumps(recipe)}", lambda: self._time(self.model.quantize(recipe, Statistics.load(self.folder / "statistics.json")))
        )
        return add_latencies(found, costs, float_latency, (common[0], seconds))

    def _time(self, model: Module) -> float:
        return measure_latency(model.compile(self.target, self.threads), self.samples[0], self.threads)

    def _remember(self, key: str, compute: Any) -> Any:
        """What was measured before under this key: times and losses."""
        path = self.folder / "results.json"
        known = read_results(path)
        key = hashlib.sha256(f"{self.place.digest} {self.target} {self.threads} {key}".encode()).hexdigest()
        if key not in known:
            known[key] = compute()
            with whole_file(path) as temporary:
                temporary.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n", encoding="utf-8")
        return known[key]

    def select(self, sensitivity: Sensitivity, goal: Goal, budgets: Mapping[str, str | float] | None = None) -> Point:
        """The best selection within the goal's budgets, or within others."""
        limits = goal.budgets if budgets is None else budgets
        return Point(*select(self.model, sensitivity, limits, keep=list(goal.keep), together=list(goal.together), mode=goal.mode))

    def quantize(self, point: Point) -> Module:
        """The model by a point's recipe."""
        return self.model.quantize(json.loads(point.recipe), Statistics.load(self.folder / "statistics.json"))

    def compare(self, model: Module) -> SideBySide:
        """Layers of the float model and of a quantized one, over the data that selections are judged by."""
        return compare_layers(self.model, model, self.check, target=self.target, threads=self.threads)

    def judge(self, point: Point, *, latency: bool = False) -> Point:
        """Fills in what a selection loses, and its latency, by running it."""
        name = self.metric if isinstance(self.metric, str) else self.metric.__qualname__
        data = hashlib.sha256(b"".join(memoryview(sample[key]).tobytes() for sample in self.check for key in sorted(sample))).hexdigest()
        point.loss = self._remember(f"{name} {data} {point.recipe}", lambda: self._lose(point))
        if latency:
            point.latency = self._remember(f"latency {point.recipe}", lambda: self._time(self.quantize(point)))
        return point

    def _lose(self, point: Point) -> float:
        if self._expected is None:
            function = self.model.compile(self.target, self.threads)
            self._expected = [function(**sample) for sample in self.check]
        function = self.quantize(point).compile(self.target, self.threads)
        return mean_loss(self._expected, (function(**sample) for sample in self.check), self.metric)

    def find_smallest(self, sensitivity: Sensitivity, goal: Goal) -> tuple[Point, bool]:
        """The fewest bits that a bisection finds to lose no more than the goal allows, within its budgets; the best there is, otherwise."""
        best = self.judge(self.select(sensitivity, goal))
        if goal.most_loss is None or best.loss is None or best.loss > goal.most_loss:
            return best, goal.most_loss is None
        low, high = least_bits(sensitivity), best.summary["bits"]
        for _ in range(_STEPS):
            middle = (low + high) / 2
            try:
                point = self.select(sensitivity, goal, {**goal.budgets, "bits": middle})
            except Error:  # constraints take more than that
                low = middle
                continue
            self.judge(point)
            self._say(f"{point.summary['bits']:.3f} bits: loss {point.loss:.6f}")
            if point.loss is not None and point.loss <= goal.most_loss:
                best, high = point, point.summary["bits"]
            else:
                low = middle
        return best, True

    def refine(self, sensitivity: Sensitivity, goal: Goal, point: Point, count: int) -> Point:
        """Measures up to `count` selections near a point, in which one site gives bits to another, and moves to each that loses less.

        The sum of losses is a model; near its optimum many selections are nearly as good by it, and some are better.
        """
        best, tried = self.judge(point), {json.dumps(point.summary["sites"], sort_keys=True)}
        for step in range(count):
            found = self._nearest(sensitivity, goal, best, tried)
            if found is None:
                break
            self.judge(found)
            self._say(f"refining {step + 1}/{count}: {found.summary['bits']:.3f} bits, loss {found.loss:.6f}, best {best.loss:.6f}")
            if found.loss is not None and best.loss is not None and found.loss < best.loss:
                best = found
        return best

    def _nearest(self, sensitivity: Sensitivity, goal: Goal, best: Point, tried: set[str]) -> Point | None:
        """The selection of the least predicted loss that differs from `best` in one pair of sites and was not tried yet."""
        chosen = best.summary["sites"]
        moves = []  # (loss, bytes, site, scheme) of a change at one site
        for site in sensitivity.sites:
            candidates = sensitivity.candidates(site)
            stands = candidates[chosen[site["name"]]]
            moves += [
                (each["loss"] - stands["loss"], each["bytes"] - stands["bytes"], site["name"], scheme)
                for scheme, each in candidates.items()
                if each["bytes"] != stands["bytes"]
            ]
        givers, takers = [move for move in moves if move[1] < 0], [move for move in moves if move[1] > 0]
        pairs = sorted(
            (giver[0] + taker[0], giver[2:], taker[2:])
            for giver in givers
            for taker in takers
            if giver[2] != taker[2] and giver[1] + taker[1] <= 0
        )
        for _, giver, taker in pairs[:64]:
            sites = {**chosen, giver[0]: giver[1], taker[0]: taker[1]}
            key = json.dumps(sites, sort_keys=True)
            if key in tried:
                continue
            tried.add(key)
            fixed = [f"{escape(name)}={scheme}" for name, scheme in sites.items()]
            try:
                return Point(*select(self.model, sensitivity, goal.budgets, keep=[*goal.keep, *fixed], together=list(goal.together)))
            except Error:  # a budget or a constraint is not met
                continue
        return None

    def front(self, sensitivity: Sensitivity, goal: Goal, count: int) -> list[Point]:
        """Selections from the fewest to the most bits, measured."""
        low, high = least_bits(sensitivity), max(16.0, least_bits(sensitivity))
        points: dict[str, Point] = {}
        for step in range(count):
            bits = low * (high / low) ** (step / max(1, count - 1))
            try:
                point = self.select(sensitivity, Goal({}, goal.keep, goal.together, mode=goal.mode), {"bits": bits * (1 + 1e-9)})
            except Error:
                continue
            points.setdefault(json.dumps(point.summary["sites"]), point)
        return [self.judge(point) for point in points.values()]


def least_bits(sensitivity: Sensitivity) -> float:
    """What the smallest candidates take for each weight."""
    smallest = sum(min(candidate["bytes"] for candidate in site["candidates"]) for site in sensitivity.sites)
    return 8 * smallest / sum(site["inputs"] * site["outputs"] for site in sensitivity.sites)


def offenders(sensitivity: Sensitivity, point: Point, count: int = 5) -> list[tuple[str, str, float]]:
    """The sites that are predicted to lose the most: name, scheme, part of all losses."""
    losses = []
    for site in sensitivity.sites:
        scheme = point.summary["sites"][site["name"]]
        losses.append((site["name"], scheme, sensitivity.candidates(site)[scheme]["loss"]))
    total = sum(loss for _, _, loss in losses) or 1.0
    return sorted(((name, scheme, loss / total) for name, scheme, loss in losses), key=lambda each: -each[2])[:count]
