"""Batch norm of imported models, in the weights before it: beside ONNX's reference, and through calibration, quantization and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from batch_norm_model import build
from lowbit import qat
from lowbit.naming import NAMED
from onnx.reference import ReferenceEvaluator


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["Conv", "depthwise", "Gemm"])
def test_is_the_model_that_was_imported(tmp_path: Path, kind: str, bias: bool) -> None:
    module, model = build(tmp_path, kind, bias)
    folded = module.transform(NAMED)
    text = folded._native.print(False)
    assert "rsqrt" in module._native.print(False) and "rsqrt" not in text and "arith.subf" not in text
    x = np.random.default_rng(0).standard_normal(module.inputs[0].shape).astype(np.float32)
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    np.testing.assert_allclose(folded.compile()(x=x)["y"], expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())


def test_quantizes_as_one_layer(tmp_path: Path) -> None:
    module, _ = build(tmp_path, "Conv", True)
    assert [site.name for site in module.sites] == ["layer", "last"]
    x = np.random.default_rng(0).standard_normal((64, 3, 6, 5)).astype(np.float32)
    batches = [{"x": rows} for rows in x.reshape(8, 8, 3, 6, 5)]
    quantized = module.quantize("w8a8", module.calibrate(batches, progress=False))
    assert "rsqrt" not in quantized._native.print(False)
    expected, given = (np.concatenate([each.compile()(**batch)["y"] for batch in batches]) for each in (module, quantized))
    assert np.corrcoef(expected.ravel(), given.ravel())[0, 1] > 0.999


def test_trains_as_one_layer(tmp_path: Path) -> None:
    module, _ = build(tmp_path, "Conv", False)
    random = np.random.default_rng(0)
    x = random.standard_normal((64, 3, 6, 5)).astype(np.float32)
    labels = random.integers(0, 4, 64).astype(np.int32)
    trained = qat.fit(module, {"x": x, "labels": labels}, "w8a8", epochs=2, freeze_batch_norm=0, progress=False)
    assert {"layer.weight", "layer.bias", "last.weight", "last.bias"} <= set(trained.parameters)
    assert not any("gamma" in name or "mean" in name for name in trained.parameters)
