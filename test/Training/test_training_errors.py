"""What `lowbit train` refuses: exit code 1, what is wrong, what was expected, what to do; and no output."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from lowbit.arrays import read_arrays
from lowbit.cli import main
from lowbit.qat.checkpoint import digest
from training_model import RECIPE, make_data, write_net

REAL = "affine_map<(i, j) -> (i, j)>"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, data and a recipe."""
    monkeypatch.chdir(tmp_path)
    write_net(tmp_path / "m.mlir")
    write_net(tmp_path / "wider.mlir", (6, 12, 4))
    write_net(tmp_path / "other.mlir", (5, 12, 3))
    np.savez(tmp_path / "d.npz", **make_data(24))
    np.savez(tmp_path / "apart.npz", x=np.zeros((8, 6)), z=np.zeros((4, 6)), labels=np.zeros((8, 6)))
    (tmp_path / "r.json").write_text(json.dumps(RECIPE))
    values = np.arange(48.0).reshape(8, 6).tolist()
    (tmp_path / "apart.mlir").write_text(f"""
func.func @main(%x: tensor<8x6xf32> {{lowbit.name = "x"}}, %y: tensor<4x6xf32> {{lowbit.name = "z"}}) -> tensor<8x6xf32> {{
  %w = arith.constant dense<{values}> : tensor<8x6xf32>
  %r = arith.mulf %x, %w : tensor<8x6xf32>
  return %r : tensor<8x6xf32>
}}""")
    (tmp_path / "none.mlir").write_text(
        'func.func @main(%x: tensor<8x6xf32> {lowbit.name = "x"}) -> tensor<8x6xf32> {\n  return %x : tensor<8x6xf32>\n}'
    )
    (tmp_path / "rounds.mlir").write_text(f"""func.func @main(%x: tensor<8x6xf32> {{lowbit.name = "x"}}) -> tensor<8x6xf32> {{
  %w = arith.constant dense<{values}> : tensor<8x6xf32>
  %e = tensor.empty() : tensor<8x6xf32>
  %r = linalg.generic {{indexing_maps = [{REAL}, {REAL}, {REAL}], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %w : tensor<8x6xf32>, tensor<8x6xf32>) outs(%e : tensor<8x6xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = math.floor %p : f32
    linalg.yield %q : f32
  }} -> tensor<8x6xf32>
  return %r : tensor<8x6xf32>
}}""")
    return tmp_path


def train(
    arguments: str, capsys: pytest.CaptureFixture[str], model: str = "m.mlir", data: str = "d.npz", recipe: str = "--recipe r.json"
) -> tuple[int, str]:
    try:
        code = main(["train", model, "--data", data, *recipe.split(), "-o", "q.mlir", "--epochs", "1", *arguments.split()])
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    return code, capsys.readouterr().err


