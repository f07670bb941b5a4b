"""Convolutions that are trained as matmuls of their windows: values beside numpy, gradients beside those of the convolutions themselves."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

# Of an image [2, 3, 9, 8]: strides, dilations, and the shape of the result.
WINDOWS = {"plain": ((1, 1), (1, 1), (7, 6)), "strided": ((2, 1), (1, 1), (4, 6)), "dilated": ((1, 2), (2, 1), (5, 3))}

TEXT = """
func.func @loss(%x: tensor<2x3x9x8xf64> {{lowbit.name = "x", lowbit.parameter = "other"}},
                %w: tensor<4x3x3x3xf64> {{lowbit.name = "w", lowbit.parameter = "weight"}},
                %b: tensor<4xf64> {{lowbit.name = "b", lowbit.parameter = "other"}}, %k: tensor<2x4x{rows}x{columns}xf64> {{lowbit.name = "k"}})
    -> (tensor<f64> {{lowbit.name = "loss"}}) {{
  %zero = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<2x4x{rows}x{columns}xf64>
  %s = linalg.broadcast ins(%b : tensor<4xf64>) outs(%e : tensor<2x4x{rows}x{columns}xf64>) dimensions = [0, 2, 3]
  %y = linalg.conv_2d_nchw_fchw {{strides = dense<{strides}> : vector<2xi64>, dilations = dense<{dilations}> : vector<2xi64>}}
    ins(%x, %w : tensor<2x3x9x8xf64>, tensor<4x3x3x3xf64>) outs(%s : tensor<2x4x{rows}x{columns}xf64>) -> tensor<2x4x{rows}x{columns}xf64>
  %r = linalg.generic {{indexing_maps = [{all}, {all}], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
    ins(%y : tensor<2x4x{rows}x{columns}xf64>) outs(%e : tensor<2x4x{rows}x{columns}xf64>) {{
  ^bb0(%a: f64, %o: f64):
    %0 = arith.maximumf %a, %zero : f64
    linalg.yield %0 : f64
  }} -> tensor<2x4x{rows}x{columns}xf64>
  %f = tensor.empty() : tensor<f64>
  %z = linalg.fill ins(%zero : f64) outs(%f : tensor<f64>) -> tensor<f64>
  %loss = linalg.generic {{indexing_maps = [{all}, {all}, affine_map<(n, c, h, w) -> ()>],
                           iterator_types = ["reduction", "reduction", "reduction", "reduction"]}}
    ins(%r, %k : tensor<2x4x{rows}x{columns}xf64>, tensor<2x4x{rows}x{columns}xf64>) outs(%z : tensor<f64>) {{
  ^bb0(%a: f64, %c: f64, %o: f64):
    %0 = arith.mulf %a, %c : f64
    %1 = arith.addf %o, %0 : f64
    linalg.yield %1 : f64
  }} -> tensor<f64>
  return %loss : tensor<f64>
}}
"""


def compute_loss(x: np.ndarray, w: np.ndarray, b: np.ndarray, k: np.ndarray, strides: tuple[int, int], dilations: tuple[int, int]) -> float:
    """Sum of k * relu(convolution)."""
    rows, columns = k.shape[2:]
    total = np.broadcast_to(b[None, :, None, None], k.shape).copy()
    for i in range(3):
        for j in range(3):
            part = x[:, :, i * dilations[0] :: strides[0], j * dilations[1] :: strides[1]][:, :, :rows, :columns]
            total += np.einsum("nchw,fc->nfhw", part, w[:, :, i, j])
    return float((np.maximum(total, 0) * k).sum())


@pytest.mark.parametrize("name", WINDOWS)
def test_gradients_are_those_of_the_convolution(tmp_path: Path, name: str) -> None:
    strides, dilations, (rows, columns) = WINDOWS[name]
    text = TEXT.format(
        rows=rows, columns=columns, strides=list(strides), dilations=list(dilations), all="affine_map<(n, c, h, w) -> (n, c, h, w)>"
    )
    (tmp_path / "m.mlir").write_text(text)
    rng = np.random.default_rng(3)
    x, w, b, k = (rng.standard_normal(shape) for shape in ((2, 3, 9, 8), (4, 3, 3, 3), (4,), (2, 4, rows, columns)))
    found = {}
    for pipeline in ("", "lowbit-unfold-convolutions,"):
        model = lowbit.load(tmp_path / "m.mlir", entry="loss").transform(f"{pipeline}lowbit-differentiate{{wrt=x,w,b}},canonicalize,cse")
        found[pipeline] = lowbit.Module(model._native, "loss_gradients").compile("reference")(x=x, w=w, b=b, k=k)
    direct, unfolded = found.values()
    assert unfolded["loss"] == pytest.approx(compute_loss(x, w, b, k, strides, dilations), rel=1e-12)
    for gradient in ("gradient.x", "gradient.w", "gradient.b"):
        assert np.abs(direct[gradient]).max() > 0.1
        np.testing.assert_allclose(unfolded[gradient], direct[gradient], rtol=1e-11, atol=1e-11)
