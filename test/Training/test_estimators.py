"""Gradients of rounding beside formulas, by every estimator and any zero point."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

SCALE = np.float32(0.125)
# Below, inside and above the range of uint<8> by any zero point, and on its bounds.
X = np.array([-40.0, -31.99, -3.31, -0.74, -0.02, 0.0, 0.19, 2.51, 31.9, 40.0], np.float32)
COTANGENT = np.linspace(0.5, 1.4, len(X)).astype(np.float32)
ESTIMATORS = ("identity", "lsq", "pact", "ste")


def gradients(folder: Path, estimator: str, zero: int) -> dict[str, np.ndarray]:
    """Of the sum of what `X` is rounded to, each by its own cotangent."""
    kind = f"tensor<{len(X)}xf32>"
    (folder / "m.mlir").write_text(f"""
func.func @loss(%x: {kind} {{lowbit.name = "x"}}, %s: tensor<f32> {{lowbit.name = "s"}}, %c: {kind} {{lowbit.name = "c"}}) -> tensor<f32> {{
  %none = arith.constant 0.0 : f32
  %z = arith.constant dense<{zero if zero < 128 else zero - 256}> : tensor<i8>
  %q = lowbit.fake_quant %x, %s, %z <#lowbit.uint<8>, zero = i8> : ({kind}, tensor<f32>, tensor<i8>) -> {kind} by #lowbit.{estimator}
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%none : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.dot ins(%q, %c : {kind}, {kind}) outs(%f : tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}}""")
    model = lowbit.load(folder / "m.mlir", entry="loss").transform('lowbit-differentiate{wrt="x,s"}')
    found = lowbit.Module(model._native, "loss_gradients").compile("reference")(x=X, s=SCALE, c=COTANGENT)
    return {"x": found["gradient.x"], "s": found["gradient.s"]}


@pytest.mark.parametrize("zero", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_zero_points(tmp_path: Path, estimator: str, zero: int) -> None:
    """Where the zero point is the largest code, no value above zero has one: the bound is zero, and nothing is divided by it."""
    scaled = X.astype(np.float64) / SCALE
    low, high = -zero, 255 - zero
    rounded = np.clip(np.rint(scaled), low, high)
    below, above = scaled < low, scaled > high
    outside = np.where(below, low, np.where(above, high, 0.0))
    slope = {"identity": rounded, "pact": outside}.get(estimator, np.where(below | above, outside, rounded - scaled))
    # LSQ's step is by the number of elements and the largest code (Esser et al., 2020, section 2.2), wherever zero lies.
    step = np.sqrt(len(X) * 255) if estimator == "lsq" else 1.0
    found = gradients(tmp_path, estimator, zero)
    np.testing.assert_allclose(found["s"], (COTANGENT * slope).sum() / step, rtol=1e-5, atol=1e-4)
    passes = np.ones(len(X), bool) if estimator == "identity" else ~(below | above)
    np.testing.assert_array_equal(found["x"], COTANGENT * passes)
