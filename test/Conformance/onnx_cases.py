"""ONNX's own node tests of the quantization operators, as onnx generates them in memory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

OPERATORS = {
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearMatMul",
    "QLinearConv",
    "MatMulInteger",
    "ConvInteger",
}


@dataclass(frozen=True)
class Case:
    """A model with the arrays that go in and those that must come out, bit for bit."""

    name: str
    model: onnx.ModelProto
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]


def collect() -> list[Case]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the generators of other operators divide by zero on purpose
        found = collect_testcases(None)
    return [_make_case(case) for case in found if OPERATORS & {node.op_type for node in case.model.graph.node}]


def _make_case(case: object) -> Case:
    graph = case.model.graph
    inputs, outputs = ([_to_array(value) for value in values] for values in case.data_sets[0])
    return Case(
        case.name,
        case.model,
        dict(zip((value.name for value in graph.input), inputs, strict=True)),
        dict(zip((value.name for value in graph.output), outputs, strict=True)),
    )


def _to_array(value: object) -> np.ndarray:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def to_bits(array: np.ndarray) -> np.ndarray:
    """Elements as unsigned integers; codes of fewer than eight bits in the low bits of a byte, with zeros above."""
    array = np.asarray(array)
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}").reshape(array.shape)
    return bits & _MASKS.get(array.dtype.name, 2 ** (8 * array.itemsize) - 1)


_MASKS = {"int4": 0xF, "uint4": 0xF, "int2": 0x3, "uint2": 0x3, "float4_e2m1fn": 0xF}
