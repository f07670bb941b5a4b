"""What kernels compute with floats is defined: plain loops in the order of a GPU, its kernels in the simulator, and numpy give the same bits."""

from __future__ import annotations

import sys
from pathlib import Path

import lowbit
import numpy as np
import pytest

FOLDER = Path(__file__).parent / "Golden"
sys.path.insert(0, str(FOLDER))
sys.dont_write_bytecode = True

from check import Recording
from rows import FAST


def same_bits(x: np.ndarray, y: np.ndarray) -> bool:
    """Signs of zeros and NaN among them."""
    return x.dtype == y.dtype and x.tobytes() == y.tobytes()


def run(folder: Path, text: str, target: str, **inputs: np.ndarray) -> np.ndarray:
    """The result `y` of the function."""
    (folder / "m.mlir").write_text(text)
    return lowbit.load(folder / "m.mlir").compile(target)(**inputs)["y"]


def matrices(words: np.ndarray, rows: int) -> np.ndarray:
    """16 halves a row, of registers [case, lane, register]: the tables of the PTX manual, which the integer recordings check."""
    lane = np.arange(32)
    result = np.zeros((len(words), rows, 8), np.uint32)
    for r in range(words.shape[2]):
        below = r % 2 if rows == 16 else 0
        result[:, lane // 4 + 8 * below, lane % 4 + 4 * (r // 2 if rows == 16 else r)] = words[..., r]
    return result.view(np.uint16)


def sums(words: np.ndarray) -> np.ndarray:
    """Accumulators, as words, of registers [case, lane, register]."""
    lane = np.arange(32)
    result = np.zeros((len(words), 16, 8), np.uint32)
    for r in range(4):
        result[:, lane // 4 + 8 * (r // 2), 2 * (lane % 4) + r % 2] = words[..., r]
    return result


@pytest.mark.parametrize("half", ["f16", "bf16"])
def test_tensor_cores(half: str, tmp_path: Path) -> None:
    """Loops add products of halves as an H200 does: all that was recorded of its instruction, infinities and subnormal numbers among it."""
    record = Recording(FOLDER / "float_mma.npz")[f"mma.m16n8k16.f32.{half}.{half}"]
    a, b, c = matrices(record["in"][..., :4], 16), matrices(record["in"][..., 4:6], 8), sums(record["in"][..., 6:])
    n = len(a)

    def to_halves(name: str, rows: int) -> str:
        return f"""  %{name}e = tensor.empty() : tensor<{n}x{rows}x16x{half}>
  %{name}h = linalg.generic {{indexing_maps = [affine_map<(n, i, k) -> (n, i, k)>, affine_map<(n, i, k) -> (n, i, k)>],
                        iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%{name} : tensor<{n}x{rows}x16xi16>) outs(%{name}e : tensor<{n}x{rows}x16x{half}>) {{
  ^bb0(%x: i16, %o: {half}):
    %0 = arith.bitcast %x : i16 to {half}
    linalg.yield %0 : {half}
  }} -> tensor<{n}x{rows}x16x{half}>
"""

    text = f"""
func.func @main(%a: tensor<{n}x16x16xi16> {{lowbit.name = "a"}}, %b: tensor<{n}x8x16xi16> {{lowbit.name = "b"}},
                %c: tensor<{n}x16x8xf32> {{lowbit.name = "c"}}) -> (tensor<{n}x16x8xf32> {{lowbit.name = "y"}}) {{
{to_halves("a", 16)}{to_halves("b", 8)}  %r = linalg.generic {{indexing_maps = [affine_map<(n, i, j, k) -> (n, i, k)>, affine_map<(n, i, j, k) -> (n, j, k)>, affine_map<(n, i, j, k) -> (n, i, j)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%ah, %bh : tensor<{n}x16x16x{half}>, tensor<{n}x8x16x{half}>) outs(%c : tensor<{n}x16x8xf32>) attrs = {{lowbit.order = {{matrix = 16 : i64}}}} {{
  ^bb0(%x: {half}, %y: {half}, %o: f32):
    %0 = arith.extf %x : {half} to f32
    %1 = arith.extf %y : {half} to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  }} -> tensor<{n}x16x8xf32>
  return %r : tensor<{n}x16x8xf32>
}}
"""
    found = run(tmp_path, text, "reference", a=a.view(np.int16), b=b.view(np.int16), c=c.view(np.float32))
    np.testing.assert_array_equal(found.view(np.uint32), sums(record["out"]))


def sum_by_lanes(x: np.ndarray, neighbours: int) -> np.ndarray:
    """Of each row: 32 lanes, then halves, as docs/gpu-kernels.md says."""
    lanes = np.full((len(x), 32), -0.0, np.float32)
    for column in range(x.shape[1]):
        lanes[:, column // neighbours % 32] += x[:, column]
    for distance in (16, 8, 4, 2, 1):
        lanes = lanes[:, :distance] + lanes[:, distance : 2 * distance]
    return lanes[:, 0]


def sum_by_parts(x: np.ndarray, parts: int) -> np.ndarray:
    """Over the first axis: every n-th element, then part after part."""
    total = np.zeros(x.shape[1:], np.float32)
    for part in range(parts):
        own = np.full(x.shape[1:], -0.0, np.float32)
        for element in x[part::parts]:
            own += element
        total += own
    return total


@pytest.mark.parametrize(("columns", "neighbours"), [(384, 4), (100, 2), (99, 1), (40, 1)])
def test_order_of_rows(columns: int, neighbours: int, tmp_path: Path) -> None:
    """Numbers of very different size, so that another order has another sum."""
    rng = np.random.default_rng(columns)
    x = (rng.normal(size=(6, columns)) * 2.0 ** rng.integers(-12, 12, (6, columns))).astype(np.float32)
    text = f"""#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<6x{columns}xf32> {{lowbit.name = "x"}}) -> (tensor<6x{columns}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x{columns}xf32>
  %s_e = tensor.empty() : tensor<6xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<6xf32>) -> tensor<6xf32>
  %s = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}} ins(%x : tensor<6x{columns}xf32>) outs(%s_0 : tensor<6xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o {FAST} : f32
    linalg.yield %0 : f32
  }} -> tensor<6xf32>
  %y = linalg.generic {{indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %s : tensor<6x{columns}xf32>, tensor<6xf32>) outs(%e : tensor<6x{columns}xf32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b {FAST} : f32
    linalg.yield %0 : f32
  }} -> tensor<6x{columns}xf32>
  return %y : tensor<6x{columns}xf32>
}}
"""
    want = x - (np.float32(0) + sum_by_lanes(x, neighbours))[:, None]
    assert not same_bits(want, x - np.add.reduce(x.T, 0)[:, None])
    for target in ("reference:sm_90a", "gpu-sim"):
        assert same_bits(run(tmp_path, text, target, x=x), want), target


def test_order_of_parts(tmp_path: Path) -> None:
    """A long sum of rows, and one of the columns of what it gives, as a pooled embedding and its length have."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(3, 50, 128)) * 2.0 ** rng.integers(-9, 9, (3, 50, 128))).astype(np.float32)
    text = f"""#in = affine_map<(i, k, j) -> (i, k, j)>
#out = affine_map<(i, k, j) -> (i, j)>
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<3x50x128xf32> {{lowbit.name = "x"}}) -> (tensor<3x128xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x128xf32>
  %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<3x128xf32>) -> tensor<3x128xf32>
  %s = linalg.generic {{indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction", "parallel"]}} ins(%x : tensor<3x50x128xf32>) outs(%0 : tensor<3x128xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o {FAST} : f32
    linalg.yield %t : f32
  }} -> tensor<3x128xf32>
  %l_e = tensor.empty() : tensor<3xf32>
  %l_0 = linalg.fill ins(%zero : f32) outs(%l_e : tensor<3xf32>) -> tensor<3xf32>
  %l = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}} ins(%s : tensor<3x128xf32>) outs(%l_0 : tensor<3xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o {FAST} : f32
    linalg.yield %t : f32
  }} -> tensor<3xf32>
  %y = linalg.generic {{indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%s, %l : tensor<3x128xf32>, tensor<3xf32>) outs(%e : tensor<3x128xf32>) {{
  ^bb0(%a: f32, %q: f32, %o: f32):
    %d = arith.divf %a, %q {FAST} : f32
    linalg.yield %d : f32
  }} -> tensor<3x128xf32>
  return %y : tensor<3x128xf32>
}}
"""
    pooled = np.stack([sum_by_parts(each, 8) for each in x])
    want = pooled * (np.float32(1) / (np.float32(0) + sum_by_lanes(pooled, 4)))[:, None]
    for target in ("reference:sm_90a", "gpu-sim"):
        assert same_bits(run(tmp_path, text, target, x=x), want), target


def test_quotients(tmp_path: Path) -> None:
    """A division that may not be by the reciprocal is the nearest number, also where its operands are known to be of ordinary size. Among the
    operands are those whose quotients are next to the middle between two numbers: y x' = x 2^24 + 1, x' odd.
    """
    divisors = np.arange((1 << 23) + 1, 1 << 24, 509) | 1
    inverse = divisors.copy()
    for _ in range(5):
        inverse = inverse * (2 - divisors * inverse)
    middles = inverse & ((1 << 24) - 1) | 1 << 24
    dividends = (middles * divisors - 1) >> 24
    fits = (dividends >= 1 << 23) & (dividends < 1 << 24)
    scale = np.float32(2.0**-23)
    x, y = (
        np.append(values[fits].astype(np.float32) * scale, np.float32(known))
        for values, known in ((dividends, float.fromhex("0x1.68c51ep+0")), (divisors, float.fromhex("0x1.f4d33ap+0")))
    )
    n = len(x)
    text = f"""#id = affine_map<(i) -> (i)>
func.func @main(%x: tensor<{n}xf32> {{lowbit.name = "x"}}, %d: tensor<{n}xf32> {{lowbit.name = "d"}}) -> (tensor<{n}xf32> {{lowbit.name = "y"}}) {{
  %low = arith.constant 1.0 : f32
  %high = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<{n}xf32>
  %y = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}} ins(%x, %d : tensor<{n}xf32>, tensor<{n}xf32>)
      outs(%e : tensor<{n}xf32>) attrs = {{lowbit.exact}} {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.cmpf ogt, %a, %low : f32
    %1 = arith.select %0, %a, %low : f32
    %2 = arith.cmpf olt, %1, %high : f32
    %3 = arith.select %2, %1, %high : f32
    %4 = arith.cmpf ogt, %b, %low : f32
    %5 = arith.select %4, %b, %low : f32
    %6 = arith.cmpf olt, %5, %high : f32
    %7 = arith.select %6, %5, %high : f32
    %8 = arith.divf %3, %7 : f32
    linalg.yield %8 : f32
  }} -> tensor<{n}xf32>
  return %y : tensor<{n}xf32>
}}
"""
    assert n > 4000
    np.testing.assert_array_equal(run(tmp_path, text, "gpu-sim", x=x, d=y), x / y)
