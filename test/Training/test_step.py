"""A step beside the gradients that it takes: nothing reads a parameter that the step has changed already."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np

TEXT = """
func.func @main(%x: tensor<8x1x10x10xf32> {lowbit.name = "x"}, %w: tensor<16x1x3x3xf32> {lowbit.name = "w", lowbit.parameter = "weight"},
                %s: tensor<16x1x1x1xf32> {lowbit.name = "s", lowbit.parameter = "scale"}) -> (tensor<8x16x8x8xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %q = lowbit.fake_quant %w, %s <#lowbit.int<4>, block = [1, 0, 0, 0]> : (tensor<16x1x3x3xf32>, tensor<16x1x1x1xf32>) -> tensor<16x1x3x3xf32> by #lowbit.lsq
  %e = tensor.empty() : tensor<8x16x8x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16x8x8xf32>) -> tensor<8x16x8x8xf32>
  %y = linalg.conv_2d_nchw_fchw ins(%x, %q : tensor<8x1x10x10xf32>, tensor<16x1x3x3xf32>) outs(%z : tensor<8x16x8x8xf32>) -> tensor<8x16x8x8xf32>
  return %y : tensor<8x16x8x8xf32>
}
"""


def test_a_step_takes_the_gradients_of_old_values(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text(TEXT)
    gradients = lowbit.load(tmp_path / "m.mlir").transform("lowbit-add-loss{loss=squared_error},lowbit-differentiate{function=loss}")
    stepping = gradients.transform("lowbit-add-optimizer{optimizer=sgd scale-rate=1.0},canonicalize,cse")
    rng = np.random.default_rng(4)
    arrays = {
        "x": rng.standard_normal((8, 1, 10, 10)).astype(np.float32),
        "labels": rng.standard_normal((8, 16, 8, 8)).astype(np.float32),
        "w": rng.standard_normal((16, 1, 3, 3)).astype(np.float32),
        "s": rng.uniform(0.2, 0.4, (16, 1, 1, 1)).astype(np.float32),
    }
    found = lowbit.Module(gradients._native, "loss_gradients").compile("host")(**arrays)
    step = lowbit.Module(stepping._native, "training_step").compile("host")
    changed = {name: array.copy() for name, array in arrays.items()}
    others = {port.name: np.full(tuple(port.shape), 0.125, port.dtype) for port in step.inputs if port.name not in arrays}
    step.bind(**changed, **others)()
    for name in ("w", "s"):
        gradient = found[f"gradient.{name}"]
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose((arrays[name] - changed[name]) / 0.125, gradient, rtol=1e-3, atol=4e-6)
