"""Searching for mixed precision on a small model: goals, constraints, resuming, executors, and what is refused."""

import itertools
import json
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.cli import main
from lowbit.precision import measure as measuring
from lowbit.precision.costs import CostTable, Peaks, add_latencies, bench_costs
from lowbit.precision.sensitivity import Sensitivity, select
from lowbit.precision.switched import can_switch, plan_rounds
from lowbit.precision.workplace import Workplace
from lowbit.search import Goal, Point, Search, least_bits

SIZES = (32, 64, 48, 32)
ROWS = 4
ACTIVATION = {"format": "int<8>", "per": "token", "mode": "dynamic"}
SPACE = {
    "kind": "lowbit precision space",
    "version": 1,
    "kinds": ["linear"],
    "algorithms": [],
    "schemes": [
        *(
            {
                "name": f"w{width}",
                "weight": {"format": f"int<{width}>", "per": "channel", "group": 16, "scale": "f16"},
                "activation": ACTIVATION,
            }
            for width in (8, 5, 4, 3, 2)
        ),
        {"name": "f16", "float": "f16"},
    ],
    "rules": [],
}


def network() -> str:
    """Three linears with ReLU between; the second reads channels of very different size."""
    random = np.random.default_rng(0)
    lines, value = (
        [
            f'func.func @main(%v0: tensor<{ROWS}x{SIZES[0]}xf32> {{lowbit.name = "x"}}) -> (tensor<{ROWS}x{SIZES[-1]}xf32> {{lowbit.name = "y"}}) {{'
        ],
        "%v0",
    )
    lines.append("  %zero = arith.constant 0.0 : f32")
    for i, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        weight = random.standard_normal((inputs, outputs)) * np.exp(random.standard_normal(outputs)) / np.sqrt(inputs)
        result = f"tensor<{ROWS}x{outputs}xf32>"
        lines += [
            f'  %w{i} = arith.constant dense<"0x{weight.astype(np.float32).tobytes().hex()}"> : tensor<{inputs}x{outputs}xf32>',
            f"  %e{i} = tensor.empty() : {result}",
            f"  %i{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            f'  %m{i} = linalg.matmul ins({value}, %w{i} : tensor<{ROWS}x{inputs}xf32>, tensor<{inputs}x{outputs}xf32>) outs(%i{i} : {result}) -> {result} loc("fc{i}")',
            f"  %z{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            f"  %v{i + 1} = linalg.max ins(%m{i}, %z{i} : {result}, {result}) outs(%e{i} : {result}) -> {result}",
        ]
        value = f"%v{i + 1}" if i + 2 < len(SIZES) else f"%m{i}"
    return "\n".join([*lines, f"  return {value} : tensor<{ROWS}x{SIZES[-1]}xf32>", "}\n"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("search")
    (folder / "m.mlir").write_text(network())
    (folder / "space.json").write_text(json.dumps(SPACE))
    random = np.random.default_rng(1)
    np.savez(folder / "calib.npz", x=random.standard_normal((24, ROWS, SIZES[0]), dtype=np.float32))
    np.savez(folder / "eval.npz", x=random.standard_normal((8, ROWS, SIZES[0]), dtype=np.float32))
    return {
        "folder": folder,
        "model": folder / "m.mlir",
        "space": folder / "space.json",
        "calib": folder / "calib.npz",
        "eval": folder / "eval.npz",
    }


@pytest.fixture(scope="module")
def samples(files: dict[str, Path]) -> list[dict[str, np.ndarray]]:
    return [{"x": x} for x in np.load(files["calib"])["x"]]


@pytest.fixture(scope="module")
def search(files: dict[str, Path], samples: list[dict[str, np.ndarray]]) -> Search:
    return Search(lowbit.load(files["model"]), samples, files["folder"] / "state", space=SPACE, progress=False)


@pytest.fixture(scope="module")
def sensitivity(search: Search) -> Sensitivity:
    return search.sensitivity()


def command(files: dict[str, Path], output: Path, *more: str) -> int:
    return main(["search", str(files["model"]), "--calib", str(files["calib"]), "--space", str(files["space"]), "-o", str(output), *more])


def report_without_times(path: Path) -> str:
    """A report less what clocks have said, which is in one place."""
    text = path.read_text()
    if path.suffix == ".json":
        return json.dumps({key: value for key, value in json.loads(text).items() if key != "times"})
    head, rest = text.split('<section id="times">')
    return head + rest.split("</section>")[1]


def test_same_search_same_bytes(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        goal = ["--budget", "bits=4.5", "--keep", "fc2=w8", "--points", "3", "--eval", str(files["eval"]), "--save", str(folder / "q.mlir")]
        reports = [word for end in ("html", "json") for word in ("--report", str(folder / f"r.{end}"))]
        assert command(files, folder / "recipe.json", *goal, *reports) == 0
        texts.append([report_without_times(folder / f"r.{end}") for end in ("html", "json")])
        texts[-1].append((folder / "recipe.json").read_text())
    assert texts[0] == texts[1]
    assert "<polyline" in texts[0][0] and "--keep" in texts[0][0]
    recipe = json.loads(texts[0][2])
    assert recipe["rules"][2]["match"] == "fc2" and recipe["rules"][2]["weight"]["format"] == "int<8>"
    assert "bits a weight" in capsys.readouterr().err
    # The recipe is one like any other, and takes the bytes that were said.
    quantized = lowbit.load(files["model"]).quantize(tmp_path / "one" / "recipe.json")
    assert quantized.nbytes <= 4.5 / 8 * sum(a * b for a, b in itertools.pairwise(SIZES)) + 64
    assert quantized.nbytes == lowbit.load(tmp_path / "one" / "q.mlir").nbytes


def test_report_of_a_search(files: dict[str, Path], tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    assert command(files, tmp_path / "recipe.json", "--budget", "energy=0.3x", "--report", str(report), "--points", "3") == 0
    document = json.loads(report.read_text())
    chosen, floating = document["chosen"], document["float"]
    assert 0 < chosen["energy_pj"] <= 0.3 * floating["energy_pj"]
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


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ([], "nothing to search for; give --budget bits=3.5, or --floor cosine=0.98"),
        (["--budget", "watts=3"], "--budget watts=3: expected one of bits, bytes, latency, energy"),
        (["--budget", "bits"], "--budget bits: expected one of"),
        (["--budget", "bits=3", "--budget", "bits=4"], "--budget bits is given twice"),
        (["--budget", "bits=3} x"], "expected a number, or such as 0.5x"),
        (["--budget", "bits=lots"], 'budget `bits` is "lots"; expected a number above 0'),
        (["--floor", "accuracy=1"], "--floor accuracy=1: expected METRIC=VALUE with one of cosine, mse, kl"),
        (["--floor", "cosine=nan"], "--floor cosine=nan: expected METRIC=VALUE"),
        (["--floor", "mse=0.1", "--metric", "kl"], "--floor is of mse and --metric is kl; give one of them"),
        (["--budget", "bits=5", "--keep", "fc9=w8"], 'constraint "fc9=w8" matches no site'),
        (["--budget", "bits=5", "--keep", "fc0=w8", "--keep", "fc[01]=f16"], 'two contradicting constraints, "fc0=w8" and "fc[01]=f16"'),
        (["--budget", "bits=5", "--report", "r.txt"], "the report of a search is .html or .json"),
        (["--budget", "bits=5", "--costs", "none.json"], "none.json: No such file"),
        (["--budget", "bits=5", "--eval", "none.npz"], "none.npz"),
    ],
)
def test_refused(more: list[str], text: str, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(files, tmp_path / "r.json", "--analytic", *more) == 1
    assert text in capsys.readouterr().err
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ('{"kind": "lowbit costs", "version": 2}', 'expected an object with "kind": "lowbit costs" and "version": 1'),
        ('{"kind": "lowbit costs", "version": 1}', "an entry is damaged"),
        (
            (
                '{"kind": "lowbit costs", "version": 1, "machine": "m", "target": "host", "threads": 1, "entries": '
                '[{"rows": 1, "inputs": 1, "outputs": 1, "scheme": {}, "seconds": 0}]}'
            ),
            "an entry is damaged",
        ),
    ],
)
def test_refused_tables(text: str, message: str, tmp_path: Path, sensitivity: Sensitivity) -> None:
    (tmp_path / "costs.json").write_text(text)
    with pytest.raises(lowbit.Error, match=message):
        CostTable.load(tmp_path / "costs.json")


def test_table_of_other_shapes(sensitivity: Sensitivity) -> None:
    table = bench_costs([(1, 16, 16)], [{"float": "f16"}], progress=False)
    with pytest.raises(lowbit.Error, match=r"no entry of shape 4x32x64 for .*bench-costs"):
        add_latencies(sensitivity, table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "x"}, 'expected an object with "kind"'),
        ({"extra": 1}, "key `extra` is unknown or missing"),
        ({"schemes": []}, "lists of at least one entry"),
    ],
)
def test_refused_spaces(change: dict, message: str, files: dict[str, Path], samples: list, tmp_path: Path) -> None:
    with pytest.raises(lowbit.Error, match=message):
        Search(lowbit.load(files["model"]), samples, tmp_path, space={**SPACE, **change}, progress=False).sensitivity()
