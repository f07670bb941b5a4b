"""Models as ONNX Runtime's quantizer writes them, in all of its forms, against ONNX Runtime itself: bit for bit on the reference target."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from lowbit.frontends import import_onnx
from onnx import helper, numpy_helper
from test_onnx_quantization import QUANT_RUN, run

ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")
FORMS = ["QDQ", "QOperator"]
TYPES = [("QUInt8", "QInt8", False), ("QInt8", "QInt8", True), ("QUInt8", "QUInt8", False)]


def constant(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(sum(shape)).normal(size=shape) * 0.3
    return numpy_helper.from_array(values.astype(np.float32), name)


def make(
    nodes: list[onnx.NodeProto], shape: list[int], out: list[int], constants: list[onnx.TensorProto]
) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, 1, extents) for name, extents in (("x", shape), ("y", out))]
    graph = helper.make_graph(nodes, "net", values[:1], values[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def multilayer_perceptron() -> onnx.ModelProto:
    """A layer as MatMul and Add, and one as Gemm with a transposed weight."""
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"], name="fc0"),
        helper.make_node("Add", ["a", "b0"], ["b"], name="bias0"),
        helper.make_node("Relu", ["b"], ["c"], name="act0"),
        helper.make_node("Gemm", ["c", "w1", "b1"], ["y"], name="fc1", transB=1),
    ]
    constants = [constant("w0", 16, 32), constant("b0", 32), constant("w1", 10, 32), constant("b1", 10)]
    return make(nodes, [4, 16], [4, 10], constants)


def convolutional_network() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "k0", "c0"], ["a"], name="conv0", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"], name="act0"),
        helper.make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p", "k1", "c1"], ["q"], name="conv1", strides=[2, 2]),
        helper.make_node("Relu", ["q"], ["s"], name="act1"),
        helper.make_node("Flatten", ["s"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], name="head", transB=1),
    ]
    constants = [constant("k0", 8, 3, 3, 3), constant("c0", 8), constant("k1", 6, 8, 3, 3), constant("c1", 6)]
    return make(nodes, [1, 3, 12, 12], [1, 10], [*constants, constant("w", 10, 24), constant("b", 10)])


MODELS = {"mlp": multilayer_perceptron, "cnn": convolutional_network}


def samples(path: Path) -> Iterator[dict[str, np.ndarray]]:
    shape = [extent.dim_value for extent in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]
    generator = np.random.default_rng(7)
    while True:
        yield {"x": generator.normal(size=shape).astype(np.float32)}


def check(path: Path, folder: Path) -> None:
    """Imports and runs the model; compares with ONNX Runtime running the same nodes unfused.

    Vector targets may reorder the model's own float arithmetic, which shows in the last bits of a dynamic model.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = next(samples(path))
    text, expected = import_onnx(path), session.run(None, inputs)[0]
    np.testing.assert_array_equal(run(text, inputs, "reference", folder)["y"], expected)
    np.testing.assert_allclose(run(text, inputs, "host", folder)["y"], expected, rtol=1e-5, atol=1e-6)


@pytest.fixture
def float_model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    logging.disable(logging.WARNING)
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))
    onnx.save(MODELS[request.param](), tmp_path / "float.onnx")
    return tmp_path / "float.onnx"


@pytest.mark.parametrize(("activations", "weights", "per_channel"), TYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("float_model", MODELS, indirect=True)
def test_static(
    float_model: Path, form: str, activations: str, weights: str, per_channel: bool, tmp_path: Path
) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [next(samples(float_model)) for _ in range(4)]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    quantize_static(
        str(float_model),
        str(tmp_path / "quantized.onnx"),
        Reader(),
        quant_format=QuantFormat[form],
        activation_type=QuantType[activations],
        weight_type=QuantType[weights],
        per_channel=per_channel,
    )
    check(tmp_path / "quantized.onnx", tmp_path)


@pytest.mark.parametrize("float_model", MODELS, indirect=True)
def test_dynamic(float_model: Path, tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(str(float_model), str(tmp_path / "quantized.onnx"))
    check(tmp_path / "quantized.onnx", tmp_path)
