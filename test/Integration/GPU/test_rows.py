"""Ops over the same rows are one kernel: the bits of loops in its order, near the exact result for all borders, without races, bank conflicts
or spills.
"""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path

import lowbit
import numpy as np
import pytest
from assembled import CHIPS, assemble_model
from lowered import Lowered
from mutants import check_banks, check_mutants
from rows import Model, attention, norm, pool

# Rows and keys of less than a tile, of several and of what is left over; heads of 8 columns more than 16, too.
ATTENTIONS = [
    (2, 128, 128, 32, "f16"),
    (1, 100, 64, 64, "bf16"),
    (5, 7, 16, 16, "f16"),
    (2, 17, 80, 48, "bf16"),
    (3, 40, 24, 32, "f16"),
    (2, 33, 256, 24, "f16"),
    (1, 9, 32, 16, "bf16"),
]


def load(model: Model, folder: Path) -> lowbit.Module:
    """The model, with its text beside it."""
    path = folder / "model.mlir"
    path.write_text(model.text)
    return lowbit.load(path)


def compute(model: Model, folder: Path, target: str) -> np.ndarray:
    """What the kernels compute, which is what loops in their order do."""
    module = load(model, folder)
    found = module.compile(target)(**model.inputs)["y"]
    chip = target.partition(":")[2] or "sm_90a"
    assert found.tobytes() == module.compile(f"reference:{chip}")(**model.inputs)["y"].tobytes()
    return found


def error(found: np.ndarray, want: np.ndarray) -> float:
    """The largest one, by the largest element."""
    return float(np.abs(found - want).max() / np.abs(want).max())


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_80"])
@pytest.mark.parametrize("shape", ATTENTIONS)
def test_attention(shape: tuple[int, int, int, int, str], target: str, tmp_path: Path) -> None:
    """Sums on tensor cores: weights near the middle between two halves may become either."""
    model = attention(np.random.default_rng(sum(shape[:4])), *shape)
    found = compute(model, tmp_path, target)
    assert error(found, model.want) < (1e-3 if shape[4] == "bf16" else 2e-4)


@pytest.mark.parametrize("shape", [(5, 384), (37, 100), (8, 33), (3, 1024), (2, 2048), (130, 64), (600, 32), (9, 4100)])
def test_norm(shape: tuple[int, int], tmp_path: Path) -> None:
    """Rows of whole vectors and others, and rows that are too long for one warp's registers."""
    model = norm(np.random.default_rng(sum(shape)), *shape)
    assert error(compute(model, tmp_path, "gpu-sim"), model.want) < 1e-6


@pytest.mark.parametrize("shape", [(2, 128, 384), (3, 33, 100), (5, 200, 64), (4, 20, 48)])
def test_pool(shape: tuple[int, int, int], tmp_path: Path) -> None:
    """Long reductions are shared by warps, short ones are not."""
    model = pool(np.random.default_rng(sum(shape)), *shape)
    assert error(compute(model, tmp_path, "gpu-sim"), model.want) < 1e-6


def simulate(model: Model, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The model's only kernel alone, compared with what the model gives."""
    result = load(model, folder).compile("gpu-sim:sm_80")(**model.inputs)["y"]
    lowered = Lowered(folder / "model.mlir", "nvptx:sm_80")
    assert lowered.host.count("gpu.launch_func") == 1
    arrays = [*model.inputs.items(), ("result", result)]
    arguments = []
    for number in re.findall(r"extract_aligned_pointer_as_index %arg(\d+)", lowered.host):
        name, array = arrays[int(number)]
        np.save(folder / f"{name}.npy", array)
        arguments.append(f"{'result' if name == 'result' else 'in'}={folder}/{name}.npy")
    kernel = re.search(r"@kernels::@(\w+)", lowered.host).group(1)
    return lowered.run(kernel, arguments, *options)


@pytest.mark.parametrize(
    ("model", "has_products"),
    [
        (attention(np.random.default_rng(0), 60, 64, 48, 32, "f16", are_halves=True), True),
        (pool(np.random.default_rng(0), 3, 64, 96), False),
        (norm(np.random.default_rng(0), 19, 100), False),
    ],
)
def test_alone(model: Model, has_products: bool, tmp_path: Path) -> None:
    """In other orders of threads the same bits, matrices without bank conflicts, and no barrier or wait too many."""
    for order in ("ring", "reverse", "random"):
        outcome = simulate(model, tmp_path, f"--order={order}", "--counts")
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
        assert (check_banks(outcome) > 0) == has_products
    check_mutants(partial(simulate, model, tmp_path))


@pytest.mark.needs_ptxas
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("shape", [(48, 256, 128, 64, "bf16"), (48, 256, 256, 128, "f16")])
def test_assembles(shape: tuple[int, int, int, int, str], chip: str, tmp_path: Path) -> None:
    """Everything stays in registers."""
    for model in (
        attention(np.random.default_rng(0), *shape),
        norm(np.random.default_rng(0), 600, 4096),
        pool(np.random.default_rng(0), 3, 64, 2048),
    ):
        names = assemble_model(load(model, tmp_path), chip)
        assert any(name.startswith("rows") for name in names) or (chip == "sm_75" and "%q" in model.text)  # which has no m16n8k16
