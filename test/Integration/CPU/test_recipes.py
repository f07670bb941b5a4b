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
    [("w8a8-dynamic", 0.9999, 37, 4), ("w4a8", 0.99, 19, 2), ("w2a8", 0.9, 10, 2 * 3), ("ternary", 0.5, 10, 2), ("binary", 0.5, 5, 2), ("mixed", 0.9999, 37, 4)],
)
def test_linear(tmp_path: Path, recipe: str, cosine: float, row: int, scales: int) -> None:
    module, results, expected = quantize(tmp_path, recipe)
    assert results["host"].tobytes() == results["reference"].tobytes()
    assert cosine_of(results["host"], expected) > cosine
    assert module.nbytes == DEPTH * row + COLUMNS * scales


# Sums of floats are in the target's order.
@pytest.mark.parametrize(
    ("recipe", "cosine", "row", "scales"),
    [("w4a16", 0.99, 19, 2 * 3), ("nf4", 0.99, 19, 2), ("mxfp4", 0.98, 19, 2), ("mxfp6", 0.998, 37, 2), ("mxfp8", 0.998, 37, 2), ("nvfp4", 0.99, 19, 4),
     ("bf16", 0.99999, 2 * 37, 0)],
)
def test_float_activations(tmp_path: Path, recipe: str, cosine: float, row: int, scales: int) -> None:
    module, results, expected = quantize(tmp_path, recipe)
    np.testing.assert_allclose(results["host"], results["reference"], rtol=0, atol=1e-5 * np.abs(expected).max())
    assert cosine_of(results["host"], expected) > cosine
    assert module.nbytes == DEPTH * row + COLUMNS * scales + (4 if recipe == "nvfp4" else 0)  # one scale for the tensor


def test_mixed(tmp_path: Path) -> None:
    """The first and the last of three layers have 8 bits, the second 4 in groups of 32."""
    rng = np.random.default_rng(6)
    weights = [rng.normal(size=(64, 64)).astype(np.float32) / 8 for _ in range(3)]
    layers = "".join(
        f"""  %w{i} = arith.constant dense_resource<w{i}> : tensor<64x64xf32>
  %y{i + 1} = linalg.matmul ins(%y{i}, %w{i} : tensor<7x64xf32>, tensor<64x64xf32>) outs(%zeros : tensor<7x64xf32>) -> tensor<7x64xf32>
"""
        for i in range(3)
    )
    resources = ", ".join(f'w{i}: "0x04000000{weight.tobytes().hex()}"' for i, weight in enumerate(weights))
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%y0: tensor<7x64xf32> {{lowbit.name = "x"}}) -> (tensor<7x64xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<7x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<7x64xf32>) -> tensor<7x64xf32>
{layers}  return %y3 : tensor<7x64xf32>
}}
{{-# dialect_resources: {{ builtin: {{ {resources} }} }} #-}}
""")
    module, x = lowbit.load(tmp_path / "m.mlir"), rng.normal(size=(7, 64)).astype(np.float32)
    stats = module.calibrate([{"x": rng.normal(size=(7, 64)).astype(np.float32)} for _ in range(20)], recipe="mixed", progress=False)
    expected = x @ weights[0] @ weights[1] @ weights[2]
    for quantized, biases in ((module.quantize("mixed"), 0), (module.quantize("mixed", stats=stats), 3 * 64 * 4)):
        host, reference = (quantized.compile(target=target)(x=x)["y"] for target in ("host", "reference"))
        assert host.tobytes() == reference.tobytes()
        assert cosine_of(host, expected) > 0.99
        assert quantized.nbytes == 2 * (64 * 64 + 64 * 4) + 64 * 32 + 2 * 64 * 2 + biases
