"""Run twins of sites in a smaller float: every target gives what numpy gives on operands rounded half to even, within the rounding of sums."""

import json
from pathlib import Path

import lowbit
import numpy as np
import pytest

# Part of the sum of magnitudes that rounding f32 sums may change.
TOLERANCE = 4e-6
ROWS, DEPTH, COLUMNS = 7, 64, 37
TEXT = """
func.func @main(%x: tensor<7x64xf32> {lowbit.name = "x"}, %k: tensor<64x37xf32> {lowbit.name = "k"})
    -> (tensor<7x37xf32> {lowbit.name = "linear"}, tensor<7x37xf32> {lowbit.name = "product"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<WEIGHT> : tensor<64x37xf32>
  %empty = tensor.empty() : tensor<7x37xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<7x37xf32>) -> tensor<7x37xf32>
  %linear = linalg.matmul ins(%x, %w : tensor<7x64xf32>, tensor<64x37xf32>) outs(%zeros : tensor<7x37xf32>) -> tensor<7x37xf32>
  %product = linalg.matmul ins(%x, %k : tensor<7x64xf32>, tensor<64x37xf32>) outs(%zeros : tensor<7x37xf32>) -> tensor<7x37xf32>
  return %linear, %product : tensor<7x37xf32>, tensor<7x37xf32>
}
"""


def to_rounded(values: np.ndarray, element: str) -> np.ndarray:
    """`values` rounded half to even, as f64; bf16 through the upper half of f32."""
    if element == "f16":
        return values.astype(np.float16).astype(np.float64)
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32).astype(np.float64)


@pytest.mark.parametrize("element", ["bf16", "f16"])
@pytest.mark.parametrize("target", ["reference", "x86-64-avx2", "host"])
def test_products(tmp_path: Path, element: str, target: str) -> None:
    rng = np.random.default_rng(6)
    weight, k = rng.normal(size=(2, DEPTH, COLUMNS)).astype(np.float32)
    x = rng.normal(size=(ROWS, DEPTH)).astype(np.float32)
    (tmp_path / "m.mlir").write_text(TEXT.replace("WEIGHT", str(weight.tolist())))
    recipe = {"version": 1, "name": "rounded", "rules": [{"keep": "smaller", "float": element}]}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    module = lowbit.load(tmp_path / "m.mlir").quantize(str(tmp_path / "recipe.json"))
    assert module.nbytes == DEPTH * COLUMNS * 2
    found = module.compile(target=target)(x=x, k=k)
    left = to_rounded(x, element)
    for name, right in (("linear", to_rounded(weight, element)), ("product", to_rounded(k, element))):
        bound = TOLERANCE * (np.abs(left) @ np.abs(right))
        assert (np.abs(found[name] - left @ right) <= bound).all(), name
        # What is compared is rounded: the products of f32 are further away.
        exact = x.astype(np.float64) @ (weight if name == "linear" else k).astype(np.float64)
        assert (np.abs(exact - left @ right) > bound).any(), name
