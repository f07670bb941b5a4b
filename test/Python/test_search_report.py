"""The report of a search: the same every time but for what clocks say, and complete."""

import itertools
import json
import re
import shlex
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.layers import Counts
from search_model import ROWS, SIZES, command, one_linear


def report_without_times(path: Path) -> str:
    """A report less what clocks have said, which is in one place."""
    text = path.read_text()
    if path.suffix == ".json":
        return json.dumps({key: value for key, value in json.loads(text).items() if key != "times"})
    return re.sub(r'\n<section id="times">.*</section>', "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folders(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same search twice, from nothing: with times, and without."""
    folders = []
    for times in ("--times", "--no-times"):
        folder = tmp_path_factory.mktemp("report")
        goal = [
            "--budget",
            "energy=0.18x",
            "--keep",
            "fc2=w8",
            "--points",
            "3",
            "--eval",
            str(files["eval"]),
            "--save",
            str(folder / "q.mlir"),
            times,
        ]
        reports = [word for end in ("html", "json") for word in ("--report", str(folder / f"r.{end}"))]
        assert command(files, folder / "recipe.json", *goal, *reports) == 0
        folders.append(folder)
    return folders


def test_same_search_same_bytes(files: dict[str, Path], folders: list[Path]) -> None:
    with_times, without = folders
    assert (with_times / "recipe.json").read_bytes() == (without / "recipe.json").read_bytes()
    for end in ("html", "json"):
        assert report_without_times(with_times / f"r.{end}") == report_without_times(without / f"r.{end}")
    assert '<section id="times">' not in (without / "r.html").read_text()
    assert json.loads((without / "r.json").read_text())["times"] == {}
    # The recipe is one like any other, and the model that was saved is what it makes.
    recipe = json.loads((without / "recipe.json").read_text())
    assert recipe["rules"][2]["match"] == "fc2" and recipe["rules"][2]["weight"]["format"] == "int<8>"
    quantized = lowbit.load(files["model"]).quantize(without / "recipe.json")
    assert quantized.nbytes == lowbit.load(without / "q.mlir").nbytes


def test_page_needs_nothing_else(folders: list[Path]) -> None:
    page = (folders[0] / "r.html").read_text()
    assert page.count("<polyline") == 2 and page.count("<section id=") == 1 and page.rstrip().endswith("</html>")
    assert "src=" not in page and "href=" not in page and "url(" not in page
    for part in ("Size against loss", "Worst offenders", "Sensitivity", "Sites", "Times", "ISSCC 2014", "To try next", "--keep"):
        assert part in page


def test_report_of_a_search(folders: list[Path]) -> None:
    document = json.loads((folders[0] / "r.json").read_text())
    chosen, floating = document["chosen"], document["float"]
    assert 0 < chosen["energy_pj"] <= 0.18 * floating["energy_pj"]
    # One sum, from the table that the report holds: 32-bit products and sums, and every weight from memory.
    picojoules = {entry["operation"]: entry["picojoules"] for entry in document["energy_table"]["entries"]}
    weights = sum(a * b for a, b in itertools.pairwise(SIZES))
    arithmetic = ROWS * weights * (picojoules["multiply, 32-bit float"] + picojoules["add, 32-bit float"])
    assert floating["energy_pj"] == pytest.approx(arithmetic + 4 * weights * picojoules["read, DRAM"] / 8)
    assert sum(site["energy_pj"] for site in document["sites"]) == pytest.approx(chosen["energy_pj"])
    assert sum(site["share"] for site in document["sites"]) == pytest.approx(1)
    for site in document["sites"]:
        layer = site["layer"]
        assert layer["sqnr_db"] > 0 and 0.5 < layer["cosine"] <= 1 and layer["kl"] >= 0
        assert sum(layer["error_histogram"]["counts"]) == layer["values"] == sum(layer["histogram"]["counts"])
        assert document["times"]["sites"][site["site"]]["chosen"] > 0
    # The command to try next keeps the worst site in the best of its schemes, and is one that can be run.
    words = shlex.split(document["next"])
    assert words[:2] == ["lowbit", "search"] and f"{document['offenders'][0]['site']}=f16" in words
    assert document["times"]["model"]["measured"] > 0 and document["times"]["model"]["predicted"] > 0
    assert [mark["chosen"] for mark in document["front"]].count(True) == 1
    assert document["offenders"][0]["share"] == max(site["share"] for site in document["sites"])
    assert document["next"].startswith("lowbit search m.mlir") and document["goal"]["unmet"] is None


def test_report_of_a_goal_that_is_not_met(files: dict[str, Path], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    goal = ["--budget", "bits=3.2", "--floor", "cosine=0.999", "--report", str(report), "--no-times", "--points", "2"]
    assert command(files, tmp_path / "recipe.json", *goal) == 1
    document = json.loads(report.read_text())
    assert "would meet it" in document["goal"]["unmet"] and document["times"] == {}
    assert document["chosen"]["bits"] <= 3.2 and not (tmp_path / "recipe.json").exists()


def test_layers_beside_numpy(tmp_path: Path) -> None:
    """One linear layer in 4 bits: SQNR, cosine and KL of what it sums up, by numpy."""
    random = np.random.default_rng(5)
    weight, x = random.standard_normal((16, 8)).astype(np.float32), random.standard_normal((6, 4, 16)).astype(np.float32)
    model = one_linear(tmp_path, weight, 4)
    recipe = {"version": 1, "name": "four", "rules": [{"weight": {"format": "int<4>", "per": "channel"}}]}
    beside = lowbit.compare_layers(model, model.quantize(recipe), ({"x": each} for each in x))
    scales = np.abs(weight).max(0) / np.float32(7)
    rounded = np.clip(np.round(weight / scales), -8, 7) * scales
    expected, actual = ((x.astype(np.float64) @ matrix.astype(np.float64)).ravel() for matrix in (weight, rounded))
    layer = beside.layers["fc"]
    assert layer.values == expected.size
    assert layer.sqnr_db == pytest.approx(10 * np.log10(np.sum(expected**2) / np.sum((actual - expected) ** 2)), abs=1e-3)
    assert layer.cosine == pytest.approx(expected @ actual / np.linalg.norm(expected) / np.linalg.norm(actual), abs=1e-7)
    width = layer.histogram["width"]
    edges = layer.histogram["low"] + width * np.arange(129)
    assert width == 2 ** np.ceil(np.log2(max(np.abs(expected).max(), np.abs(actual).max()))) / 64
    p, q = ((np.histogram(values, edges)[0] + 0.5) / (values.size + 64) for values in (expected, actual))
    assert layer.kl == pytest.approx(np.sum(p * np.log(p / q)), rel=0.02)
    assert sum(layer.error_histogram["counts"]) == expected.size
    assert beside.outputs[0].sqnr_db == pytest.approx(layer.sqnr_db) and beside.worst == [layer]


def test_growing_histogram_counts_as_one_that_knew(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    parts = [random.standard_normal(50) * scale for scale in (0, 1e-3, 1, 30, 0.1)]
    grown = Counts(1)
    for part in parts:
        grown.add(part)
    known = Counts(1)
    known.add(np.concatenate(parts))
    assert grown.as_json(0) == known.as_json(0) and sum(grown.as_json(0)["counts"]) == 250


def test_layers_refuse(tmp_path: Path) -> None:
    weight = np.ones((4, 2), np.float32)
    model = one_linear(tmp_path, weight, 3)
    with pytest.raises(lowbit.Error, match="no layer to compare: expected samples"):
        lowbit.compare_layers(model, model, [])
    with pytest.raises(lowbit.Error, match=r"`site:fc` is NaN or infinity for sample 1"):
        lowbit.compare_layers(model, model, [{"x": np.ones((3, 4), np.float32)}, {"x": np.full((3, 4), np.inf, np.float32)}])
