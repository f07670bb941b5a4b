"""Products whose rows are windows of an image, read where they lie: kernels on the simulator, one at a time, and through ptxas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mutants import check_banks, check_mutants
from numpy.lib.stride_tricks import sliding_window_view
from products import Product, make_epilogue, simulate
from test_products import TILES


@dataclass
class Window:
    """Images, their size and bytes of each place; the window, its step and spread; columns of the result."""

    image: tuple[int, int, int, int]
    size: tuple[int, int]
    columns: int
    step: int = 1
    spread: int = 1


CASES = [
    Window((2, 9, 8, 16), (3, 3), 17),
    Window((1, 12, 11, 48), (3, 2), 40, 2),
    Window((3, 8, 7, 32), (2, 3), 9, 1, 2),
    Window((2, 7, 6, 80), (1, 1), 70, 2),
    Window((1, 20, 5, 16), (20, 1), 33),
]


def product_of_windows(rng: np.random.Generator, case: Window, kind: str, bits: bool = False) -> Product:
    image = rng.integers(-128, 128, case.image).astype(np.int8)
    extent = [(size - 1) * case.spread + 1 for size in case.size]
    windows = sliding_window_view(image, extent, (1, 2))[:, :: case.step, :: case.step, :, :: case.spread, :: case.spread]
    rows = np.ascontiguousarray(windows.transpose(0, 1, 2, 4, 5, 3)).reshape(np.prod(windows.shape[:3]), -1)
    weights = rng.integers(-128, 128, (case.columns, rows.shape[1])).astype(np.int8)
    left, right = (np.unpackbits(side.view(np.uint8), axis=-1) if bits else side for side in (rows, weights))
    sums = (left.astype(np.int64) @ right.astype(np.int64).T).astype(np.int32)
    place = ", ".join(f"{at} * {case.step} + {tap} * {case.spread}" for at, tap in (("h", "i"), ("w", "j")))
    columns = ", ".join(map(str, (*case.size, case.image[3])))
    attributes = f"{{{'bits, ' if bits else ''}lhs_windows = #lowbit.windows<[{columns}], (n, h, w, i, j, c) -> (n, {place}, c)>}}"
    pitch = int(np.prod(case.image[1:]))
    sizes = [rows.shape[0], case.columns, rows.shape[1], pitch, rows.shape[1]]
    return Product("lowbit.matmul", {"lhs": image, "rhs": weights}, make_epilogue(rng, kind, sums, weights), sizes, attributes=attributes)


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("turn", range(2))
def test_windows(tile: str, turn: int, tmp_path: Path) -> None:
    case = (TILES.index(tile) + 2 * turn) % len(CASES)
    kind = ["sums", "reals", "codes"][(case + TILES.index(tile)) % 3]
    product = product_of_windows(np.random.default_rng(case), CASES[case], kind, bits=kind == "sums" and tile in TILES[::2])
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][case % 3]}", "--counts", plan=f"mma_sync_{tile}")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert check_banks(outcome)


def test_mutants(tmp_path: Path) -> None:
    """Not found are, for each slot, quotients by 79 instead of 80: of multiples of 16 below 1264 they are the same."""
    product = product_of_windows(np.random.default_rng(0), Window((3, 14, 13, 16), (7, 5), 38), "sums")
    check_mutants(partial(simulate, product, tmp_path, plan="mma_sync_16x32x128x8"), {"arith.divui: the constant is one less": 8})
