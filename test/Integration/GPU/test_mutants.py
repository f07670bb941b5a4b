"""Mutants of each kind of kernel that no other file has: shapes are the smallest that use every buffer again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import test_float8
import test_groups
from float8 import E4M3, E5M2
from mutants import check_mutants
from products import Product, grouped, matmul, simulate
from test_levels import product as levels

# Strides that only more rows of tiles, or more columns of them, than these problems have would show; other kernels have both.
ORDER = {"arith.muli: half the stride": 2}
# Where there are no batches, how many columns of tiles there are matters for that order alone.
COLUMNS = {"arith.addi: another distance": 1, "arith.shrui: the constant is one less": 1, **ORDER}
# More tiles, all of which are outside of the result, and that order.
TILES = {"arith.shrui: the constant is one less": 2, **ORDER}
# The place of a second consumer, too, and the fence of the main loop, where nothing but products touches accumulators.
CONSUMERS = {**TILES, "arith.muli: half the stride": 3, "nvvm.wgmma.fence.aligned: is not there": 1}
# And the bound of the first group of a step, which is never the last of all.
HALVES = {"arith.addi: another distance": 1, **CONSUMERS}


def few_bits(shape: tuple[int, int, int], group: int, **options: object) -> Callable[[], Product]:
    return lambda: grouped(np.random.default_rng(0), shape, group, **options)


def bytes_(shape: tuple[int, ...], kind: str, bits: bool = False) -> Callable[[], Product]:
    return lambda: matmul(np.random.default_rng(0), shape, kind, bits=bits)


def floats8(shape: tuple[int, int, int]) -> Callable[[], Product]:
    return lambda: test_float8.make_product(np.random.default_rng(0), shape, (E4M3, E5M2), "f16", False, "mma.sync")


def groups8(shape: tuple[int, int, int], group: int, kind: str, by: str) -> Callable[[], Product]:
    return lambda: test_groups.make_product(np.random.default_rng(0), shape, group, kind, ("f32", "f32"), by)


WARPS, WARPGROUP = "mma_sync_16x32x128x8", "wgmma_16x32x128x16"


def bounds(number: int, groups: int = 0) -> dict[str, int]:
    """Bounds of what is read where there is nothing (the first of rows, groups and steps are all there, whose number is such a bound, too), and
    the rest of a reduction, which is of whole groups. groups: places where such a bound is their number, of which a shift one less makes two."""
    counts = {"arith.addi: another distance": number, "arith.shrui: the constant is one less": groups}
    return {kind: count for kind, count in counts.items() if count}


# Weights of few bits: two tiles in each direction, with rows in each part of the last; a block's warps take a group, or a step, in turn.
FEW_BITS: dict[str, tuple[Callable[[], Product], str, dict[str, int]]] = {
    "nf4": (lambda: levels("nf4", (27, 20, 64 * 140)), "sm_80", bounds(4)),
    "mxfp4": (lambda: levels("mxfp4", (27, 20, 32 * 214)), "sm_80", bounds(4, 1)),
    "nvfp4": (lambda: levels("nvfp4", (27, 20, 64 * 107)), "sm_80", bounds(4, 1)),
    "nf4 by f32": (lambda: levels("nf4", (11, 20, 64 * 140), "f32"), "sm_80", bounds(3)),
    "w4a8": (few_bits((27, 20, 64 * 140), 64, lhs=np.int8), "sm_80", bounds(4)),
    "w4a8 without groups": (few_bits((27, 20, 128 * 69 + 32), 0, lhs=np.int8), "sm_80", bounds(9)),
    "ternary by bytes": (few_bits((27, 20, 128 * 137 + 32), 0, width=2, lhs=np.int8), "sm_80", bounds(9)),
    "width 2": (few_bits((27, 20, 128 * 140), 128, width=2), "sm_80", bounds(4)),
    "zeros": (few_bits((27, 28, 64 * 140), 64, zeros=True), "sm_80", bounds(6, 2)),  # rounded up by half, 28 columns are two tiles, too
    "early launch": (few_bits((27, 20, 64 * 140), 64), "sm_90a", bounds(4)),
}


@pytest.mark.parametrize("name", FEW_BITS)
def test_few_bits(name: str, tmp_path: Path) -> None:
    make, chip, same = FEW_BITS[name]
    check_mutants(partial(simulate, make(), tmp_path, target=f"nvptx:{chip}"), same, strides=1)


# The product, the target, the plan, and blocks where they go through tiles by themselves: each takes several.
PRODUCTS: dict[str, tuple[Callable[[], Product], str, str, int, dict[str, int]]] = {
    "bits": (bytes_((147, 38, 128 * 10 + 48), "sums", bits=True), "sm_80", WARPS, 0, {}),
    "bits by warpgroups": (bytes_((35, 40, 128 * 11 + 48), "sums", bits=True), "sm_90a", WARPGROUP, 2, CONSUMERS),
    "codes by warpgroups": (bytes_((35, 40, 128 * 11 + 48), "codes"), "sm_90a", WARPGROUP, 2, CONSUMERS),
    "batches": (bytes_((2, 19, 38, 128 * 10 + 48), "sums"), "sm_80", WARPS, 0, ORDER),
    "batches by warpgroups": (bytes_((2, 19, 40, 128 * 8 + 48), "sums"), "sm_90a", WARPGROUP, 2, CONSUMERS),
    "batches by tcgen05": (bytes_((2, 70, 40, 128 * 5 + 48), "sums"), "sm_100a", "tcgen05_64x32x128x10", 2, TILES),
    "floats": (floats8((19, 38, 128 * 9 + 48)), "sm_89", WARPS, 0, COLUMNS),
    "groups of floats": (groups8((19, 38, 1408), 128, "mixed", "mma.sync"), "sm_89", WARPS, 0, COLUMNS),
    "groups of floats by warpgroups": (groups8((19, 70, 128 * 7), 64, "e4m3", "wgmma"), "sm_90a", "wgmma_16x64x128x12", 1, HALVES),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name: str, tmp_path: Path) -> None:
    make, chip, plan, blocks, same = PRODUCTS[name]
    check_mutants(partial(simulate, make(), tmp_path, target=f"nvptx:{chip}", plan=plan, blocks=blocks), same, strides=2)
