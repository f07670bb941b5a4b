"""OpenVINO, one stream on one thread."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.convolution import ConvCase
from bench.grouped import GroupedCase
from bench.matmul import Int8Case
from bench.timing import PythonCall

SETTINGS = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False, "PERFORMANCE_HINT": "LATENCY"}


@functools.cache
def core() -> Any:
    """The run time, which is slow to start."""
    import openvino

    return openvino.Core()


def version() -> str:
    """Without the build's hash."""
    import openvino

    return openvino.__version__.split("-")[0]


def prepare(model: Any, inputs: Sequence[np.ndarray], bits: float, precision: str = "f32", includes: str = "", **settings: Any) -> Prepared:
    """Compiles `model` for float arithmetic of `precision` (OpenVINO takes bf16 by itself where the machine has it)."""
    import openvino

    compiled = core().compile_model(model, "CPU", {**SETTINGS, "INFERENCE_PRECISION_HINT": precision, **settings})
    request = compiled.create_infer_request()
    for index, array in enumerate(inputs):
        request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))
    return Prepared(
        PythonCall(request.infer),
        bits,
        lambda: request.get_output_tensor(0).data,
        version(),
        includes,
        _kernels(compiled),
    )


def _kernels(compiled: Any) -> str:
    """The kernels that were chosen for products."""
    products = ("FullyConnected", "MatMul", "Convolution")
    infos = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    names = {info["primitiveType"].value for info in infos if info["layerType"].value in products}
    return " ".join(sorted(names))


def int8_matmul(case: Int8Case) -> Prepared:
    """Codes to codes: it has no product with 32-bit results, so that each call requantizes, with a scale a channel."""
    import openvino
    import openvino.opset13 as ops

    element = openvino.Type.i8 if case.signed else openvino.Type.u8
    low, high = (-128.0, 127.0) if case.signed else (0.0, 255.0)
    lhs = ops.parameter([case.m, case.k], element)
    # Levels of activations and results as OpenVINO's own quantizer writes them.
    real = ops.multiply(ops.convert(lhs, np.float32), np.float32(0.02))
    scale = np.full((case.n, 1), 0.01, np.float32)
    weights = ops.multiply(ops.convert(ops.constant(np.ascontiguousarray(case.rhs.T)), np.float32), ops.constant(scale))
    product = ops.matmul(real, weights, False, True)
    result = ops.convert(ops.fake_quantize(product, np.float32(low), np.float32(high), np.float32(low), np.float32(high), 256), element)
    prepared = prepare(openvino.Model([result], [lhs]), [case.lhs], 8, includes="product, requantized")
    prepared.result = None  # other numbers than 32-bit sums
    return prepared


def convolution(case: ConvCase) -> Prepared:
    """Codes to codes; channels last outside, as its own pre- and postprocessing maps them."""
    import openvino
    import openvino.opset13 as ops
    from openvino.preprocess import PrePostProcessor

    image = ops.parameter([1, case.channels, case.size, case.size], openvino.Type.f32)
    kernel = ops.constant(np.ascontiguousarray(case.kernel.transpose(3, 2, 0, 1)))
    scales = ops.constant(np.full((case.outputs, 1, 1, 1), case.scale, np.float32))
    levels = np.float32(0), np.float32(255), np.float32(0), np.float32(255)
    codes = ops.fake_quantize(image, *levels, 256)
    before, after = ([case.pad[side]] * 2 for side in (0, 1))
    weights = ops.multiply(ops.convert(kernel, np.float32), scales)
    product = ops.convolution(codes, weights, [case.stride] * 2, before, after, [1, 1])
    model = openvino.Model([ops.fake_quantize(product, *levels, 256)], [image])
    process = PrePostProcessor(model)
    process.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    process.input().model().set_layout(openvino.Layout("NCHW"))
    process.output().model().set_layout(openvino.Layout("NCHW"))
    process.output().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    return prepare(process.build(), [case.image[None]], 8, includes="convolution, requantized")


def four_bit_matmul(case: GroupedCase, quantizes: bool, precision: str = "f32") -> Prepared:
    """Compressed weights, u4 with a zero point; with `quantizes` activations may be quantized to 8 bits in each call."""
    import openvino
    import openvino.opset13 as ops

    codes, scales = case.quantized(-8, 7)
    unsigned = case.repeat((codes + 8).astype(np.uint8).reshape(len(codes), -1, case.group))
    nibbles = unsigned.reshape(-1, 2)
    tensor = openvino.Tensor(nibbles[:, 0] | nibbles[:, 1] << 4, openvino.Shape(unsigned.shape), openvino.Type.u4)
    zeros = ops.convert(ops.constant(openvino.Tensor(np.array([8], np.uint8), openvino.Shape([1, 1, 1]), openvino.Type.u4)), np.float16)
    grouped = ops.multiply(ops.subtract(ops.convert(ops.constant(tensor), np.float16), zeros), ops.constant(case.repeat(scales)[..., None]))
    weights = ops.convert(ops.reshape(grouped, np.array([case.n, case.k]), False), np.float32)
    lhs = ops.parameter([case.m, case.k], np.float32)
    model = openvino.Model([ops.matmul(lhs, weights, False, True)], [lhs])
    settings = {"DYNAMIC_QUANTIZATION_GROUP_SIZE": case.group if quantizes else 0}
    includes = "may quantize activations" if quantizes else "float activations"
    return prepare(model, [case.lhs], 4 + 16 / case.group, precision, includes, **settings)


def minilm(path: Path, inputs: Sequence[np.ndarray], precision: str) -> Prepared:
    """A model from a file, ONNX or OpenVINO's own."""
    return prepare(core().read_model(str(path)), inputs, 8 if path.suffix == ".xml" else 32, precision, "whole model")


def quantize_minilm(path: Path, batches: Sequence[Sequence[np.ndarray]], output: Path) -> None:
    """8-bit weights and activations, by OpenVINO's own quantizer with its settings for transformers."""
    if output.exists():
        return
    import nncf
    import openvino

    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        model = nncf.quantize(
            core().read_model(str(path)),
            nncf.Dataset([list(batch) for batch in batches]),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(batches),
        )
    openvino.save_model(model, str(output), compress_to_fp16=False)