OPTIONS = {
    "model": (("", {"model": "nothing.mlir"}), r"nothing\.mlir: no such file"),
    "data": (("", {"data": "nothing.npz"}), r"nothing\.npz"),
    "recipe": (("", {"recipe": "--recipe w3a3a3"}), r"w3a3a3"),
    "loss": (("--loss hinge", {}), r"m\.mlir:1:1: .*there is no loss `hinge`; expected one such as `cross_entropy`"),
    "optimizer": (("--optimizer newton", {}), r"m\.mlir:1:1: .*there is no optimizer `newton`; expected one such as `adam`"),
    "estimator": (("--estimator nearest", {}), r"there is no estimator `nearest`; expected one such as `lsq` or `ste`"),
    "schedule": (("--schedule steps", {}), r"there is no schedule `steps`; expected constant, cosine, linear"),
    "estimator that does not fit": (
        ("--estimator approx_sign", {}),
        r"m\.mlir:\d+:\d+: no `estimator` fits #lowbit\.\w+<\d>: #lowbit\.approx_sign does not, it is the slope of a sign, and expects a format of two codes.*`ste`",
    ),
    "rate of zero": (("--rate 0", {}), r"rate is 0\.0 .*expected a rate above 0, such as 0\.001"),
    "rate that is no number": (("--rate nan", {}), r"rate is nan .*expected a rate above 0"),
    "clip": (("--clip -1", {}), r"`clip` is -1.* expected numbers that are not negative"),
    "scale rate": (("--scale-rate -1", {}), r"`scale-rate` -1.*; expected numbers that are not negative"),
    "average": (("--average 1", {}), r"average 1\.0; expected a rate above 0, such as 0\.001, and a decay from 0 to below 1"),
    "epochs": (("--epochs -1", {}), r"--epochs: `-1`; expected a number of at least 0"),
    "threads": (("--threads 0", {}), r"--threads: `0`; expected a number of at least 1"),
    "patience": (("--patience 2", {}), r"--patience needs --valid, whose loss is watched"),
    "resume": (("--resume", {}), r"--resume needs --checkpoint"),
    "every": (("--every 3", {}), r"--every needs --checkpoint"),
    "checkpoint's folder": (("--checkpoint no/c.npz", {}), r"no/c\.npz: folder `no` does not exist"),
    "output twice": (("--checkpoint q.mlir", {}), r"q\.mlir: two outputs are to be written there"),
    "report": (("--report r.pdf", {}), r"r\.pdf: a report is \.html or \.json"),
    "statistics without recipe": (("--stats s.json", {"recipe": ""}), r"--stats needs --recipe"),
    "statistics": (("--stats d.npz", {}), r"d\.npz"),
    "rates without a factor": (("--rates fc1.*", {}), r"--rates fc1\.\*; expected PATTERN=FACTOR, such as fc1\.\*=0\.1"),
    "rates of nothing": (("--rates fc9.*=2", {}), r"no parameter matches rate `fc9\.\*=2\.0`"),
    "negative rates": (("--rates fc1.*=-1", {}), r"rate `fc1\.\*=-1\.0`; expected PATTERN=FACTOR, .* that is not negative"),
    "parametrization": (("--parametrization nearest", {}), r"there is no parametrization `nearest`; expected one such as `xnor`"),
    "parametrization that does not fit": (
        ("--parametrization *.weight=twn", {}),
        r"rounds `fc0\.weight` to #lowbit\.int<3>, which `\*\.weight=twn` does not fit: it expects a format of three codes",
    ),
    "parametrization without a recipe": (("--parametrization twn", {"recipe": ""}), r"there is no recipe; give one"),
    "stochastic": (("--stochastic fc9.*", {}), r"nothing that is rounded matches `fc9\.\*`"),
    "range average": (("--range-average 1", {}), r"range_average is 1\.0; expected a decay from 0, for none, to below 1"),
    "parameters": (("--parameters fc9.*", {}), r"no parameter matches `fc9\.\*`; expected a glob over names such as `fc1\.weight`"),
    "no parameter": (("--loss squared_error", {"model": "none.mlir", "recipe": ""}), r"`main` has no constant of f32 that could be trained"),
    "no batch in common": (("--loss squared_error", {"model": "apart.mlir", "recipe": "", "data": "apart.npz"}), r"the inputs have no batch in common \(.*`x`: 8.*`z`: 4"),
    "no derivative": (
        ("--loss squared_error", {"model": "rounds.mlir", "recipe": ""}),
        r"rounds\.mlir:8:10: `math\.floor` has no derivative, and the loss depends through it on what is differentiated by",
    ),
    "teacher": (("--teacher nobody.mlir", {}), r"nobody\.mlir: no such file"),
    "teacher's inputs": (("--teacher other.mlir", {}), r"the teacher reads `x` of type 'tensor<8x5xf32>', which is no input of the student; expected models of the same inputs"),
    "teacher's result": (("--teacher wider.mlir", {}), r"`result` is 'tensor<8x3xf32>' in the student and 'tensor<8x4xf32>' in the teacher; expected one type"),
    "teacher's sites": (("--teacher m.mlir --term hidden*=cosine*1", {}), r"no site or node of both student and teacher matches `hidden\*`"),
    "term": (("--teacher m.mlir --term result=cosine", {}), r"term `result=cosine`; expected WHAT=LOSS\*WEIGHT"),
    "term without teacher": (("--term result=cosine*1", {}), r"--term and --labels-weight need --teacher"),
    "weight of labels": (("--teacher m.mlir --labels-weight -1", {}), r"labels is -1\.0; expected the weight of the loss"),
    "dims": (("--dim batch=0", {}), r"--dim batch=0: expected NAME=SIZE"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_options_that_are_refused(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (arguments, given), message = OPTIONS[name]
    code, said = train(arguments, capsys, **given)
    assert code == 1 and re.search(message, said), said
    assert not (folder / "q.mlir").exists()


def changed(**arrays: np.ndarray | None) -> dict[str, np.ndarray]:
    """The data with these arrays in place of theirs; None: without it."""
    return {name: array for name, array in {**make_data(24), **arrays}.items() if array is not None}


def with_value(name: str, value: float) -> dict[str, np.ndarray]:
    data = make_data(24)
    data[name].flat[5] = value
    return data


DATA = {
    "no labels": (changed(labels=None), r"array `labels` is missing; expected x, labels"),
    "no input": (changed(x=None), r"array `x` is missing; expected"),
    "unknown": (changed(y=np.zeros(24)), r"array `y` is unknown; expected x, labels"),
    "label above": (with_value("labels", 3), r"label 3 is no class; expected 0 to 2"),
    "label below": (with_value("labels", -1), r"label -1 is no class; expected 0 to 2"),
    "label beyond": (with_value("labels", 2**32), r"array `labels` has values beyond int32; expected -2147483648 to 2147483647"),
    "float labels": (changed(labels=np.zeros(24, np.float32)), r"array `labels` has elements of float32, which are no int32"),
    "labels of two axes": (changed(labels=np.zeros((24, 3), np.int32)), r"array `labels` has shape \[24, 3\]"),
    "shape": (changed(x=np.zeros((24, 5), np.float32)), r"array `x` has shape \[24, 5\]; expected \[rows, 6\]"),
    "rank": (changed(x=np.zeros(24, np.float32)), r"array `x` has shape \[24\]; expected \[rows, 6\]"),
    "nan": (with_value("x", np.nan), r"array `x` has values that are not finite"),
    "infinity": (with_value("x", -np.inf), r"array `x` has values that are not finite"),
    "overflow": (changed(x=np.full((24, 6), 1e60)), r"array `x` has values that are not finite"),
    "rows that differ": (changed(labels=np.zeros(23, np.int32)), r"arrays differ in their number of rows \(`x`: 24, `labels`: 23\)"),
    "few rows": ({n: a[:7] for n, a in make_data(24).items()}, r"7 rows; expected at least the model's batch of 8"),
    "no rows": ({n: a[:0] for n, a in make_data(24).items()}, r"0 rows; expected at least the model's batch of 8"),
}


@pytest.mark.parametrize(
    ("name", "place"),
    [*((name, "data") for name in sorted(DATA)), *((name, "valid") for name in ("no labels", "label above", "few rows", "nan"))],
)
def test_data_that_are_refused(folder: Path, name: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    data, message = DATA[name]
    np.savez(folder / "bad.npz", **data)
    code, said = train("" if place == "data" else "--valid bad.npz", capsys, data="bad.npz" if place == "data" else "d.npz")
    assert code == 1 and re.search(message, said) and ("validation" in said) == (place == "valid"), said
    assert not (folder / "q.mlir").exists()


def rewrite(path: Path, edit: dict[str, object], state: float | None = None, seal: bool = True) -> None:
    """A checkpoint with another description, or another first number in its first array; sealed as if it had been written so."""
    arrays = read_arrays(path)
    document = json.loads(arrays["checkpoint"].tobytes())
    document.update(edit)
    del arrays["checkpoint"]
    if state is not None:
        arrays[next(iter(arrays))].flat[0] = state
    if seal:
        del document["digest"]
        document["digest"] = digest(json.dumps(document), arrays)
    arrays["checkpoint"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    np.savez(path, **arrays)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


def swap_data() -> None:
    np.savez("d.npz", **make_data(24, seed=8))


WHOLE = "give a checkpoint that is whole"
CHECKPOINTS = {
    "truncated": (lambda c: c.write_bytes(c.read_bytes()[:-200]), "", rf"c\.npz: the checkpoint cannot be read \(.*\); .*{WHOLE}"),
    "empty": (lambda c: c.write_bytes(b""), "", rf"c\.npz: the checkpoint cannot be read \(.*\); .*{WHOLE}"),
    "no archive": (lambda c: c.write_bytes(b"weights" * 99), "", r"c\.npz: the checkpoint cannot be read"),
    "flipped bit": (flip, "", rf"c\.npz: .*{WHOLE}"),
    "foreign": (lambda c: np.savez(c, **make_data()), "", r"c\.npz: is no checkpoint of a training: it has no array `checkpoint` of bytes"),
    "another number": (lambda c: rewrite(c, {}, 7.0, seal=False), "", rf"what the checkpoint holds is not what was written; .*{WHOLE}"),
    "another place": (lambda c: rewrite(c, {"best_epoch": 1}, seal=False), "", rf"what the checkpoint holds is not what was written; .*{WHOLE}"),
    "nan": (lambda c: rewrite(c, {}, float("nan")), "", r"`.*` is float32\[.*\], or not finite in the checkpoint; expected finite float32"),
    "no text": (lambda c: np.savez(c, checkpoint=np.zeros(9, np.uint8)), "", r"the checkpoint's description is damaged"),
    "no identity": (lambda c: rewrite(c, {"identity": 3}), "", r"the checkpoint's description is damaged"),
    "version": (lambda c: rewrite(c, {"version": 9}), "", r"the checkpoint has version 9; expected 1"),
    "order": (lambda c: rewrite(c, {"order": {"bit_generator": "MT19937"}}), "", r"the checkpoint's place in the training is damaged"),
    "place": (lambda c: rewrite(c, {"epoch": -1}), "", r"the checkpoint's place in the training makes no sense"),
    "history": (lambda c: rewrite(c, {"history": []}), "", r"the checkpoint's place in the training makes no sense"),
    "too many losses": (lambda c: rewrite(c, {"losses": [1.0] * 99}), "", r"the checkpoint's place in the training makes no sense"),
    "missing": (lambda c: c.unlink(), "", r"c\.npz: there is no such checkpoint to resume; train without resuming first"),
    "seed": (lambda c: None, "--seed 3", r"its seed differs \(`0` then, `3` now\); give the same, or train without resuming"),
    "optimizer": (lambda c: None, "--optimizer sgd", r"its optimizer differs \(`adam` then, `sgd` now\)"),
    "estimator": (lambda c: None, "--estimator ste", r"its model or recipe differs; give the same"),
    "data": (lambda c: swap_data(), "", r"its data differs; give the same"),
    "model": (lambda c: write_net(Path("m.mlir"), seed=5), "", r"its model or recipe differs; give the same"),
    "teacher": (lambda c: None, "--teacher m.mlir", r"its teacher differs; give the same"),
    "average": (lambda c: None, "--average 0.9", r"its average differs \(`False` then, `True` now\)"),
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The checkpoint of one epoch."""
    folder = tmp_path_factory.mktemp("finished")
    write_net(folder / "m.mlir")
    np.savez(folder / "d.npz", **make_data(24))
    (folder / "r.json").write_text(json.dumps(RECIPE))
    names = {name: str(folder / name) for name in ("m.mlir", "d.npz", "r.json", "q.mlir", "c.npz")}
    words = ["train", names["m.mlir"], "--data", names["d.npz"], "--recipe", names["r.json"], "-o", names["q.mlir"]]
    assert main([*words, "--epochs", "1", "--checkpoint", names["c.npz"]]) == 0
    return (folder / "c.npz").read_bytes()


def test_a_whole_checkpoint_is_taken(folder: Path, finished: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Else all that follows would be refused for another reason."""
    (folder / "c.npz").write_bytes(finished)
    code, said = train("--checkpoint c.npz --resume", capsys)
    assert code == 0, said


@pytest.mark.parametrize("name", sorted(CHECKPOINTS))
def test_checkpoints_that_are_refused(folder: Path, finished: bytes, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit, arguments, message = CHECKPOINTS[name]
    path = folder / "c.npz"
    path.write_bytes(finished)
    edit(path)
    before = path.read_bytes() if path.exists() else None
    code, said = train(f"--checkpoint c.npz --resume {arguments}", capsys)
    assert code == 1 and re.search(message, said), said
    assert not (folder / "q.mlir").exists() and (path.read_bytes() if path.exists() else None) == before


def test_a_checkpoint_is_not_overwritten_unasked(folder: Path, finished: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.npz").write_bytes(finished)
    code, said = train("--checkpoint c.npz", capsys)
    assert code == 1 and "c.npz: there is a checkpoint already; resume it, or remove it to begin anew" in said


FAILURES = {
    "nan": ("--optimizer sgd --rate 1e30", r"training: (the loss|`.*`) is no number (at|after) step 4 \(epoch 2\)|is no number at step 5"),
    "diverging": ("--optimizer sgd --rate 20 --loss squared_error", r"training: the loss diverges from step [45]: .* on average, and .* at first \(epoch 2\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_what_fails_keeps_the_last_good_checkpoint(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Three steps at a good rate, then as many at one that is far too high."""
    arguments, message = FAILURES[name]
    if name == "diverging":
        data = make_data(24)
        np.savez(folder / "d.npz", x=data["x"], labels=np.eye(3, dtype=np.float32)[data["labels"]])
    good = re.sub(r"--rate \S+", "--rate 0.001", arguments)
    assert train(f"{good} --checkpoint c.npz", capsys, recipe="")[0] == 0
    before, _ = (folder / "c.npz").read_bytes(), (folder / "q.mlir").unlink()
    code, said = train(f"{arguments} --schedule constant --checkpoint c.npz --resume --epochs 2", capsys, recipe="")
    assert code == 1 and re.search(message, said), said
    assert "the checkpoint `c.npz` is from before; try a smaller rate" in said
    assert (folder / "c.npz").read_bytes() == before and not (folder / "q.mlir").exists()
