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


# The cosine that is left, the bytes of a row of codes, and those of a column's scales and zero points.
@pytest.mark.parametrize(
    ("recipe", "cosine", "row", "scales"),
    [("w8a8-dynamic", 0.9999, 37, 4), ("w4a8", 0.99, 19, 2 * 2), ("w2a8", 0.9, 10, 2 * 3), ("ternary", 0.5, 10, 2), ("binary", 0.5, 5, 2)],
)
def test_linear(tmp_path: Path, recipe: str, cosine: float, row: int, scales: int) -> None:
    rng = np.random.default_rng(5)
    weight = rng.normal(size=(DEPTH, COLUMNS)).astype(np.float32)
    (tmp_path / "m.mlir").write_text(TEXT.replace("WEIGHT", str(weight.tolist())))
    x = rng.normal(size=(ROWS, DEPTH)).astype(np.float32)
    module = lowbit.load(tmp_path / "m.mlir").quantize(recipe)
    host, reference = (module.compile(target=target)(x=x)["y"] for target in ("host", "reference"))
    assert host.tobytes() == reference.tobytes()
    expected = x @ weight
    assert (host * expected).sum() / np.linalg.norm(host) / np.linalg.norm(expected) > cosine
    assert module.nbytes == DEPTH * row + COLUMNS * scales
