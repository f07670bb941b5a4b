"""The training loop: progress, validation, early stopping, checkpoints that resume to the same bits, seeds and threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.qat.run import Run
from training_model import RECIPE, make_data, write_net


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    return lowbit.load(write_net(tmp_path / "m.mlir"))


def test_it_learns_and_reports_each_epoch(model: lowbit.Module) -> None:
    said: list[qat.Epoch] = []
    trained = qat.fit(model, make_data(), RECIPE, epochs=12, rate=1e-2, valid=make_data(48, seed=3), report=said.append, progress=False)
    assert [epoch.number for epoch in said] == list(range(1, 13)) and said == trained.history
    assert said[-1].loss < 0.5 * said[0].loss and said[-1].metric > 85
    assert trained.best == said[-1]


def test_validation_is_that_of_the_deployed_model(model: lowbit.Module) -> None:
    """Loss and accuracy of what computes on codes, up to the order of sums."""
    valid = make_data(48, seed=3)
    trained = qat.fit(model, make_data(), RECIPE, epochs=3, rate=1e-2, valid=valid, progress=False)
    f = trained.module.compile()
    logits = np.concatenate([f(x=valid["x"][i : i + 8])["y"].copy() for i in range(0, 48, 8)]).astype(np.float64)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    assert trained.history[-1].valid == pytest.approx(-np.log(chances[np.arange(48), valid["labels"]]).mean(), rel=1e-4)
    assert trained.history[-1].metric == pytest.approx(100 * (logits.argmax(1) == valid["labels"]).mean())


def test_early_stopping_takes_the_best(model: lowbit.Module) -> None:
    """Validation data of shuffled labels get worse as training goes on."""
    valid = make_data(48, seed=3)
    valid["labels"] = np.random.default_rng(0).permutation(valid["labels"])
    trained = qat.fit(model, make_data(), RECIPE, epochs=40, rate=2e-2, schedule="constant", valid=valid, patience=3, progress=False)
    losses = [epoch.valid for epoch in trained.history]
    assert len(losses) < 40 and len(losses) == int(np.argmin(losses)) + 1 + 3
    again = qat.fit(model, make_data(), RECIPE, epochs=40, rate=2e-2, schedule="constant", valid=valid, patience=50, progress=False)
    assert trained.best == trained.history[int(np.argmin(losses))]
    shorter = qat.fit(model, make_data(), RECIPE, epochs=int(np.argmin(losses)) + 1, rate=2e-2, schedule="constant", progress=False)
    assert same(trained.parameters, shorter.parameters) and len(again.history) == 40


@pytest.mark.parametrize(("average", "stops"), [(0.0, [13]), (0.9, [5, 12])])
def test_resumed_has_the_same_bits(tmp_path: Path, model: lowbit.Module, average: float, stops: list[int]) -> None:
    """Stopped behind a step in an epoch, or between two (12 steps each)."""
    options = {"epochs": 3, "rate": 1e-2, "progress": False, "average": average, "warmup": 5, "valid": make_data(48, seed=3), "patience": 9}
    whole = qat.fit(model, make_data(), RECIPE, **options)
    step = Run.step
    for stop in stops:
        path = tmp_path / f"{stop}.npz"

        def until(self: object, rate: float, stop: int = stop) -> None:
            if self.count == stop:
                raise KeyboardInterrupt
            step(self, rate)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "step", until)
            with pytest.raises(KeyboardInterrupt):
                qat.fit(model, make_data(), RECIPE, checkpoint=path, every=1, **options)
        resumed = qat.fit(model, make_data(), RECIPE, checkpoint=path, every=1, resume=True, **options)
        assert same(whole.parameters, resumed.parameters) and whole.history == resumed.history


def test_killed_and_resumed_writes_the_same_model(tmp_path: Path) -> None:
    """SIGKILL in the middle of a training by the command; the model's bytes are those of one that nobody killed."""
    write_net(tmp_path / "m.mlir", (6, 64, 64, 3))
    np.savez(tmp_path / "train.npz", **make_data(800))
    (tmp_path / "r.json").write_text(json.dumps(RECIPE))
    command = [
        sys.executable,
        "-m",
        "lowbit.cli",
        "train",
        "m.mlir",
        "--data",
        "train.npz",
        "--recipe",
        "r.json",
        "--epochs",
        "30",
        "--rate",
        "0.003",
    ]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)

    run("-o", "whole.mlir")
    kept = ("--checkpoint", "c.npz", "--every", "7", "-o", "q.mlir")
    child = subprocess.Popen([*command, *kept], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    for line in child.stderr:
        if line.startswith("epoch 4/30"):
            break
    time.sleep(0.02)  # somewhere in an epoch
    os.kill(child.pid, signal.SIGKILL)
    child.stderr.close()
    child.wait()
    assert not (tmp_path / "q.mlir").exists() and (tmp_path / "c.npz").exists()
    resumed = run(*kept, "--resume")
    assert "epoch 1/30" not in resumed.stderr and "epoch 30/30" in resumed.stderr
    assert (tmp_path / "q.mlir").read_bytes() == (tmp_path / "whole.mlir").read_bytes()


def test_another_rate_is_noted(tmp_path: Path, model: lowbit.Module) -> None:
    options = {"epochs": 2, "progress": False, "checkpoint": tmp_path / "c.npz"}
    qat.fit(model, make_data(), RECIPE, **options)
    with pytest.warns(UserWarning, match=r"resumed with rate 0\.0001, which was 0\.001"):
        qat.fit(model, make_data(), RECIPE, rate=1e-4, resume=True, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qat.fit(model, make_data(), RECIPE, resume=True, **options)


def test_seeds(model: lowbit.Module) -> None:
    first, second, other = (qat.fit(model, make_data(), RECIPE, epochs=2, seed=seed, progress=False) for seed in (4, 4, 5))
    assert same(first.parameters, second.parameters) and not same(first.parameters, other.parameters)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
@pytest.mark.parametrize("recipe", [None, RECIPE])
def test_threads_give_the_same_bits(tmp_path: Path, recipe: dict | None) -> None:
    """Large enough that loops are split: a thread has whole sums, never a part of one."""
    model = lowbit.load(write_net(tmp_path / "m.mlir", (96, 160, 96, 10), batch=64))
    data = make_data(256, 96, 10)
    one, two = (qat.fit(model, data, recipe, epochs=2, rate=3e-3, clip=1.0, threads=n, progress=False) for n in (1, 2))
    assert same(one.parameters, two.parameters)


def test_what_was_trained_is_saved_by_the_command(tmp_path: Path) -> None:
    """With a teacher, validation, statistics and a report."""
    write_net(tmp_path / "m.mlir")
    for name, data in {"train": make_data(), "valid": make_data(48, seed=3)}.items():
        np.savez(tmp_path / f"{name}.npz", **data)
    (tmp_path / "r.json").write_text(json.dumps(RECIPE))
    lowbit.load(tmp_path / "m.mlir").calibrate([{"x": make_data()["x"][:8]}], recipe=RECIPE, progress=False).save(tmp_path / "s.json")
    words = "train m.mlir --data train.npz --recipe r.json --teacher m.mlir --term result=squared_error*0.5 --labels-weight 2 --valid valid.npz "
    words += "--patience 5 --epochs 3 --rate 0.01 --stats s.json --threads 2 -o q.mlir --report r.html --text"
    done = subprocess.run(
        [sys.executable, "-m", "lowbit.cli", *words.split()], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("epoch 1/3: loss ") and ", valid " in lines[0] and ", accuracy " in lines[0]
    assert lines[-1].startswith("q.mlir: ") and "bytes of constants" in lines[-1]
    assert "<html" in (tmp_path / "r.html").read_text()
    model = lowbit.load(tmp_path / "q.mlir")
    assert all(site.quantized for site in model.sites)
    assert model.compile()(x=make_data()["x"][:8])["y"].shape == (8, 3)
