"""Batch norm of imported models, in the weights before it: beside ONNX's reference, and through calibration, quantization and training."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import onnx
import pytest
from lowbit import qat
from lowbit.naming import NAMED
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

CHANNELS = 6


def build(folder: Path, kind: str, bias: bool) -> tuple[lowbit.Module, onnx.ModelProto]:
    """A layer, batch norm and ReLU, and a linear layer behind them."""
    random = np.random.default_rng(3)
    constants: list[onnx.TensorProto] = []

    def constant(name: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    x = [8, 3, 6, 5] if kind != "Gemm" else [8, 7]
    shape = {"Conv": (CHANNELS, 3, 3, 3), "depthwise": (3, 1, 3, 3), "Gemm": (7, CHANNELS)}[kind]
    channels = shape[1] if kind == "Gemm" else shape[0]
    given = ["x", constant("w", random.normal(size=shape)), *([constant("b", random.normal(size=channels))] if bias else [])]
    options = {"group": 3} if kind == "depthwise" else {}
    norm = [
        constant("gamma", random.normal(size=channels)),
        constant("beta", random.normal(size=channels)),
        constant("mean", random.normal(size=channels)),
        constant("variance", random.uniform(0.3, 3, size=channels)),
    ]
    flat = channels * (12 if kind != "Gemm" else 1)
    nodes = [
        helper.make_node("Gemm" if kind == "Gemm" else "Conv", given, ["r"], "layer", **options),
        helper.make_node("BatchNormalization", ["r", *norm], ["n"], "norm", epsilon=1e-3),
        helper.make_node("Relu", ["n"], ["a"], "relu"),
        helper.make_node("Flatten", ["a"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", constant("v", random.normal(size=(flat, 4))), constant("c", random.normal(size=4))], ["y"], "last"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", x), ("y", [8, 4]))]
    model = helper.make_model(helper.make_graph(nodes, "m", ports[:1], ports[1:], constants), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "m.onnx")
    return lowbit.load(folder / "m.onnx"), model


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
    trained = qat.fit(module, {"x": x, "labels": labels}, "w8a8", epochs=2, progress=False)
    assert {"layer.weight", "layer.bias", "last.weight", "last.bias"} <= set(trained.parameters)
    assert not any("gamma" in name or "mean" in name for name in trained.parameters)
