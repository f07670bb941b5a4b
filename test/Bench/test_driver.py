"""The driver of scripts/bench: what it is asked for, and what it makes of results. Nothing here takes times."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench import docs, options, plot, suites, table
from bench.compare import Options
from bench.convolution import resnet50
from bench.report import Report

ROOT = Path(__file__).resolve().parents[2]


def test_unknown_suite(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        options.parse(["int8", "int7"])
    assert stop.value.code == 1
    assert f"unknown suite `int7`; expected one of {', '.join(suites.NAMES)}" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--rounds", "2"], ["--select", "M"]])
def test_refused_options(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        options.parse(["int8", *arguments])
    assert stop.value.code == 1


def test_script_refuses_before_it_installs(tmp_path: Path) -> None:
    command = ["bash", ROOT / "scripts/bench", "int7"]
    environment = {**os.environ, "LOWBIT_BENCH_VENV": str(tmp_path / "venv")}
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert result.returncode == 1
    assert "unknown suite `int7`; expected one of int8, " in result.stderr
    assert not (tmp_path / "venv").exists()


def test_script_says_what_it_misses(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/bench").write_text((ROOT / "scripts/bench").read_text())
    result = subprocess.run(["bash", tmp_path / "scripts/bench", "int8"], check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "run scripts/setup first" in result.stderr


@pytest.mark.parametrize("name", suites.NAMES)
def test_suites_load(name: str) -> None:
    suite = suites.load(name)
    assert suite.TITLE and callable(suite.run)


def test_suites_to_run() -> None:
    assert options.suites_to_run(options.parse(["int8"])) == ["int8"]
    assert options.suites_to_run(options.parse([])) == list(suites.NAMES)
    assert options.suites_to_run(options.parse(["--docs"])) == []


def test_selection() -> None:
    chosen = Options(only=frozenset({"onednn"}), select={"M": "1,16", "N": "384"})
    assert chosen.wants_case({"M": 16, "N": 384, "K": 7})
    assert not chosen.wants_case({"M": 2, "N": 384})
    assert chosen.wants("onednn") and chosen.wants("onednn bf16") and not chosen.wants("lowbit")


def row(implementation: str, m: int, time: float, ratio: float) -> dict[str, object]:
    fields = {"suite": "int8", "M": m, "impl": implementation, "temperature": "hot", "us_min": time, "limit": "read", "limit_value": 2.0}
    return {**fields, "fraction": 0.5, "ratio": ratio}


def test_table() -> None:
    text = table.markdown([row("lowbit", 1, 2, 1), row("peer", 1, 3, 1.5), row("lowbit", 8, 4, 1), row("peer", 8, 2, 0.5)])
    assert "| M 1 | **2.00** 50% | 3.00 (1.50×) 50% | read 2.0 |" in text
    assert "| M 8 | 4.00 50% | **2.00** (0.50×) 50% | read 2.0 |" in text
    assert "- peer, M = 1: 1.50× on the geometric mean, least 1.50× (1 cases)" in text
    assert table.geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_documents_are_made_of_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "draw", lambda results, path: path.write_text(",".join(results)))
    with pytest.raises(SystemExit, match="no results"):
        docs.write(tmp_path, tmp_path)
    report = Report("int8", tmp_path)
    fields = {"bits_per_weight": 8.0, "version": "2.6.3", "call": "product only"}
    report.add({"M": 1}, row("lowbit", 1, 2, 1) | fields)
    report.add({"M": 1}, row("peer", 1, 3, 1.5) | fields)
    Report("ternary", tmp_path, partial=True)
    docs.write(tmp_path, tmp_path)
    text = (tmp_path / "Performance.md").read_text()
    assert "## int8: constant weights" in text and "- peer: 2.6.3, product only, 8 bits a weight" in text
    assert (tmp_path / "performance.svg").read_text() == "int8"


def test_resnet50_has_all_of_its_convolutions() -> None:
    cases = resnet50()
    assert sum(case.count for case in cases) == 53
    assert sum(case.count * case.operations for case in cases) == pytest.approx(7.9e9, rel=0.01)
