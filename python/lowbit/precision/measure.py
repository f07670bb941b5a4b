"""Measured sensitivity: what a model's outputs lose when one site alone is quantized.

A site is a task of its own: any `concurrent.futures.Executor` runs them, in other processes or on other machines that see the folder of
state. One compiled module measures all sites where it can (`switched`); else each task compiles its own. Results are appended to a file one by
one, so that a run that was cut short goes on where it ended.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.module import Module
from lowbit.precision.checks import is_amount
from lowbit.precision.metrics import METRICS, Metric, mean_loss
from lowbit.precision.sensitivity import Sensitivity
from lowbit.precision.switched import can_switch, measure_site, plan_rounds
from lowbit.precision.workplace import Workplace
from lowbit.progress import progress as show_progress
from lowbit.statistics import Statistics


@functools.lru_cache(maxsize=2)
def _open(folder: str, target: str) -> tuple[Module, Statistics, list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """Once a process: model, statistics, samples, and what the float model makes of them."""
    model, stats, samples = Workplace(folder).read()
    function = model.compile(target)
    return model, stats, samples, [function(**sample) for sample in samples]


def measure_recipe(folder: str, recipe: Mapping[str, Any] | str, metric: str | Metric, target: str = "host") -> float:
    """The mean loss over all samples and outputs of the model quantized by `recipe`."""
    model, stats, samples, expected = _open(folder, target)
    function = model.quantize(recipe, stats).compile(target)
    return mean_loss(expected, (function(**sample) for sample in samples), metric)


def measure(
    place: Workplace,
    sensitivity: Sensitivity,
    *,
    schemes: Sequence[str] = (),
    metric: str | Metric = "cosine",
    executor: Executor | None = None,
    progress: bool = True,
    target: str = "host",
) -> Sensitivity:
    """Losses measured with one site quantized at a time, by each of `schemes` that it has.

    Other candidates get what their analytic losses would be on a line through what was measured. By default one scheme is measured, that of
    the most loss within a quarter of the output's energy: far above what activations lose, and still in proportion.
    """
    if isinstance(metric, str) and metric not in METRICS:
        raise Error(f"metric `{metric}` is unknown; expected one of {', '.join(METRICS)}, or a function")
    tasks = []
    for site in sensitivity.sites:
        candidates = sensitivity.candidates(site)
        wanted = [scheme for scheme in schemes if scheme in candidates] or [_probe(sensitivity, site)]
        tasks += [(site["name"], scheme) for scheme in wanted]
    name = metric if isinstance(metric, str) else f"{metric.__module__}.{metric.__qualname__}"
    key = hashlib.sha256(
        f"switched {place.digest} {name} {target} {sensitivity.document['algorithms']} {sensitivity.schemes}".encode()
    ).hexdigest()
    results = dict(_run(place, sensitivity, tasks, metric, executor, progress, target, key))
    return _scale(sensitivity, results, name)


def _probe(sensitivity: Sensitivity, site: Mapping[str, Any]) -> str:
    codes = [each for each in site["candidates"] if "float" not in sensitivity.schemes[each["scheme"]]] or site["candidates"]
    mild = [each for each in codes if each["loss"] <= 0.25] or [min(codes, key=lambda each: each["loss"])]
    return max(mild, key=lambda each: each["loss"])["scheme"]


def _run(
    place: Workplace,
    sensitivity: Sensitivity,
    tasks: list[tuple[str, str]],
    metric: str | Metric,
    executor: Executor | None,
    progress: bool,
    target: str,
    key: str,
) -> Iterator[tuple[tuple[str, str], float]]:
    path = place.folder / "measured.jsonl"
    done = _read(path, key)
    yield from ((task, done[task]) for task in tasks if task in done)
    left = [task for task in tasks if task not in done]
    plans = plan_rounds(sensitivity, [task for task in tasks if can_switch(sensitivity, task[1])])
    # All of one module after another: a worker keeps few of them.
    left.sort(key=lambda task: list(plans).index(task) if task in plans else len(plans))
    calls: list[tuple[Callable[..., float], tuple[Any, ...]]] = [
        (measure_site, (str(place.folder), plans[task], task[0], metric, target))
        if task in plans
        else (measure_recipe, (str(place.folder), _alone(sensitivity, *task), metric, target))
        for task in left
    ]
    with path.open("a", encoding="utf-8") as log:

        def record(task: tuple[str, str], loss: float) -> tuple[tuple[str, str], float]:
            log.write(json.dumps({"site": task[0], "scheme": task[1], "loss": loss}) + "\n")
            log.flush()
            os.fsync(log.fileno())
            return task, loss

        if executor is None:
            for task, (function, arguments) in zip(left, show_progress(calls, "measuring sites", progress), strict=True):
                yield record(task, function(*arguments))
            return
        futures = {executor.submit(function, *arguments): task for task, (function, arguments) in zip(left, calls, strict=True)}
        failure: BaseException | None = None
        for future in show_progress(as_completed(futures), "measuring sites", progress):
            if (error := future.exception()) is None:
                yield record(futures[future], future.result())
            failure = failure or error
        if failure is not None:
            raise Error(f"a worker was lost ({failure}); what was measured is kept in `{path}`: run again to go on") from failure


def _alone(sensitivity: Sensitivity, site: str, scheme: str) -> dict[str, Any]:
    """The rules of the space stay out: nothing but this site is to lose anything."""
    recipe = sensitivity.recipe({site: scheme}, "one site")
    return {**recipe, "rules": [recipe["rules"][0], {"keep": "another site is measured"}]}


def _read(path: Path, key: str) -> dict[tuple[str, str], float]:
    """What an earlier run of the same measurement has found. A line that was cut short does not count."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    head = json.dumps({"kind": "lowbit measured sensitivity", "version": 1, "key": key})
    if not lines or lines[0] != head:
        with whole_file(path) as temporary:
            temporary.write_text(head + "\n", encoding="utf-8")
        return {}
    done = {}
    for line in lines[1:-1]:
        try:
            entry = json.loads(line)
            if is_amount(entry["loss"]):
                done[(entry["site"], entry["scheme"])] = float(entry["loss"])
        except (ValueError, TypeError, KeyError):
            continue
    if lines[-1]:
        with whole_file(path) as temporary:
            temporary.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    return done


