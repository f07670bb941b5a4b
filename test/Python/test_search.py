"""Searching for mixed precision on a small model: goals, constraints and costs."""

import json
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.cli import main
from lowbit.precision.costs import CostTable, Peaks, add_latencies
from lowbit.precision.sensitivity import Sensitivity, select
from lowbit.search import Goal, Search, least_bits
from search_model import ROWS, SIZES, command


def test_bytes_are_those_of_the_model(search: Search, sensitivity: Sensitivity) -> None:
    point = search.select(sensitivity, Goal({"bits": 5}))
    assert abs(search.quantize(point).nbytes - point.summary["bytes"]) <= 64


def test_exact_is_never_worse_than_greedy(search: Search, sensitivity: Sensitivity) -> None:
    better = 0
    for bits in np.linspace(least_bits(sensitivity) * 1.01, 10, 10):
        exact, greedy = (search.select(sensitivity, Goal({"bits": bits}, mode=mode)).summary for mode in ("exact", "greedy"))
        assert exact["bits"] <= bits * (1 + 1e-12) and greedy["bits"] <= bits * (1 + 1e-12)
        assert exact["bound"] <= exact["loss"] * (1 + 1e-9) and exact["loss"] <= greedy["loss"]
        assert exact["loss"] - exact["bound"] <= 1e-6 * exact["loss"]
        better += exact["loss"] < greedy["loss"]
    assert better >= 1


def test_measured_losses_add_up_roughly(search: Search, sensitivity: Sensitivity) -> None:
    for bits in (3.5, 4.5, 6):
        point = search.judge(search.select(sensitivity, Goal({"bits": bits})))
        assert 0.4 < point.loss / point.summary["loss"] < 2.5


def test_floor_is_kept_with_few_bits(search: Search, sensitivity: Sensitivity) -> None:
    most = 0.01
    point, met = search.find_smallest(sensitivity, Goal(most_loss=most))
    assert met and point.loss <= most
    smaller = search.judge(search.select(sensitivity, Goal({"bits": point.summary["bits"] * 0.9})))
    assert smaller.loss > most


def test_refining_never_loses(search: Search, sensitivity: Sensitivity) -> None:
    goal = Goal({"bits": 4.6}, keep=["fc1=w4"])
    point = search.judge(search.select(sensitivity, goal))
    better = search.refine(sensitivity, goal, point, 3)
    assert better.loss <= point.loss and better.summary["bits"] <= 4.6 and better.summary["sites"]["fc1"] == "w4"


def test_unmet_floor_names_culprits_and_cure(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(files, tmp_path / "r.json", "--budget", "bits=3.2", "--floor", "cosine=0.999") == 1
    error = capsys.readouterr().err
    assert "at best within the budget" in error and "not 0.999000; the most is lost at `fc" in error
    assert "--budget bits=" in error and "would meet it" in error
    assert not (tmp_path / "r.json").exists()
    assert command(files, tmp_path / "r.json", "--floor", "cosine=1") == 1
    assert "give other algorithms or schemes" in capsys.readouterr().err


def test_unmet_budget_names_the_nearest(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(files, tmp_path / "r.json", "--budget", "bits=1") == 1
    assert "no selection meets bits=1; the nearest that can be met is bits=3" in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


def test_latency_from_peaks_and_from_a_table(files: dict[str, Path], sensitivity: Sensitivity, search: Search, tmp_path: Path) -> None:
    peaks = tmp_path / "peaks.json"
    peaks.write_text(json.dumps({"name": "made up", "macs": {"8": 1e9, "32": 1e8}, "bytes": 1e9, "call": 0}))
    found = add_latencies(sensitivity, Peaks.load(peaks))
    candidates = found.candidates(found.sites[0])
    macs = ROWS * SIZES[0] * SIZES[1]
    assert candidates["w8"]["latency"] == pytest.approx(macs / 1e9) and candidates["f16"]["latency"] == pytest.approx(macs / 1e8)
    _, summary = select(search.model, found, {"latency": "0.5x"})
    assert summary["latency"] <= 0.5 * found.document["baseline"]["latency"]
    assert main(["bench-costs", str(files["model"]), "--space", str(files["space"]), "-o", str(tmp_path / "costs.json")]) == 0
    table = CostTable.load(tmp_path / "costs.json")
    assert len(table.seconds) == 3 * 7 and table.target == "host"
    assert add_latencies(sensitivity, table, 1e-3).document["baseline"]["latency"] == 1e-3
    assert (
        command(
            files,
            tmp_path / "r.json",
            "--budget",
            "latency=2x",
            "--costs",
            str(tmp_path / "costs.json"),
            "--save",
            str(tmp_path / "q.mlir"),
        )
        == 0
    )
    assert lowbit.load(tmp_path / "q.mlir").nbytes > 0
