"""Named recipes end to end: a linear layer quantized by each gives the bits of the reference on this machine, close to the float layer."""

from pathlib import Path

import lowbit
import numpy as np
import pytest

ROWS, DEPTH, COLUMNS = 7, 64, 37
TEXT = """
func.func @main(%x: tensor<7x64xf32> {lowbit.name = "x"}) -> (tensor<7x37xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<WEIGHT> : tensor<64x37xf32>
  %empty = tensor.empty() : tensor<7x37xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<7x37xf32>) -> tensor<7x37xf32>
  %y = linalg.matmul ins(%x, %w : tensor<7x64xf32>, tensor<64x37xf32>) outs(%zeros : tensor<7x37xf32>) -> tensor<7x37xf32>
  return %y : tensor<7x37xf32>
}
"""


def quantize(tmp_path: Path, recipe: str) -> tuple[lowbit.Module, dict[str, np.ndarray], np.ndarray]:
    """The layer by `recipe`, its results by target, and what the float layer gives."""
    rng = np.random.default_rng(5)
    weight = rng.normal(size=(DEPTH, COLUMNS)).astype(np.float32)
    (tmp_path / "m.mlir").write_text(TEXT.replace("WEIGHT", str(weight.tolist())))
    x = rng.normal(size=(ROWS, DEPTH)).astype(np.float32)
    module = lowbit.load(tmp_path / "m.mlir").quantize(recipe)
    return module, {target: module.compile(target=target)(x=x)["y"] for target in ("host", "reference")}, x @ weight


def cosine_of(found: np.ndarray, expected: np.ndarray) -> float:
    return float((found * expected).sum() / np.linalg.norm(found) / np.linalg.norm(expected))


# The cosine that is left, the bytes of a row of codes, and those of a column's scales and zero points.
@pytest.mark.parametrize(
    ("recipe", "cosine", "row", "scales"),
    [("w8a8-dynamic", 0.9999, 37, 4), ("w4a8", 0.99, 19, 2), ("w2a8", 0.9, 10, 2 * 3), ("ternary", 0.5, 10, 2), ("binary", 0.5, 5, 2)],
)
def test_linear(tmp_path: Path, recipe: str, cosine: float, row: int, scales: int) -> None:
    module, results, expected = quantize(tmp_path, recipe)
    assert results["host"].tobytes() == results["reference"].tobytes()
    assert cosine_of(results["host"], expected) > cosine
    assert module.nbytes == DEPTH * row + COLUMNS * scales


# Sums of floats are in the target's order.
@pytest.mark.parametrize(
    ("recipe", "cosine", "row", "scales"),
    [("w4a16", 0.99, 19, 2 * 3), ("nf4", 0.99, 19, 2), ("mxfp4", 0.98, 19, 2), ("nvfp4", 0.99, 19, 4), ("bf16", 0.99999, 2 * 37, 0)],
)
def test_float_activations(tmp_path: Path, recipe: str, cosine: float, row: int, scales: int) -> None:
    module, results, expected = quantize(tmp_path, recipe)
    np.testing.assert_allclose(results["host"], results["reference"], rtol=0, atol=1e-5 * np.abs(expected).max())
    assert cosine_of(results["host"], expected) > cosine
    assert module.nbytes == DEPTH * row + COLUMNS * scales
