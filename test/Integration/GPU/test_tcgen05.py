"""Kernels by tcgen05 on the simulator: every tile, at borders of every kind, bit for bit; and whatever is wrong with one is found."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mutants import check_banks, check_mutants
from products import matmul, simulate, tiles

TARGET = "nvptx:sm_100a"
TILES = tiles(TARGET, "tcgen05")
SIGNS = [(True, True), (False, True), (True, False), (False, False)]


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("tile", TILES)
def test_borders(tile: str, case: int, tmp_path: Path) -> None:
    """One row and less than a piece of columns; borders inside tiles, with all buffers used again; columns stored one by one."""
    rows, columns, _, stages = map(int, tile.split("x"))
    shape = [(1, 8, 16), (rows + 5, columns + 16, 128 * (stages + 1) + 48), (2 * rows, columns - 1, 256)][case]
    kind = ["sums", "codes", "reals"][(case + TILES.index(tile)) % 3]
    product = matmul(np.random.default_rng(case), shape, kind, signs=SIGNS[(case + TILES.index(tile)) % 4])
    outcome = simulate(
        product, tmp_path, f"--order={['ring', 'random', 'reverse'][case]}", "--counts", plan=f"tcgen05_{tile}", target=TARGET
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    check_banks(outcome)


def test_extremes(tmp_path: Path) -> None:
    """Sums that wrap."""
    product = matmul(np.random.default_rng(0), (20, 40, 1024), "sums", signs=(False, True), extreme=True)
    outcome = simulate(product, tmp_path, plan=f"tcgen05_{TILES[-1]}", target=TARGET)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_mutants(tmp_path: Path) -> None:
    """Every buffer, and each place for sums, is used again. Missed is what changes nothing: more tiles, all outside of the result, and the order
    of more than eight rows of them."""
    product = matmul(np.random.default_rng(0), (70, 100, 128 * 7 + 48), "sums")
    same = {"arith.shrui: the constant is one less": 2, "arith.muli: half the stride": 2}
    check_mutants(partial(simulate, product, tmp_path, plan="tcgen05_64x32x128x10", target=TARGET, blocks=2), same)


@pytest.mark.parametrize("shared", ["", "rhs"])
def test_batches(shared: str, tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (3, 21, 40, 144), "reals", shared=shared)
    outcome = simulate(product, tmp_path, plan=f"tcgen05_{TILES[-1]}", target=TARGET, blocks=4)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_several_tiles(tmp_path: Path) -> None:
    """Blocks with more tiles than places for sums: both are used again, beside products of the next tile."""
    product = matmul(np.random.default_rng(0), (70, 136, 400), "codes")
    outcome = simulate(product, tmp_path, plan=f"tcgen05_{TILES[-1]}", target=TARGET, blocks=3)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
