"""ONNX Runtime on one thread, arrays bound once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.grouped import GroupedCase
from bench.matmul import Int8Case
from bench.timing import PythonCall


def prepare(model: bytes | str, inputs: Mapping[str, np.ndarray], output: np.ndarray, bits: float, includes: str = "") -> Prepared:
    """A session of a model with one output, which is written to `output`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    binding.bind_output(session.get_outputs()[0].name, "cpu", 0, output.dtype, output.shape, output.ctypes.data)
    call = PythonCall(lambda: session.run_with_iobinding(binding), (inputs, output))
    return Prepared(call, bits, lambda: output, onnxruntime.__version__, includes)


def single_node(
    kind: str,
    inputs: Sequence[str],
    lhs: np.ndarray,
    constants: Mapping[str, np.ndarray],
    out: np.ndarray,
    domain: str = "",
    **attributes: Any,
) -> bytes:
    """A model of one node from `A` and constants to `Y`."""
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node(kind, inputs, ["Y"], domain=domain, **attributes)],
        "bench",
        [helper.make_tensor_value_info("A", helper.np_dtype_to_tensor_dtype(lhs.dtype), lhs.shape)],
        [helper.make_tensor_value_info("Y", helper.np_dtype_to_tensor_dtype(out.dtype), out.shape)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def int8_matmul(case: Int8Case) -> Prepared:
    """MatMulInteger: codes to 32-bit sums."""
    out = np.zeros((case.m, case.n), np.int32)
    constants = {"B": case.rhs, "a_zero": np.zeros((), case.lhs.dtype), "b_zero": np.zeros((), np.int8)}
    model = single_node("MatMulInteger", ["A", *constants], case.lhs, constants, out)
    return prepare(model, {"A": case.lhs}, out, 8, "product only")


def four_bit_matmul(case: GroupedCase, accuracy: int) -> Prepared:
    """MatMulNBits. accuracy 4: activations are quantized to 8 bits in each call; 0: products in f32."""
    codes, scales = case.quantized(-8, 7, np.float32)
    unsigned = (codes + 8).astype(np.uint8).reshape(len(codes), -1, case.group)
    weights = case.repeat(unsigned[..., 0::2] | unsigned[..., 1::2] << 4)
    out, constants = np.zeros((case.m, case.n), np.float32), {"B": weights, "S": case.repeat(scales)}
    attributes = {"K": case.k, "N": case.n, "bits": 4, "block_size": case.group, "accuracy_level": accuracy}
    model = single_node("MatMulNBits", ["A", *constants], case.lhs, constants, out, "com.microsoft", **attributes)
    return prepare(model, {"A": case.lhs}, out, 4 + 32 / case.group, "quantizes activations" if accuracy else "float activations")


def minilm(path: Path, inputs: Mapping[str, np.ndarray]) -> Prepared:
    """A model from a file."""
    out = np.zeros((len(inputs["ids"]), 384), np.float32)
    return prepare(str(path), inputs, out, 32, "whole model")


def quantize_minilm(path: Path, output: Path) -> None:
    """8-bit weights, activations quantized at run time: what its own tools make of a transformer with the least loss."""
    if output.exists():
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"MatMulConstBOnly": True}
    quantize_dynamic(path, output, weight_type=QuantType.QInt8, per_channel=True, op_types_to_quantize=["MatMul"], extra_options=options)
