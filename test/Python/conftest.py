"""The small model of tests of searches, searched once."""

import json
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.precision.sensitivity import Sensitivity
from lowbit.search import Search
from search_model import ROWS, SIZES, SPACE, network


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def samples(files: dict[str, Path]) -> list[dict[str, np.ndarray]]:
    return [{"x": x} for x in np.load(files["calib"])["x"]]


@pytest.fixture(scope="session")
def search(files: dict[str, Path], samples: list[dict[str, np.ndarray]]) -> Search:
    search = Search(lowbit.load(files["model"]), samples, files["folder"] / "state", space=SPACE, progress=False)
    search.sensitivity()
    return search


@pytest.fixture(scope="session")
def sensitivity(search: Search) -> Sensitivity:
    return search.sensitivity()
