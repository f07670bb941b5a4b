"""Products of 8-bit floats: to the bit where sums are exact, else what a second model of tensor cores says, within the bound of `lowbit.matmul`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import float8
import lowbit
import ml_dtypes
import numpy as np
import pytest
from float8 import E4M3, E5M2
from mutants import check_banks, check_mutants
from products import Epilogue, Product, simulate, tiles

PAIRS = [(E4M3, E4M3), (E4M3, E5M2), (E5M2, E4M3), (E5M2, E5M2)]
REALS = """%once = arith.mulf %sum, %row : f32
    %twice = arith.mulf %once, %column : f32
    %biased = arith.addf %twice, %bias : f32
    %zero = arith.constant 0.0 : f32
    %real = arith.maximumf %biased, %zero : f32
    """


def make_product(
    rng: np.random.Generator, shape: tuple[int, int, int], pair: tuple[type, type], kind: str, whole: bool, by: str
) -> Product:
    """kind: sums, or the type of results that have scales of row and column, a bias and a ReLU."""
    m, n, k = shape
    a, b = (float8.random_codes(rng, (size, k), number, whole) for size, number in zip((m, n), pair))
    sums = (float8.warpgroup_sums if by == "wgmma" else float8.warp_sums)(a, b)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    if whole:
        np.testing.assert_array_equal(sums, exact)
    assert (np.abs(sums - exact) <= float8.error_bound(a, b)).all()
    if kind == "sums":
        epilogue = Epilogue({}, "lowbit.yield %sum : f32", sums)
    else:
        operands = {
            "row": rng.uniform(0.001, 0.01, (m, 1)).astype(np.float32),
            "column": rng.uniform(0.5, 1.5, (1, n)).astype(np.float32),
            "bias": rng.uniform(-1, 1, (1, n)).astype(np.float32),
        }
        with np.errstate(over="ignore"):
            reals = np.maximum(sums * operands["row"] * operands["column"] + operands["bias"], np.float32(0))
            result = reals.astype(np.float16 if kind == "f16" else ml_dtypes.bfloat16)
        body = REALS + f"%narrow = arith.truncf %real : f32 to {kind}\n    lowbit.yield %narrow : {kind}"
        epilogue = Epilogue(operands, body, result)
    return Product("lowbit.matmul", {"lhs": a, "rhs": b}, epilogue, [m, n, k, k, k], first="f32")


def list_tiles(target: str, stem: str, by: str) -> list[str]:
    return tiles(target, stem, make_product(np.random.default_rng(0), (8, 8, 32), PAIRS[0], "sums", True, by))


WARP_TILES = list_tiles("nvptx:sm_89", "mma_sync", "mma.sync")
GROUP_TILES = list_tiles("nvptx:sm_90a", "wgmma", "wgmma")


def choose_cases(names: list[str]) -> list[tuple[str, int]]:
    """All cases of every third tile, one of each other."""
    return [(tile, case) for index, tile in enumerate(names) for case in range(3) if index % 3 == 0 or case == index % 3]


def shapes(tile: str) -> list[tuple[int, int, int]]:
    """Less than a tile; more than one in every direction, with buffers used again; less than a piece of columns."""
    rows, columns, depth, stages = map(int, tile.split("x"))
    return [(1, 8, 16), (rows + 3, columns + 6, depth * (stages + 1) + 48), (rows, columns - 1, 2 * depth)]


@pytest.mark.parametrize(("tile", "case"), choose_cases(WARP_TILES))
def test_warps(tile: str, case: int, tmp_path: Path) -> None:
    kind = ["f16", "sums", "bf16"][(case + WARP_TILES.index(tile)) % 3]
    shape, pair = shapes(tile)[case], PAIRS[(case + WARP_TILES.index(tile)) % 4]
    product = make_product(np.random.default_rng(case), shape, pair, kind, case == 2, "mma.sync")
    order = f"--order={['ring', 'random', 'reverse'][case]}"
    outcome = simulate(product, tmp_path, order, "--counts", plan=f"mma_sync_{tile}", target="nvptx:sm_89")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert check_banks(outcome)


@pytest.mark.parametrize(("tile", "case"), choose_cases(GROUP_TILES))
def test_warpgroups(tile: str, case: int, tmp_path: Path) -> None:
    kind = ["sums", "f16", "bf16"][(case + GROUP_TILES.index(tile)) % 3]
    shape, pair = shapes(tile)[case], PAIRS[(case + GROUP_TILES.index(tile)) % 4]
    product = make_product(np.random.default_rng(case), shape, pair, kind, case == 2, "wgmma")
    outcome = simulate(
        product, tmp_path, f"--order={['ring', 'random', 'reverse'][case]}", "--counts", plan=f"wgmma_{tile}", target="nvptx:sm_90a"
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    check_banks(outcome)


def test_mutants(tmp_path: Path) -> None:
    """Every buffer is used again. Missed is what one block with one tile does not ask for: how many tiles there are, and where they begin."""
    product = make_product(np.random.default_rng(0), (9, 40, 128 * 33 + 48), PAIRS[0], "sums", False, "wgmma")
    same = {"arith.shrui: the constant is one less": 2, "arith.muli: half the stride": 4}
    check_mutants(partial(simulate, product, tmp_path, plan="wgmma_16x32x128x16", target="nvptx:sm_90a"), same)


SIDES = "lhs(%a scales %s <#lowbit.float<{0}>> : tensor<{2}x{4}x{0}>, tensor<f32>) rhs(%b scales %s <#lowbit.float<{1}>> : tensor<{3}x{4}x{1}>, tensor<f32>)"
MAPS = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>"


def contraction(pair: tuple[type, type], shape: tuple[int, int, int], result: str = "f32", attributes: str = "") -> str:
    """Of sides with a scale each; to a type of 8 bits by `lowbit.quantize`."""
    m, n, k = shape
    left, right = (float8.TYPES[number] for number in pair)
    element = "f32" if result.startswith("f8") else result
    quantize = f"%q = lowbit.quantize %r, %s <#lowbit.float<{result}>> : (tensor<{m}x{n}xf32>, tensor<f32>) -> tensor<{m}x{n}x{result}>"
    return f"""
