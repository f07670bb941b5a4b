"""Kernels of products are right to the bit for all borders, free of bank conflicts and races, and assemble without spills."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mutants import check_banks, check_mutants
from products import floats, grouped, matmul, simulate, tiles

TILES = tiles("nvptx:sm_80", "mma_sync")
FLOAT_TILES = tiles("nvptx:sm_75", "fma", floats(np.random.default_rng(0), (64, 64, 64), "sum"))

# Without asynchronous copies: target, schedule, tiles.
STAGED = [("nvptx:sm_75", stem, tile) for stem in ("mma_m8n8k16", "dp4a") for tile in tiles("nvptx:sm_75", stem)]
AMD = [
    *(("amdgcn:gfx942", "mfma", tile) for tile in tiles("amdgcn:gfx942", "mfma")),
    *(("amdgcn:gfx90a", stem, tile) for stem, tile in (("mfma", "64x64x64"), ("dp4a", "64x64x64"), ("dp4a", "8x32x128"))),
]


def shapes(tile: str) -> list[tuple[int, int, int]]:
    """Less than a tile, a tile, more than one with buffers used again, in every direction."""
    rows, columns, depth, *rest = map(int, tile.split("x"))
    stages = rest[0] if rest else 2
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
    assert check_banks(outcome)


@pytest.mark.parametrize(("target", "stem", "tile"), STAGED + AMD)
@pytest.mark.parametrize("case", range(4))
def test_staged_tiles(target: str, stem: str, tile: str, case: int, tmp_path: Path) -> None:
    kind = ["reals", "codes", "sums", "codes"][(case + len(tile)) % 4]
    signs = [(True, True), (False, True), (True, False), (False, False)][case]
    product = matmul(np.random.default_rng(case), shapes(tile)[case], kind, signs=signs)
    order = ["ring", "reverse", "random", "ring"][case]
    outcome = simulate(product, tmp_path, f"--order={order}", "--counts", plan=f"{stem}_{tile}", target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (check_banks(outcome) > 0) == (stem == "mma_m8n8k16")


@pytest.mark.parametrize(
    ("target", "plan"),
    [
        ("nvptx:sm_75", "mma_m8n8k16_32x64x64"),
        ("nvptx:sm_75", "dp4a_32x64x64"),
        ("amdgcn:gfx942", "mfma_32x64x128"),
        ("amdgcn:gfx90a", "mfma_16x64x128"),
    ],
)
@pytest.mark.parametrize("signs", [(True, True), (False, False), (False, True), (True, False)])
def test_staged_extremes(target: str, plan: str, signs: tuple[bool, bool], tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (20, 40, 1024), "sums", signs=signs, extreme=True)
    outcome = simulate(product, tmp_path, plan=plan, target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("depth", [4, 20, 136, 300])
def test_rows_at_words(depth: int, tmp_path: Path) -> None:
    # No matrix unit takes rows that begin at multiples of 4 or 8 bytes.
    product = matmul(np.random.default_rng(0), (37, 51, depth), "sums", signs=(True, False))
    outcome = simulate(product, tmp_path, target="nvptx:sm_80")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "@matmul_dp4a_" in (tmp_path / "launch.mlir").read_text()


@pytest.mark.parametrize("tile", [tile for _, stem, tile in STAGED if stem == "dp4a"])
def test_counted_bits(tile: str, tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(len(tile)), (37, 51, 176), "sums", bits=True, extreme=tile.startswith("32"))
    outcome = simulate(product, tmp_path, plan=f"popc_{tile}", target="nvptx:sm_75")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_extremes(tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (20, 40, 1024), "sums", extreme=True)
    outcome = simulate(product, tmp_path)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("tile", TILES)
def test_bits(tile: str, tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (37, 51, 160), "sums", bits=True, extreme=TILES.index(tile) % 3 == 1)
    outcome = simulate(product, tmp_path, "--counts", plan=f"mma_sync_{tile}")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert check_banks(outcome)


BATCHES = [
    ("nvptx:sm_80", "mma_sync_16x32x128x8"),
    ("nvptx:sm_80", "mma_sync_64x64x64x5"),
    ("nvptx:sm_75", "mma_m8n8k16_32x64x64"),
    ("nvptx:sm_75", "dp4a_8x32x128"),
    ("amdgcn:gfx942", "mfma_16x64x128"),
    ("nvptx:sm_90a", "wgmma_16x32x128x16"),
    ("nvptx:sm_90a", "wgmma_128x128x128x6"),
]


@pytest.mark.parametrize(("target", "plan"), BATCHES)
@pytest.mark.parametrize("case", range(3))
def test_batches(target: str, plan: str, case: int, tmp_path: Path) -> None:
    # Tiles within a batch and borders of each, more batches than tiles, a side that all share, the largest sums.
    shape, kind, shared, signs = [
        ((3, 17, 33, 80), "reals", "", (True, True)),
        ((12, 5, 9, 48), "codes", "lhs", (False, True)),
        ((2, 64, 70, 1040), "sums", "rhs", (True, False)),
    ][case]
    product = matmul(np.random.default_rng(case), shape, kind, signs=signs, shared=shared, extreme=case == 2)
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][case]}", "--counts", target=target, plan=plan)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (check_banks(outcome) > 0) == plan.startswith("mma_")


@pytest.mark.parametrize("plan", ["mma_sync_16x32x128x8", "popc_8x32x128"])
def test_batches_of_bits(plan: str, tmp_path: Path) -> None:
    product = matmul(np.random.default_rng(0), (3, 21, 35, 48), "sums", bits=True)
    outcome = simulate(product, tmp_path, "--counts", target="nvptx:sm_80", plan=plan)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (check_banks(outcome) > 0) == plan.startswith("mma_")


def test_mutants_of_batches(tmp_path: Path) -> None:
    # Operands that batches share, and others that they do not.
    product = matmul(np.random.default_rng(0), (2, 9 * 8 + 3, 38, 128 * 3 + 48), "reals")
    check_mutants(partial(simulate, product, tmp_path, target="nvptx:sm_75", plan="dp4a_8x32x128"))


def test_mutants(tmp_path: Path) -> None:
    # Tiles enough that they come in groups, and a reduction that uses every buffer again.
    product = matmul(np.random.default_rng(0), (150, 70, 128 * 10 + 48), "sums")
    check_mutants(partial(simulate, product, tmp_path, plan="mma_sync_16x32x128x8"))


@pytest.mark.parametrize(
    ("target", "plan"),
    [
        ("nvptx:sm_75", "dp4a_16x64x128"),
        ("nvptx:sm_75", "popc_8x32x128"),
        ("nvptx:sm_75", "mma_m8n8k16_32x64x64"),
        ("amdgcn:gfx942", "mfma_16x64x128"),
    ],
)
def test_staged_mutants(target: str, plan: str, tmp_path: Path) -> None:
    rows, columns, depth = map(int, plan.rsplit("_", 1)[1].split("x"))
    product = matmul(np.random.default_rng(0), (9 * rows + 3, columns + 6, 4 * depth + 48), "sums", bits=plan.startswith("popc"))
    check_mutants(partial(simulate, product, tmp_path, plan=plan, target=target))


@pytest.mark.parametrize(
    ("target", "tile"), [*(("nvptx:sm_75", tile) for tile in FLOAT_TILES), ("amdgcn:gfx942", "32x64x64"), ("spirv:opencl", "32x32x64")]
)
@pytest.mark.parametrize("case", range(6))
def test_floats(target: str, tile: str, case: int, tmp_path: Path) -> None:
    # Each side along the reduction and along its rows, by loads of one, two and four elements; all borders, sums that are no normal numbers or
    # zeros of either sign, batches.
    shape, kind, transposed, shared = [
        ((17, 33, 20), "relu", "", ""),
        ((140, 36, 52), "relu", "lhs", ""),
        ((35, 70, 37), "sum", "rhs", ""),
        ((66, 134, 9), "relu", "lhs rhs", ""),
        ((3, 20, 40, 24), "relu", "rhs", "lhs"),
        ((130, 68, 1), "sum", "lhs rhs", ""),
    ][case]
    product = floats(np.random.default_rng(case), shape, kind, transposed, shared, extreme=case == 2)
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][case % 3]}", plan=f"fma_{tile}", target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_mutants_of_floats(tmp_path: Path) -> None:
    # What changes nothing: the order of more than eight rows of tiles, which other kernels have, and the lowest bit of what is even, as every
    # fourth row of a tile is.
    product = floats(np.random.default_rng(0), (34, 36, 40), "sum", "lhs")
    less = "the constant is one less"
    same = {f"arith.shrui: {less}": 1, "arith.muli: half the stride": 2, f"arith.andi: {less}": 2}
    check_mutants(partial(simulate, product, tmp_path, plan="fma_32x32x64"), same)


SHAPES = [(1, 8, 128), (1, 40, 4224), (3, 17, 1024), (7, 21, 2048), (16, 33, 2176), (21, 40, 1024)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("group", [32, 64, 128, 256])
@pytest.mark.parametrize("width", [2, 4])
def test_groups(shape: tuple[int, int, int], group: int, width: int, tmp_path: Path) -> None:
    m, n, k = shape
    zeros, scale = [(False, np.float16), (True, np.float32)][m % 2]
    size = (m, n, -(-k // group) * group)
    product = grouped(np.random.default_rng(k), size, group, zeros, scale, width, unsigned=n % 3 == 0)
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][n % 3]}", "--counts")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    check_banks(outcome)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("group", [0, 32, 128])
@pytest.mark.parametrize("width", [2, 4])
def test_groups_of_bytes(shape: tuple[int, int, int], group: int, width: int, tmp_path: Path) -> None:
    m, n, k = shape
    product = grouped(np.random.default_rng(k), shape, group, width=width, lhs=np.int8, unsigned=m % 2 == 0)
    target = ["nvptx:sm_90a", "nvptx:sm_80"][m % 2]
    outcome = simulate(product, tmp_path, f"--order={['ring', 'reverse', 'random'][n % 3]}", "--counts", target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    check_banks(outcome)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 16, 32), (5, 30, 96), (17, 16, 4128)])
@pytest.mark.parametrize("width", [2, 4])
def test_one_group(shape: tuple[int, int, int], width: int, tmp_path: Path) -> None:
    product = grouped(np.random.default_rng(0), shape, 0, width=width)
    outcome = simulate(product, tmp_path, target="nvptx:sm_90a")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("columns", [2115, 4330])
@pytest.mark.parametrize("rows", [2, 4, 16])
@pytest.mark.parametrize("kind", [(4, 128, np.float16), (2, 64, np.float16), (2, 0, np.int8)])
def test_tiles_of_groups(columns: int, rows: int, kind: tuple[int, int, type], tmp_path: Path) -> None:
    # Columns enough for plans of two tiles, and of three, the last of which are not there.
    width, group, lhs = kind
    product = grouped(np.random.default_rng(0), (rows, columns, 640), group, width=width, lhs=lhs)
    outcome = simulate(product, tmp_path, target="nvptx:sm_90a")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("group", [0, 64])
def test_mutants_of_groups(group: int, tmp_path: Path) -> None:
    # Groups enough that buffers are used again.
    product = grouped(np.random.default_rng(0), (18, 70, 64 * 140), group)
    check_mutants(partial(simulate, product, tmp_path, target="nvptx:sm_80"))
