"""Dynamic quantization of tokens after a norm: one kernel for the norm, the scales and the codes, one for the product, and the bits of loops."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest
from rows import norm

COLUMNS = 24  # of the product
SCHEMES = {"symmetric": {"format": "int<8>"}, "asymmetric": {"format": "uint<8>", "zero": "i8"}, "four bits": {"format": "int<4>"}}
# Rows of whole vectors and others, of less than a warp's lanes, and such as are shared by several warps or read again.
SHAPES = {
    "symmetric": [(6, 96), (3, 33), (2, 7), (2, 2048), (130, 64), (3, 4100)],
    "asymmetric": [(6, 96), (3, 33), (2, 2048)],
    "four bits": [(3, 33)],
}


def quantize(folder: Path, rows: int, columns: int, scheme: dict[str, str]) -> tuple[lowbit.Module, dict[str, np.ndarray], np.ndarray]:
    """A norm and a product with weights of bytes, its inputs, and what it gives without quantization, in f64."""
    rng = np.random.default_rng(rows + columns)
    model, weights = norm(rng, rows, columns), rng.normal(size=(columns, COLUMNS)).astype(np.float32)
    whole, result = f"tensor<{rows}x{columns}xf32>", f"tensor<{rows}x{COLUMNS}xf32>"
    product = f"""  %w = arith.constant dense_resource<w> : tensor<{columns}x{COLUMNS}xf32>
  %p_e = tensor.empty() : {result}
  %p_0 = linalg.fill ins(%zero : f32) outs(%p_e : {result}) -> {result}
  %p = linalg.matmul ins(%y, %w : {whole}, tensor<{columns}x{COLUMNS}xf32>) outs(%p_0 : {result}) -> {result}
  return %p : {result}
"""
    text = model.text.replace(f'({whole} {{lowbit.name = "y"}})', f'({result} {{lowbit.name = "y"}})')
    text = text.replace(f"  return %y : {whole}\n", product)
    text += f'{{-# dialect_resources: {{builtin: {{w: "0x04000000{weights.tobytes().hex()}"}}}} #-}}\n'
    (folder / "m.mlir").write_text(text)
    activation = {**scheme, "per": "token", "mode": "dynamic"}
    rule = {"weight": {"format": "int<8>", "per": "channel"}, "activation": activation}
    module = lowbit.load(folder / "m.mlir").quantize({"version": 1, "name": "tokens", "rules": [rule]})
    return module, model.inputs, model.want @ weights.astype(np.float64)


@pytest.mark.parametrize(("scheme", "shape"), [(scheme, shape) for scheme, shapes in SHAPES.items() for shape in shapes])
def test_bits(tmp_path: Path, scheme: str, shape: tuple[int, int]) -> None:
    """Rows of zeros, too; kernels with matrix units and copies of rows, and without."""
    module, inputs, want = quantize(tmp_path, *shape, SCHEMES[scheme])
    for target, reference in (("gpu-sim", "reference:sm_90a"), ("gpu-sim:sm_75", "reference:sm_75")):
        kernels, loops = module.compile(target), module.compile(reference)
        found = kernels(**inputs)["y"]
        assert found.tobytes() == loops(**inputs)["y"].tobytes(), target
        assert np.abs(found - want).max() < (0.3 if scheme == "four bits" else 0.03) * np.abs(want).max()
        same = {**inputs, "x": np.full(shape, 3, np.float32)}
        assert kernels(**same)["y"].tobytes() == loops(**same)["y"].tobytes(), target


@pytest.mark.parametrize("target", ["nvptx:sm_90a", "nvptx:sm_80", "nvptx:sm_75", "nvptx:sm_100a"])
@pytest.mark.parametrize("scheme", ["symmetric", "asymmetric"])
def test_one_launch_for_norm_scales_and_codes(tmp_path: Path, scheme: str, target: str) -> None:
    """Nothing of the norm but codes, scales and zero points is in memory between the launches."""
    module, _, _ = quantize(tmp_path, 6, 96, SCHEMES[scheme])
    first, second = module.list_launches(target)["launches"]
    assert first["kernel"] == "rows"
    assert second["kernel"].startswith("matmul_")
    written = ["6xf32", "6x96xi8"] if scheme == "symmetric" else ["6xf32", "6xi8", "6x96xi8"]
    assert sorted(buffer["type"] for buffer in first["writes"]) == sorted(written)
    assert [buffer["type"] for buffer in first["reads"]] == ["6x96xf32", "96xf32"]