func.func @main(%a: tensor<{m}x{k}x{left}> {{lowbit.name = "a"}}, %b: tensor<{n}x{k}x{right}> {{lowbit.name = "b"}},
                %s: tensor<f32> {{lowbit.name = "s"}}) -> (tensor<{m}x{n}x{result}> {{lowbit.name = "y"}}) {{
  %init = tensor.empty() : tensor<{m}x{n}x{element}>
  %r = lowbit.contract [{MAPS}]
    {SIDES.format(left, right, m, n, k)}
    outs(%init : tensor<{m}x{n}x{element}>) {attributes} -> tensor<{m}x{n}x{element}>
  {quantize if result != element else ""}
  return {"%q" if result != element else "%r"} : tensor<{m}x{n}x{result}>
}}
"""


@pytest.mark.parametrize("pair", [PAIRS[0], PAIRS[1], PAIRS[3]], ids=lambda pair: "-".join(float8.TYPES[number] for number in pair))
def test_all_codes(pair: tuple[type, type], tmp_path: Path) -> None:
    """Each code by each, alone in a sum: exact on every unit, with NaN, infinities, -0 and subnormals."""
    a, b = (np.zeros((256, 16), np.uint8) for _ in pair)
    a[:, 5] = b[:, 5] = np.arange(256)
    a, b = (side.view(number) for side, number in zip((a, b), pair))
    with np.errstate(invalid="ignore"):
        want = a[:, 5:6].astype(np.float32) * b[:, 5].astype(np.float32) + np.float32(0)
    (tmp_path / "m.mlir").write_text(contraction(pair, (256, 256, 16)))
    for target in ("gpu-sim", "gpu-sim:sm_89", "gpu-sim:sm_80"):
        found = lowbit.load(tmp_path / "m.mlir").compile(target)(a=a, b=b, s=np.float32(1))["y"]
        np.testing.assert_array_equal(found, want, err_msg=target)


@pytest.mark.parametrize("result", ["f16", "f8E4M3FN", "f8E5M2"])
def test_results(result: str, tmp_path: Path) -> None:
    """A reduction that is no multiple of 16, to halves and to codes again: as on the host, where sums are exact."""
    rng = np.random.default_rng(0)
    a, b = (float8.random_codes(rng, (size, 85), E4M3, True) for size in (37, 50))
    (tmp_path / "m.mlir").write_text(contraction(PAIRS[0], (37, 50, 85), result))
    model = lowbit.load(tmp_path / "m.mlir")
    want = model.compile("host")(a=a, b=b, s=np.float32(0.25))["y"]
    for target in ("gpu-sim", "gpu-sim:sm_89"):
        found = model.compile(target)(a=a, b=b, s=np.float32(0.25))["y"]
        np.testing.assert_array_equal(found.view(np.uint8), want.view(np.uint8), err_msg=target)


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_89"])
def test_batches(target: str, tmp_path: Path) -> None:
    maps = ", ".join(f"affine_map<(b, m, n, k) -> (b, {axes})>" for axes in ("m, k", "n, k", "m, n"))
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%a: tensor<3x21x48xf8E4M3FN> {{lowbit.name = "a"}}, %b: tensor<3x40x48xf8E5M2> {{lowbit.name = "b"}},
                %s: tensor<f32> {{lowbit.name = "s"}}) -> (tensor<3x21x40xf32> {{lowbit.name = "y"}}) {{
  %init = tensor.empty() : tensor<3x21x40xf32>
  %r = lowbit.contract [{maps}]
    lhs(%a scales %s <#lowbit.float<f8E4M3FN>> : tensor<3x21x48xf8E4M3FN>, tensor<f32>)
    rhs(%b scales %s <#lowbit.float<f8E5M2>> : tensor<3x40x48xf8E5M2>, tensor<f32>)
    outs(%init : tensor<3x21x40xf32>) -> tensor<3x21x40xf32>
  return %r : tensor<3x21x40xf32>
}}
""")
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-3, 4, (3, size, 48)).astype(np.float32).astype(number) for size, number in ((21, E4M3), (40, E5M2)))
    found = lowbit.load(tmp_path / "m.mlir").compile(target)(a=a, b=b, s=np.float32(1))["y"]
    np.testing.assert_array_equal(found, a.astype(np.float32) @ b.astype(np.float32).swapaxes(1, 2))


def test_exact(tmp_path: Path) -> None:
    """What is to have every bit of f32 is added up as the reference does, whatever the GPU could do."""
    rng = np.random.default_rng(0)
    a, b = (float8.random_codes(rng, (size, 150), E4M3, False) for size in (5, 7))
    (tmp_path / "m.mlir").write_text(contraction(PAIRS[0], (5, 7, 150), attributes="{lowbit.exact}"))
    model = lowbit.load(tmp_path / "m.mlir")
    want, found = (model.compile(target)(a=a, b=b, s=np.float32(1))["y"] for target in ("reference", "gpu-sim"))
    np.testing.assert_array_equal(found, want)
    assert (want != float8.warpgroup_sums(a, b)).any()
