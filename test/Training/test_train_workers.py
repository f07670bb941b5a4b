"""`lowbit train` over processes and over Dask: the model that `fit` gives for as many parts of a step."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.cli import main
from training_model import RECIPE, make_data, write_net


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The command's arguments, but for who computes."""
    write_net(tmp_path / "m.mlir")
    np.savez(tmp_path / "train.npz", **make_data(96))
    (tmp_path / "r.json").write_text(json.dumps(RECIPE))
    given = ["train", str(tmp_path / "m.mlir"), "--data", str(tmp_path / "train.npz"), "--recipe", str(tmp_path / "r.json")]
    return [*given, "--epochs", "2", "--rate", "0.01", "-o", str(tmp_path / "q.mlir")]


def expected(tmp_path: Path, shards: int) -> bytes:
    model = lowbit.load(tmp_path / "m.mlir")
    with ThreadPoolExecutor(1) as pool:
        trained = qat.fit(model, make_data(96), RECIPE, epochs=2, rate=0.01, executor=pool, shards=shards, progress=False)
    trained.module.save(tmp_path / "expected.mlir")
    return (tmp_path / "expected.mlir").read_bytes()


def run(arguments: list[str]) -> None:
    """As from a shell: exit code 0."""
    assert not main(arguments)


def test_processes(tmp_path: Path, files: list[str]) -> None:
    run([*files, "--workers", "2"])
    two = (tmp_path / "q.mlir").read_bytes()
    assert two == expected(tmp_path, 2)
    # One worker computes the same parts one after the other.
    run([*files, "--workers", "1", "--shards", "2"])
    assert (tmp_path / "q.mlir").read_bytes() == two
    run(files)
    assert (tmp_path / "q.mlir").read_bytes() != two


def test_dask(tmp_path: Path, files: list[str]) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        run([*files, "--dask", cluster.scheduler_address, "--shards", "2"])
    assert (tmp_path / "q.mlir").read_bytes() == expected(tmp_path, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2", "--dask", "tcp://127.0.0.1:1"], "expected one of them"),
        (["--shards", "2"], "--shards 2, but nobody computes them; give --workers or --dask"),
        (["--dask", "tcp://127.0.0.1:1"], "--dask needs --shards"),
        (["--workers", "-1"], "--workers"),
    ],
)
def test_refusals(files: list[str], options: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main([*files, *options]))
    assert ended.value.code not in (0, None)
    assert message in capfd.readouterr().err


def test_dask_that_is_not_installed(files: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main([*files, "--dask", "tcp://127.0.0.1:1", "--shards", "2"]) == 1
    assert "--dask needs `pip install lowbit[dask]`" in capfd.readouterr().err
