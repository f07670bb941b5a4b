"""ONNX's node tests of quantization operators, bit for bit: import, compile, run through quant-run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from lowbit.frontends import import_onnx
from onnx_cases import Case, collect, to_bits

ROOT = Path(__file__).resolve().parents[2]
QUANT_RUN = ROOT / "build/bin/quant-run"
CASES = collect()
TARGETS = ("reference", "host")

pytestmark = pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")
_passed: dict[str, set[str]] = {target: set() for target in TARGETS}


def run(text: str, inputs: dict[str, np.ndarray], target: str, folder: Path) -> dict[str, np.ndarray]:
    """Compiles a module and calls @main."""
    (folder / "model.mlir").write_text(text, encoding="utf-8")
    np.savez(folder / "in.npz", **{name: storable(array) for name, array in inputs.items()})
    command = [
        QUANT_RUN,
        "model.mlir",
        "--entry",
        "main",
        "--inputs",
        "in.npz",
        "--output",
        "out.npz",
        "--target",
        target,
    ]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[:2000]
    with np.load(folder / "out.npz") as archive:
        return {name: archive[name] for name in archive.files}


def storable(array: np.ndarray) -> np.ndarray:
    """The array as numpy's file format knows it: codes that numpy has no name for as bytes."""
    array = np.asarray(array)
    if array.dtype.name in ("int4", "int2"):
        return array.astype(np.int8)
    return array if array.dtype.isbuiltin == 1 else to_bits(array)


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether both hold the same codes; sign extension beyond a code's bits is not part of it."""
    retyped = np.ascontiguousarray(found).reshape(-1).view(expected.dtype).reshape(found.shape)
    return found.shape == expected.shape and np.array_equal(to_bits(retyped), to_bits(expected))


@pytest.fixture(scope="session")
def imported() -> dict[str, str]:
    return {}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_node(case: Case, target: str, imported: dict[str, str], tmp_path: Path) -> None:
    if case.name not in imported:
        imported[case.name] = import_onnx(case.model.SerializeToString())
    outputs = run(imported[case.name], case.inputs, target, tmp_path)
    assert list(outputs) == list(case.outputs)
    for name, expected in case.outputs.items():
        assert same_bits(outputs[name], expected), f"{name}: {outputs[name]}, expected {expected}"
    _passed[target].add(case.name)


def test_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """No case of these operators is left out; says how many are exact."""
    assert len(CASES) >= 45
    with capsys.disabled():
        for target in TARGETS:
            print(
                f"\nONNX quantization node tests, bit-exact on {target}: {len(_passed[target])} of {len(CASES)}", end=""
            )
