"""Bodies of structured ops with ops of several results and with computed places: the same on all targets."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

TARGETS = ["host", "generic", "reference", "gpu-sim:sm_75", "gpu-sim"]

WIDE = """
func.func @main(%a: tensor<3x70xi32> {{lowbit.name = "a"}}, %b: tensor<3x70xi32> {{lowbit.name = "b"}}) -> (tensor<3x70xi32> {{lowbit.name = "y"}}) {{
  %e = tensor.empty() : tensor<3x70xi32>
  %0 = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}} ins(%a, %b : tensor<3x70xi32>, tensor<3x70xi32>) outs(%e : tensor<3x70xi32>) {{
  ^bb0(%x: i32, %y: i32, %o: i32):
    %low, %high = arith.mul{sign}i_extended %x, %y : i32
    %1 = arith.xori %low, %high : i32
    linalg.yield %1 : i32
  }} -> tensor<3x70xi32>
  return %0 : tensor<3x70xi32>
}}
"""

PLACES = """
func.func @main(%a: tensor<7x70xi32> {lowbit.name = "a"}, %n: index {lowbit.name = "n"}) -> (tensor<7x70xi32> {lowbit.name = "y"}) {
  %e = tensor.empty() : tensor<7x70xi32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<7x70xi32>) {
  ^bb0(%o: i32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %at = affine.apply affine_map<(i, j)[n] -> (i ceildiv n + j mod n + j floordiv 3)>(%i, %j)[%n]
    %1 = tensor.extract %a[%i, %at] : tensor<7x70xi32>
    linalg.yield %1 : i32
  } -> tensor<7x70xi32>
  return %0 : tensor<7x70xi32>
}
"""


def compile_text(tmp_path: Path, text: str, target: str) -> lowbit.Function:
    (tmp_path / "m.mlir").write_text(text)
    return lowbit.load(tmp_path / "m.mlir").compile(target=target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("sign", ["u", "s"])
def test_wide_products(tmp_path: Path, target: str, sign: str) -> None:
    a, b = np.random.default_rng(1).integers(-(2**31), 2**31, (2, 3, 70)).astype(np.int32)
    a[0, :4], b[0, :4] = [-(2**31), 2**31 - 1, -1, -(2**31)], [-(2**31), 2**31 - 1, -1, 2**31 - 1]
    wide = np.uint64 if sign == "u" else np.int64
    if sign == "u":
        product = a.view(np.uint32).astype(wide) * b.view(np.uint32).astype(wide)
    else:
        product = a.astype(wide) * b.astype(wide)
    expected = (product ^ (product >> wide(32))).astype(np.uint32).view(np.int32)
    np.testing.assert_array_equal(compile_text(tmp_path, WIDE.format(sign=sign), target)(a=a, b=b)["y"], expected)


@pytest.mark.parametrize("target", TARGETS)
def test_computed_places(tmp_path: Path, target: str) -> None:
    a = np.random.default_rng(2).integers(-(2**31), 2**31, (7, 70)).astype(np.int32)
    i, j = np.indices(a.shape)
    for n in (1, 5, 33):
        expected = a[i, -(-i // n) + j % n + j // 3]
        np.testing.assert_array_equal(compile_text(tmp_path, PLACES, target)(a=a, n=np.int64(n))["y"], expected)
