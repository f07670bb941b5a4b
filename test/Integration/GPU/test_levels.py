"""Weights of four bits that stand for reals: kernels are right to the bit where dots are exact, for all codes and borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from levels import COARSE, E2M1, NF4, TWO, leveled
from mutants import check_banks
from products import Product, grouped, simulate

# Levels, group, scales, and whether activations are such that dots are levels.
KINDS = {
    "mxfp4": (E2M1, 32, "f8E8M0FNU", False),
    "nvfp4": (E2M1, 16, "f8E4M3FN", False),
    "nf4": (NF4, 64, "f16", True),
    "coarse": (COARSE, 0, "", False),
    "two": (TWO, 128, "bf16", False),
}


def product(kind: str, shape: tuple[int, int, int], lhs: str = "f16", **options: np.ndarray) -> Product:
    levels, group, scale, exact = KINDS[kind]
    m, n, k = shape
    size = (m, n, -(-k // (group or 32)) * (group or 32))
    return leveled(np.random.default_rng(sum(shape)), size, group, levels, lhs, scale, exact=exact, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lhs", ["f16", "bf16", "f32"])
@pytest.mark.parametrize("shape", [(1, 17, 16), (5, 40, 1104), (21, 23, 464)])
def test_levels(kind: str, lhs: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    m, n, _ = shape
    order, target = ["ring", "reverse", "random"][n % 3], ["nvptx:sm_90a", "nvptx:sm_80"][m % 2]
    outcome = simulate(product(kind, shape, lhs), tmp_path, f"--order={order}", "--counts", target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    check_banks(outcome)


@pytest.mark.parametrize("kind", ["mxfp4", "nvfp4", "nf4"])
def test_tiles_of_levels(kind: str, tmp_path: Path) -> None:
    # Columns enough for plans of three tiles, the last of which are not there.
    outcome = simulate(product(kind, (3, 4330, 160)), tmp_path, target="nvptx:sm_90a")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(("kind", "bits"), [("mxfp4", (0, 1, 127, 252, 253, 254)), ("nvfp4", (0, 1, 7, 8, 126, 129, 254))])
def test_extreme_scales(kind: str, bits: tuple[int, ...], tmp_path: Path) -> None:
    """Subnormal results, infinities, scales below zero."""
    group = KINDS[kind][1]
    scales = np.random.default_rng(0).choice(np.array(bits, np.uint8), (19, 4))
    outcome = simulate(product(kind, (2, 19, 4 * group), scales=scales), tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("shape", [(1, 17, 272), (16, 33, 1104)])
def test_small_groups_of_numbers(shape: tuple[int, int, int], tmp_path: Path) -> None:
    # Groups of 16 are those of numbers, too.
    zeros = shape[0] == 1
    outcome = simulate(grouped(np.random.default_rng(0), shape, 16, zeros, unsigned=zeros), tmp_path, target="nvptx:sm_80")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
