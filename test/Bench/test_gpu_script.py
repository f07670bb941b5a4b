"""`scripts/bench gpu`, and what measures kernels, where there is no GPU: what is said, and the exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Stands for Python: prepares kernels, finds a GPU or not, measures.
PYTHON = """#!/bin/bash
echo "$@" >> "$(dirname "$0")/asked"
case "$*" in
  *prepare*) exit "$PREPARE" ;;
  -c*) exit "$FINDS" ;;
  *run*) echo '{"what": "summary"}'; exit "$MEASURE" ;;
esac
"""


def run_script(folder: Path, *arguments: str, **codes: int) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The script in a tree of its own, and what it asked Python for."""
    python = folder / ".venv/bin/python"
    for path in (folder / "scripts", python.parent, folder / "build/python/lowbit"):
        path.mkdir(parents=True)
    shutil.copy(ROOT / "scripts/bench", folder / "scripts/bench")
    python.write_text(PYTHON)
    python.chmod(0o755)
    environment = {name: str(codes.get(name, 0)) for name in ("PREPARE", "FINDS", "MEASURE")}
    environment |= {"LOWBIT_BENCH_GPU_PYTHON": str(python), "LOWBIT_BENCH_OUTPUT": str(folder / "out")}
    command = ["bash", folder / "scripts/bench", "gpu", *arguments]
    result = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})
    return result, (python.parent / "asked").read_text().splitlines()


def test_without_a_gpu_kernels_are_prepared(tmp_path: Path) -> None:
    """That is no error: the kernels are what another machine measures."""
    result, asked = run_script(tmp_path, FINDS=1)
    assert result.returncode == 0
    assert result.stdout == ""
    python, kernels = tmp_path / ".venv/bin/python", tmp_path / "out/gpu"
    assert result.stderr == (
        f"scripts/bench: nothing is measured: {python} has no PyTorch that finds a GPU. Kernels are in {kernels}; where there is one, "
        f"from a copy of this tree: python3 -m bench.gpu.run {kernels}\n"
    )
    assert asked[0] == f"-m bench.gpu.prepare {kernels}"
    assert len(asked) == 2


def test_what_cannot_be_prepared_is_not_measured(tmp_path: Path) -> None:
    result, asked = run_script(tmp_path, PREPARE=3)
    assert result.returncode == 3
    assert len(asked) == 1


@pytest.mark.parametrize("code", [0, 1])
def test_with_a_gpu_the_exit_code_is_that_of_the_run(tmp_path: Path, code: int) -> None:
    result, asked = run_script(tmp_path, "--only", "s8", MEASURE=code)
    assert result.returncode == code
    assert asked[-1] == f"-m bench.gpu.run {tmp_path}/out/gpu --only s8"
    assert result.stdout == (tmp_path / "out/gpu.jsonl").read_text() == '{"what": "summary"}\n'


TORCH = """
from unittest.mock import MagicMock

def __getattr__(name):
    return MagicMock()

class cuda:
    is_available = staticmethod(lambda: AVAILABLE)
"""


@pytest.mark.parametrize(
    ("torch", "words"),
    [
        ("raise ModuleNotFoundError", "has no PyTorch; run it by a Python that has one"),
        (TORCH.replace("AVAILABLE", "False"), "PyTorch finds no GPU; nothing is measured: check `nvidia-smi`"),
        (TORCH.replace("AVAILABLE", "True"), "has no manifest.json; expected a folder that `python3 -m bench.gpu.prepare` wrote"),
    ],
    ids=["no PyTorch", "no GPU", "no kernels"],
)
def test_measuring_says_what_it_misses(tmp_path: Path, torch: str, words: str) -> None:
    (tmp_path / "torch.py").write_text(torch)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "bench.gpu.run", str(tmp_path)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("bench.gpu.run: ")
    assert words in line
