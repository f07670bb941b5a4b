"""One compiled module that measures every site alone: inputs say which site computes with what its codes stand for (`lowbit-switch-sites`).

It does for schemes of a weight, with or without dynamic activations, and for algorithms that change nothing but codes, scales and the bias. Products
are summed in float: what the rounding of sums in codes does is not measured, and is far below what rounding weights does.
"""

from __future__ import annotations

import functools
import json
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.errors import Error
from lowbit.function import Function
from lowbit.naming import NAMING
from lowbit.precision.metrics import Metric, mean_loss
from lowbit.precision.sensitivity import Sensitivity, quote
from lowbit.precision.workplace import Workplace

_CODES_ONLY = ("scale-search", "hqq", "gptq", "adaround")
_lock = threading.Lock()


def can_switch(sensitivity: Sensitivity, scheme: str) -> bool:
    """Whether a scheme, with the algorithms of the space, can be switched on at one site of a compiled module."""
    keys = sensitivity.schemes[scheme]
    if "weight" not in keys or keys.get("activation", {}).get("mode", "dynamic") != "dynamic":
        return False
    for algorithm in map(_options, sensitivity.document["algorithms"]):
        if algorithm["use"] not in (*_CODES_ONLY, "bias-correction") or "optional" in algorithm:
            return False
        if algorithm["use"] == "bias-correction" and len(algorithm) > 1:
            return False
    return True


def _options(algorithm: str | Mapping[str, Any]) -> Mapping[str, Any]:
    return {"use": algorithm} if isinstance(algorithm, str) else algorithm


def plan_rounds(sensitivity: Sensitivity, tasks: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """For each task, a site and its scheme, the document of the module that measures it: the first schemes of all sites share one, and so on."""
    rounds: list[dict[str, str]] = []
    of: dict[tuple[str, str], int] = {}
    for site, scheme in tasks:
        number = sum(1 for other, _ in of if other == site)
        if number == len(rounds):
            rounds.append({})
        rounds[number][site] = scheme
        of[(site, scheme)] = number
    plans = [json.dumps(_plan(sensitivity, sites)) for sites in rounds]
    return {task: plans[number] for task, number in sorted(of.items(), key=lambda each: each[1])}


def _plan(sensitivity: Sensitivity, sites: Mapping[str, str]) -> dict[str, Any]:
    recipe = sensitivity.recipe(sites, "switched")
    algorithms = [_options(algorithm) for algorithm in recipe.pop("algorithms", [])]
    rules = [*recipe["rules"][: len(sites)], {"keep": "measured apart"}]
    return {"recipe": {**recipe, "rules": rules}, "algorithms": algorithms}


@functools.lru_cache(maxsize=2)
def _open(folder: str, plan: str, target: str) -> tuple[Function, list[dict[str, np.ndarray]], list[str], list[dict[str, np.ndarray]]]:
    """Once a process: the compiled module, samples, its switches, and what it gives with all of them off."""
    document, place = json.loads(plan), Workplace(folder)
    model, _, samples = place.read()
    with tempfile.TemporaryDirectory(prefix="lowbit-") as temporary:
        recipe = Path(temporary, "recipe.json")
        recipe.write_text(json.dumps(document["recipe"]), encoding="utf-8")
        stats = f"stats={quote(str(place.folder / 'statistics.json'))}"
        passes = [*NAMING, f"lowbit-assign-schemes{{recipe={recipe}}}", "lowbit-insert-qdq"]
        correct = False
        for algorithm in document["algorithms"]:
            options = [f"{'sites' if key == 'match' else key}={_write(value)}" for key, value in algorithm.items() if key != "use"]
            if algorithm["use"] == "bias-correction":
                correct = True
            else:
                passes.append(f"lowbit-ptq-{algorithm['use']}{{{' '.join([stats, *options])}}}")
        passes.append(f"lowbit-switch-sites{{{stats} correct={str(correct).lower()}}}")
        switched = model.transform(",".join(passes))
    names = [port.name for port in switched.inputs if port.name.startswith("switch:")]
    function = switched.compile(target)
    off = {name: np.zeros(1, np.int32) for name in names}
    return function, samples, names, [function(**sample, **off) for sample in samples]


def _write(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else quote(value) if isinstance(value, str) else json.dumps(value)


def measure_site(folder: str, plan: str, site: str, metric: str | Metric, target: str = "host") -> float:
    """The mean loss over all samples and outputs with this site alone in codes."""
    with _lock:  # threads share what one of them compiles
        function, samples, names, expected = _open(folder, plan, target)
    if f"switch:{site}" not in names:
        raise Error(f"site `{site}` cannot be switched; expected one with a constant weight that meets an activation")
    switches = {name: np.full(1, name == f"switch:{site}", np.int32) for name in names}
    return mean_loss(expected, (function(**sample, **switches) for sample in samples), metric)
