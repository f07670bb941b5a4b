"""Sensitivities of a small model: measured alone and together, by every metric, interrupted, and by executors that lose workers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.precision import measure as measuring
from lowbit.precision.sensitivity import Sensitivity
from lowbit.precision.switched import can_switch, plan_rounds
from lowbit.precision.workplace import Workplace
from lowbit.search import Point, Search
from search_model import SPACE, command


def test_resumes_after_what_was_measured(search: Search, sensitivity: Sensitivity, monkeypatch: pytest.MonkeyPatch) -> None:
    path = search.folder / "measured.jsonl"
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:20])  # cut short while the last site was written
    calls = []
    real = measuring.measure_site
    monkeypatch.setattr(measuring, "measure_site", lambda *each: calls.append(each) or real(*each))
    assert search.sensitivity().text == sensitivity.text
    assert len(calls) == 1 and path.read_text() == whole


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_executor_gives_the_same(pool: Callable[[int], Executor], search: Search, sensitivity: Sensitivity) -> None:
    analytic = Sensitivity.load(search.folder / "sensitivity.json")
    path = search.folder / "measured.jsonl"
    kept = path.read_text()
    path.unlink()
    options = {"mp_context": __import__("multiprocessing").get_context("spawn")} if pool is ProcessPoolExecutor else {}
    with pool(2, **options) as executor:
        assert measuring.measure(search.place, analytic, executor=executor, progress=False).text == sensitivity.text
    path.write_text(kept)


def largest(expected: np.ndarray, actual: np.ndarray) -> float:
    return float(np.abs(expected - actual).max())


def cosine(expected: np.ndarray, actual: np.ndarray) -> float:
    return 1 - np.sum(expected * actual) / np.sqrt(np.sum(expected**2) * np.sum(actual**2))


def energy(expected: np.ndarray, actual: np.ndarray) -> float:
    return np.sum((expected - actual) ** 2) / np.sum(expected**2)


def divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    p, q = (np.exp(values.astype(np.float64)) / np.sum(np.exp(values.astype(np.float64))) for values in (expected, actual))
    return np.sum(p * np.log(p / q))


def test_switched_sites_lose_what_sites_alone_lose(files: dict[str, Path], samples: list[dict[str, np.ndarray]], tmp_path: Path) -> None:
    space = {**SPACE, "algorithms": [{"use": "gptq", "damping": 0.1, "centered": True}, "bias-correction"]}
    search = Search(lowbit.load(files["model"]), samples, tmp_path, space=space, progress=False)
    analytic = search.sensitivity(measured=False)
    tasks = [(site["name"], scheme) for site in analytic.sites for scheme in ("w4", "w2")]
    for task, plan in plan_rounds(analytic, tasks).items():
        alone = measuring.measure_recipe(str(tmp_path), measuring._alone(analytic, *task), "mse")
        switched = measuring.measure_site(str(tmp_path), plan, task[0], "mse")
        assert switched == pytest.approx(alone, rel=1e-3) and switched > 1e-4
    # One module for the first schemes of all sites, another for the second.
    assert len(set(plan_rounds(analytic, tasks).values())) == 2
    with pytest.raises(lowbit.Error, match="site `fc9` cannot be switched"):
        measuring.measure_site(str(tmp_path), plan, "fc9", "mse")


@pytest.mark.parametrize(
    ("scheme", "algorithms", "expected"),
    [
        ("w4", ["gptq", "bias-correction"], True),
        ("w4", [{"use": "scale-search", "match": "fc*"}, "hqq", "adaround"], True),
        ("f16", [], False),
        ("w4", ["awq"], False),
        ("w4", ["rotate"], False),
        ("w4", [{"use": "gptq", "optional": True}], False),
        ("w4", [{"use": "bias-correction", "match": "fc0"}], False),
        ("static", [], False),
    ],
)
def test_what_can_be_switched(scheme: str, algorithms: list, expected: bool, sensitivity: Sensitivity) -> None:
    static = {"name": "static", "weight": {"format": "int<4>"}, "activation": {"format": "int<8>", "mode": "static"}}
    document = {**sensitivity.document, "algorithms": algorithms, "schemes": [*sensitivity.document["schemes"], static]}
    assert can_switch(Sensitivity(document), scheme) is expected


@pytest.mark.parametrize("metric", ["cosine", "mse", "kl", largest])
def test_every_metric(metric: str | Callable, search: Search, tmp_path: Path) -> None:
    analytic = Sensitivity.load(search.folder / "sensitivity.json")
    place = Workplace.create(tmp_path, search.model, lowbit.Statistics.load(search.folder / "statistics.json"), search.samples)
    found = measuring.measure(place, analytic, metric=metric, schemes=["w3"], progress=False)
    losses = [found.candidates(site)["w3"]["loss"] for site in found.sites]
    # As numpy says, from the outputs of the model with that site alone in codes.
    loss = {"cosine": cosine, "mse": energy, "kl": divergence}.get(metric, metric)
    expected = search.model.compile()
    for site, measured in zip(found.sites, losses, strict=True):
        alone = search.quantize(Point(json.dumps(measuring._alone(analytic, site["name"], "w3")), {})).compile()
        pairs = [(expected(**sample)["y"].ravel(), alone(**sample)["y"].ravel()) for sample in search.samples]
        assert measured == pytest.approx(np.mean([loss(*pair) for pair in pairs]), rel=2e-2)


class Losing(Executor):
    """Loses a worker at the second task."""

    def __init__(self) -> None:
        self.count = 0

    def submit(self, function: Callable, *arguments: object) -> Future:
        future: Future = Future()
        self.count += 1
        if self.count == 2:
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result(function(*arguments))
        return future


def test_lost_worker_keeps_the_others(search: Search, sensitivity: Sensitivity) -> None:
    analytic = Sensitivity.load(search.folder / "sensitivity.json")
    path = search.folder / "measured.jsonl"
    path.unlink()
    with pytest.raises(lowbit.Error, match=r"a worker was lost \(gone\); what was measured is kept in .*: run again to go on"):
        measuring.measure(search.place, analytic, executor=Losing(), progress=False)
    assert len(path.read_text().splitlines()) == 3
    assert measuring.measure(search.place, analytic, progress=False).text == sensitivity.text


def test_metric_of_ones_own(search: Search) -> None:
    analytic = Sensitivity.load(search.folder / "sensitivity.json")
    found = measuring.measure(search.place, analytic, metric=largest, schemes=["w2", "w4"], progress=False)
    assert "largest" in found.document["measure"]
    for site in found.sites:
        losses = {each["scheme"]: each["loss"] for each in site["candidates"]}
        assert losses["w2"] > losses["w3"] > losses["w4"] > losses["w5"] > losses["w8"] > 0


@pytest.mark.parametrize("until", ["statistics.json", "sensitivity.json", "measured.jsonl"])
def test_killed_search_goes_on(until: str, files: dict[str, Path], search: Search, tmp_path: Path) -> None:
    """SIGKILL as soon as a file of the state is there; the next run ends with the recipe of one that nobody killed."""
    arguments = [
        "search",
        files["model"],
        "--calib",
        files["calib"],
        "--space",
        files["space"],
        "--budget",
        "bits=4.5",
        "-o",
        tmp_path / "r.json",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(lowbit.__file__).parent.parent)}
    process = subprocess.Popen([sys.executable, "-m", "lowbit.cli", *map(str, arguments)], stderr=subprocess.DEVNULL, env=environment)
    while process.poll() is None and not (tmp_path / "r.json.search" / until).exists():
        time.sleep(0.005)
    process.kill()
    process.wait()
    (tmp_path / "r.json").unlink(missing_ok=True)
    assert command(files, tmp_path / "r.json", "--budget", "bits=4.5") == 0
    assert command(files, tmp_path / "whole.json", "--budget", "bits=4.5", "--state", str(search.folder)) == 0
    assert (tmp_path / "r.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
