"""Kernels of products are right to the bit for all borders, free of bank conflicts and races, and assemble without spills."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from products import BIN, grouped, launch, matmul, simulate

TILES = [
    "128x256x64x4",
    "128x128x64x4",
    "64x128x64x4",
    "64x64x64x5",
    "32x128x64x5",
    "32x64x128x4",
    "16x128x128x4",
    "16x64x128x6",
    "16x32x128x8",
]


def shapes(tile: str) -> list[tuple[int, int, int]]:
    """Less than a tile, a tile, more than one with buffers used again, in every direction."""
    rows, columns, depth, stages = map(int, tile.split("x"))
    return [(1, 2, 16), (rows, columns, depth), (rows + 1, columns - 1, depth * (stages + 2) + 48), (2 * rows - 3, 7, depth * (stages - 1))]


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("case", range(4))
def test_tiles(tile: str, case: int, tmp_path: Path) -> None:
    kind = ["reals", "codes", "sums", "codes"][(case + TILES.index(tile)) % 4]
    rng = np.random.default_rng(case)
    product = matmul(rng, shapes(tile)[case], kind, signs=[(True, True), (False, True), (True, False), (False, False)][case])
    order = ["ring", "reverse", "random", "ring"][case]
    outcome = simulate(product, tmp_path, f"--order={order}", "--counts", plan=f"mma_sync_{tile}")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    matrices, phases = re.search(r"(\d+) matrices in (\d+) phases", outcome.stdout).groups()
    assert matrices == phases, "ldmatrix has bank conflicts"


def test_extremes(tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (20, 40, 1024), "sums", extreme=True)
    outcome = simulate(product, tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("tile", ["128x128x64x4", "16x64x128x6"])
def test_bits(tile: str, tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (37, 51, 160), "sums", bits=True)
    outcome = simulate(product, tmp_path, plan=f"mma_sync_{tile}")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_mutants(tmp_path: Path) -> None:
    # Tiles enough that they come in groups, and a reduction that uses every buffer again.
    product = matmul(np.random.default_rng(0), (150, 70, 128 * 10 + 48), "sums")
    outcome = simulate(product, tmp_path, "--mutants", plan="mma_sync_16x32x128x8")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def assemble(module: Path, target: str, folder: Path) -> str:
    """What ptxas says about the kernels of a module."""
    passes = [f"--lowbit-lower-kernels=target={target}", "--lowbit-lower-launches", "--lowbit-serialize-kernels=assemble=false"]
    text = subprocess.run([BIN / "quant-opt", module, *passes], check=True, capture_output=True, text=True).stdout
    image = re.search(r'@kernels.image\("((?:[^"\\]|\\.)*)"', text).group(1)
    ptx = re.sub(rb"\\([0-9A-F]{2})", lambda match: bytes([int(match.group(1), 16)]), image.encode()).rstrip(b"\0")
    (folder / "kernels.ptx").write_bytes(ptx)
    command = ["ptxas", "-v", f"-arch={target.split(':')[1]}", folder / "kernels.ptx", "-o", folder / "kernels.cubin"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


@pytest.mark.skipif(not shutil.which("ptxas"), reason="needs ptxas")
@pytest.mark.parametrize("target", ["nvptx:sm_80", "nvptx:sm_89", "nvptx:sm_90a", "nvptx:sm_100", "nvptx:sm_100a"])
@pytest.mark.parametrize("tile", TILES)
def test_assembles(target: str, tile: str, tmp_path: Path) -> None:
    if tile == "128x256x64x4" and target == "nvptx:sm_89":
        pytest.skip("more shared memory than a block has")
    module = launch(matmul(np.random.default_rng(0), (64, 64, 64), "codes"), tmp_path, target, f"mma_sync_{tile}")
    log = assemble(module, target, tmp_path)
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in log, log
    assert int(re.search(r"Used (\d+) registers", log).group(1)) <= 255


@pytest.mark.parametrize("shape", [(1, 8, 128), (1, 40, 4224), (3, 17, 1024), (7, 21, 2048), (16, 33, 2176), (21, 40, 1024)])
@pytest.mark.parametrize("group", [32, 64, 128, 256])
def test_groups(shape: tuple[int, int, int], group: int, tmp_path: Path) -> None:
    m, n, k = shape
    zeros, scale = [(False, np.float16), (True, np.float32)][m % 2]
    product = grouped(np.random.default_rng(k), (m, n, -(-k // group) * group), group, zeros, scale)
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][n % 3]}")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.skipif(not shutil.which("ptxas"), reason="needs ptxas")
@pytest.mark.parametrize("rows", [1, 8, 16])
def test_groups_assemble(rows: int, tmp_path: Path) -> None:
    product = grouped(np.random.default_rng(0), (rows, 64, 256), 128, zeros=False)
    for target in ("nvptx:sm_80", "nvptx:sm_90a"):
        log = assemble(launch(product, tmp_path, target), target, tmp_path)
        assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in log, log
