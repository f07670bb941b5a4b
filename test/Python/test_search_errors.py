"""What searches refuse: a message with what was expected and what to do, exit code 1, and nothing half-written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.precision.costs import CostTable, add_latencies, bench_costs
from lowbit.precision.sensitivity import Sensitivity
from lowbit.search import Goal, Search
from search_model import SPACE, command

OPTIONS = [
    ([], "nothing to search for; give --budget bits=3.5, or --floor cosine=0.98"),
    (["--budget", "watts=3"], "--budget watts=3: expected one of bits, bytes, latency, energy"),
    (["--budget", "bits"], "--budget bits: expected one of"),
    (["--budget", "bits=3", "--budget", "bits=4"], "--budget bits is given twice"),
    (["--budget", "bits=3} x"], "expected a number, or such as 0.5x"),
    (["--budget", "bits=lots"], 'budget `bits` is "lots"; expected a number above 0'),
    (["--budget", "bits=0"], 'budget `bits` is "0"; expected a number above 0'),
    (["--budget", "bytes=-1"], 'budget `bytes` is "-1"; expected a number above 0'),
    (["--budget", "bytes=nan"], 'budget `bytes` is "nan"; expected a number above 0'),
    (["--budget", "energy=1e400"], 'budget `energy` is "1e400"; expected a number above 0'),
    (["--budget", "bits=0.5x"], "which the sensitivity file does not say; give a number"),
    (["--floor", "accuracy=1"], "--floor accuracy=1: expected METRIC=VALUE with one of cosine, mse, kl"),
    (["--floor", "cosine=nan"], "--floor cosine=nan: expected METRIC=VALUE"),
    (["--floor", "cosine=1.5"], "--floor cosine=1.5: a cosine is at most 1"),
    (["--floor", "mse=-1"], "--floor mse=-1: expected METRIC=VALUE"),
    (["--floor", "mse=0.1", "--metric", "kl"], "--floor is of mse and --metric is kl; give one of them"),
    (["--budget", "bits=5", "--metric", "taste"], "invalid choice: 'taste'"),
    (["--budget", "bits=5", "--mode", "lucky"], "invalid choice: 'lucky'"),
    (["--budget", "bits=5", "--keep", "fc9=w8"], 'constraint "fc9=w8" matches no site'),
    (["--budget", "bits=5", "--keep", "fc0"], 'constraint "fc0": expected PATTERN=SCHEME'),
    (["--budget", "bits=5", "--keep", "fc0=w7"], 'constraint "fc0=w7": there is no scheme `w7`'),
    (["--budget", "bits=5", "--keep", "fc[=w8"], 'constraint "fc[=w8"'),
    (["--budget", "bits=5", "--keep", "\"'=w8"], "has both kinds of quotes"),
    (["--budget", "bits=5", "--keep", "fc0=w8", "--keep", "fc[01]=f16"], 'two contradicting constraints, "fc0=w8" and "fc[01]=f16"'),
    (["--budget", "bits=5", "--together", "z*"], 'constraint "z*" matches no site'),
    (
        ["--budget", "bits=5", "--together", "fc[01]", "--keep", "fc0=w8", "--keep", "fc1=w4"],
        'constraint "fc[01]", by which `fc0` and `fc1` share a scheme, contradicts "fc0=w8" and "fc1=w4"',
    ),
    (["--budget", "bits=5", "--report", "r.txt"], "the report of a search is .html or .json"),
    (["--budget", "bits=5", "--report", "OUT"], "two outputs are to be written there"),
    (["--budget", "bits=5", "--save", "OUT"], "two outputs are to be written there"),
    (["--budget", "bits=5", "--report", "none/r.html"], "folder `none` does not exist"),
    (["--budget", "bits=5", "--refine", "-1"], "expected a number of at least 0"),
    (["--budget", "bits=5", "--refine", "few"], "expected a number of at least 0"),
    (["--budget", "bits=5", "--points", "-1"], "expected a number of at least 0"),
    (["--budget", "bits=5", "--threads", "0"], "expected a number of at least 1"),
    (["--budget", "bits=5", "--target", "pdp-11"], "unknown target `pdp-11`"),
    (["--budget", "bits=5", "--costs", "none.json"], "none.json: No such file"),
    (["--budget", "bits=5", "--peaks", "none.json"], "none.json: No such file"),
    (["--budget", "bits=5", "--costs", "a.json", "--peaks", "b.json"], "not allowed with"),
    (["--budget", "bits=5", "--eval", "none.npz"], "none.npz"),
    (["--budget", "bits=5", "--space", "none.json"], "none.json: No such file"),
    (["--budget", "bits=5", "--mask", "y"], "mask `y` is no input; inputs are `x`"),
    (["--budget", "bits=5", "--dim", "x"], "--dim x: expected NAME=SIZE"),
    # What cannot be met, with the nearest that can.
    (["--budget", "bits=1"], "no selection meets bits=1; the nearest that can be met is bits=3"),
    (["--budget", "bytes=10"], "no selection meets bytes=10; the nearest that can be met is bytes=2"),
    (["--budget", "energy=0.001x"], "the nearest that can be met is energy="),
    (["--budget", "bits=4", "--budget", "energy=0.01x"], "the nearest that can be met is bits=4 energy="),
    (["--budget", "bits=4", "--keep", "*=f16"], "the nearest that can be met is bits=16"),
    (["--budget", "bits=2", "--mode", "greedy"], "the nearest that can be met is bits=3"),
    (["--budget", "bits=3.2", "--floor", "cosine=0.99"], "at best within the budget"),
    (["--floor", "mse=0"], "give other algorithms or schemes"),
]


@pytest.mark.parametrize(("more", "text"), OPTIONS, ids=[" ".join(more) for more, _ in OPTIONS])
def test_refused(
    more: list[str], text: str, files: dict[str, Path], search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [str(tmp_path / "r.json") if word == "OUT" else word for word in more]
    check_refused(files, shutil.copytree(search.folder, tmp_path / "state"), tmp_path, text, capsys, "--analytic", *more)


def check_refused(files: dict[str, Path], state: Path, folder: Path, text: str, capsys: pytest.CaptureFixture[str], *more: str) -> None:
    """Exit code 1, the message, no traceback, nothing written."""
    try:
        code = command(files, folder / "r.json", "--state", str(state), *more)
    except SystemExit as end:  # argparse
        code = end.code
    error = capsys.readouterr().err
    assert code == 1 and text in error and "Traceback" not in error and "/lowbit-" not in error, error
    assert {entry.name for entry in folder.iterdir()} <= {"state", "space.json", "calib.npz"}


def change(*keys: str | int, to: object) -> Callable[[Path], None]:
    """Sets what lies at `keys` in a JSON file; a callable makes it of what was there."""

    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        node = document
        for key in keys[:-1]:
            node = node[key]
        node[keys[-1]] = to(node[keys[-1]]) if callable(to) else to
        path.write_text(json.dumps(document))

    return apply


def drop(key: str) -> Callable[[Path], None]:
    """Removes a key of a JSON file."""

    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        del document[key]
        path.write_text(json.dumps(document))

    return apply


def write(content: bytes) -> Callable[[Path], None]:
    """Replaces a file."""
    return lambda path: path.write_bytes(content)


def moments(key: str, make: Callable[[np.ndarray], np.ndarray | None]) -> Callable[[Path], None]:
    """Replaces, or removes, an array of a file of second moments."""

    def apply(path: Path) -> None:
        arrays = dict(np.load(path))
        made = make(arrays.pop(key))
        np.savez(path, **arrays, **({} if made is None else {key: made}))
        (path.parent / "sensitivity.json").unlink()

    return apply


SENSITIVITY, STATISTICS, MOMENTS = "sensitivity.json", "statistics.json", "statistics.json.moments.npz"
CANDIDATE = ("sites", 0, "candidates", 0)
DAMAGE = {
    "sensitivity cut short": (SENSITIVITY, write(b'{"kind": "lowbit'), "sensitivity.json: no JSON"),
    "sensitivity of bytes": (SENSITIVITY, write(b"\xff\xfe"), "sensitivity.json: no JSON"),
    "sensitivity nested deep": (SENSITIVITY, write(b"[" * 100000), "sensitivity.json: no JSON"),
    "sensitivity is a list": (SENSITIVITY, write(b"[]"), 'expected an object with "kind": "lowbit sensitivity"'),
    "sensitivity of another kind": (SENSITIVITY, change("kind", to="lowbit costs"), 'expected an object with "kind": "lowbit sensitivity"'),
    "sensitivity of a later version": (SENSITIVITY, change("version", to=2), "version is 2; expected 1; remove the file, and search again"),
    "sensitivity of another model": (SENSITIVITY, change("model", to=lambda text: text[::-1]), "sensitivity is of another model"),
    "sensitivity without sites": (SENSITIVITY, drop("sites"), "key `sites` is missing"),
    "sensitivity of no site": (SENSITIVITY, change("sites", to=[]), "`sites` is empty"),
    "sensitivity without rest": (SENSITIVITY, drop("rest"), "key `rest` is missing"),
    "a site that is a number": (SENSITIVITY, change("sites", 1, to=3), "site number 1: expected an object with `name` and `kind`"),
    "a site twice": (SENSITIVITY, change("sites", 1, "name", to="fc0"), "site `fc0` is there twice"),
    "a site without inputs": (SENSITIVITY, change("sites", 0, "inputs", to=0), "site `fc0`: `inputs` is no size"),
    "a site of fractional rows": (SENSITIVITY, change("sites", 0, "rows", to=1.5), "site `fc0`: `rows` is no size"),
    "no candidates": (SENSITIVITY, change("sites", 2, "candidates", to=[]), "site `fc2`: `candidates` is no list of at least one"),
    "a candidate that is null": (SENSITIVITY, change(*CANDIDATE, to=None), "site `fc0`: a candidate is of none of `schemes`"),
    "a candidate of no scheme": (SENSITIVITY, change(*CANDIDATE, "scheme", to="w9"), "site `fc0`: a candidate is of none of `schemes`"),
    "a scheme that is a list": (SENSITIVITY, change(*CANDIDATE, "scheme", to=[]), "site `fc0`: a candidate is of none of `schemes`"),
    "a loss of NaN": (SENSITIVITY, change(*CANDIDATE, "loss", to=float("nan")), "site `fc0`, `w8`: `loss` is no finite number from 0 on"),
    "a loss below 0": (SENSITIVITY, change(*CANDIDATE, "loss", to=-1), "site `fc0`, `w8`: `loss` is no finite number from 0 on"),
    "bytes in words": (SENSITIVITY, change(*CANDIDATE, "bytes", to="few"), "site `fc0`, `w8`: `bytes` is no finite number from 0 on"),
    "energy without end": (SENSITIVITY, change(*CANDIDATE, "energy", to=float("inf")), "site `fc0`, `w8`: `energy` is no finite number"),
    "latency that is true": (SENSITIVITY, change(*CANDIDATE, "latency", to=True), "`latency` is neither null nor a finite number"),
    "a format that is none": (SENSITIVITY, change("schemes", 0, "weight", "format", to="int<44>"), "`schemes`, `algorithms` or `rules`"),
    "an algorithm that is none": (SENSITIVITY, change("algorithms", to=["gptq2"]), "there is no algorithm `gptq2`"),
    "statistics cut short": (STATISTICS, write(b"{"), "statistics.json"),
    "statistics of a later version": (STATISTICS, change("version", to=99), "statistics.json"),
    "statistics of another model": (STATISTICS, change("model", to=lambda text: text[::-1]), "of another model"),
    "moments cut short": (MOMENTS, write(b"PK"), "statistics.json.moments.npz"),
    "moments of NaN": (
        MOMENTS,
        moments("fc1/products", lambda a: a * np.nan),
        "array `fc1/products` holds numbers that are not finite; calibrate",
    ),
    "moments without an end": (
        MOMENTS,
        moments("fc0/sums", lambda a: a + np.inf),
        "array `fc0/sums` holds numbers that are not finite; calibrate",
    ),
    "moments of halves": (MOMENTS, moments("fc1/sums", lambda a: a.astype(np.float16)), "expected float64 of shape 64"),
    "moments of another size": (MOMENTS, moments("fc1/products", lambda a: a[:3]), "expected float64 of shape 64, 64"),
    "moments without a site": (MOMENTS, moments("fc1/products", lambda a: None), "fc1"),
    "losses that are a list": (
        "results.json",
        write(b"[]"),
        "results.json: expected an object of finite numbers from 0 on; remove the file",
    ),
    "losses of bytes": ("results.json", write(b"\xb1"), "results.json: no JSON"),
    "a loss in words": (
        "results.json",
        write(b'{"a": "much"}'),
        "results.json: expected an object of finite numbers from 0 on; remove the file",
    ),
    "costs cut short": ("costs.json", write(b"{"), "costs.json: no JSON"),
    "costs of another kind": ("costs.json", write(b"{}"), 'expected an object with "kind": "lowbit costs"'),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_state(name: str, files: dict[str, Path], search: Search, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, damage, text = DAMAGE[name]
    state = shutil.copytree(search.folder, tmp_path / "state")
    damage(state / file)
    budget = "latency=1" if file == "costs.json" else "bits=5"
    check_refused(files, state, tmp_path, text, capsys, "--analytic", "--budget", budget)


@pytest.mark.parametrize("file", ["key", "measured.jsonl"])
def test_state_that_is_made_again(
    file: str, files: dict[str, Path], search: Search, sensitivity: Sensitivity, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = shutil.copytree(search.folder, tmp_path / "state")
    content = bytearray((state / file).read_bytes())
    content[20:24] = b"\xff\x00\xfe{"
    (state / file).write_bytes(content)
    again = Search(lowbit.load(files["model"]), search.samples, state, space=SPACE, progress=False)
    assert again.sensitivity().text == sensitivity.text


CALIBRATION = {
    "no sample": (lambda x: x[:0], "no sample"),
    "NaN": (lambda x: x * np.nan, "NaN"),
    "another type": (lambda x: x.astype(np.float64), "expected float32"),
    "another shape": (lambda x: x[:, :, 1:], "[4, 31]"),
}


@pytest.mark.parametrize("name", CALIBRATION)
def test_refused_data(name: str, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make, text = CALIBRATION[name]
    np.savez(tmp_path / "calib.npz", x=make(np.load(files["calib"])["x"]))
    check_refused({**files, "calib": tmp_path / "calib.npz"}, tmp_path / "state", tmp_path, text, capsys, "--budget", "bits=5")


def test_metrics_that_are_none(search: Search, samples: list, tmp_path: Path) -> None:
    with pytest.raises(lowbit.Error, match="metric `taste` is unknown; expected one of cosine, mse, kl, or a function"):
        Search(search.model, samples, tmp_path, metric="taste")
    with pytest.raises(lowbit.Error, match="a search has no data; expected at least one sample"):
        Search(search.model, [], tmp_path)
    point = search.select(search.sensitivity(measured=False), Goal({"bits": 5}))
    odd = Search(search.model, samples, shutil.copytree(search.folder, tmp_path / "s"), space=SPACE, metric=nothing, progress=False)
    with pytest.raises(lowbit.Error, match="metric `nothing` is nan for an output; expected a finite number"):
        odd.judge(point)


def nothing(expected: np.ndarray, actual: np.ndarray) -> float:
    """A loss that is no number."""
    return float("nan")


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