def _scale(sensitivity: Sensitivity, results: Mapping[tuple[str, str], float], metric: str) -> Sensitivity:
    document = json.loads(json.dumps(sensitivity.document))
    document["measure"] = f"{metric} of the model's outputs, measured with this site alone in codes"
    for site in document["sites"]:
        analytic = {candidate["scheme"]: candidate["loss"] for candidate in site["candidates"]}
        measured = {scheme: loss for (name, scheme), loss in results.items() if name == site["name"]}
        for candidate in site["candidates"]:
            scheme = candidate["scheme"]
            candidate["loss"] = max(0.0, measured[scheme]) if scheme in measured else _read_off(analytic[scheme], measured, analytic)
    return Sensitivity(document)


def _read_off(loss: float, measured: Mapping[str, float], analytic: Mapping[str, float]) -> float:
    """What would be measured at an analytic loss: on the line through the two nearest measured points, both axes by their logarithm."""
    if loss <= 0:
        return 0.0
    points = sorted((_logarithm(analytic[scheme]), _logarithm(value)) for scheme, value in measured.items())
    place = _logarithm(loss)
    nearest = sorted(sorted(points, key=lambda point: abs(point[0] - place))[:2])
    (x0, y0), (x1, y1) = nearest[0], nearest[-1]
    # Losses of one kind are in proportion: what is known of one point, and the least that a line through two may rise.
    slope = max(0.1, (y1 - y0) / (x1 - x0)) if x1 > x0 else 1.0
    return float(np.exp(y0 + slope * (place - x0)))


def _logarithm(value: float) -> float:
    return float(np.log(max(value, 1e-30)))
