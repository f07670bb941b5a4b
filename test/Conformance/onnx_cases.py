"""ONNX's own node tests, as onnx generates them in memory."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

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
    """Those of the quantization operators."""
    return [_make_case(case) for case in _generate() if OPERATORS & {node.op_type for node in case.model.graph.node}]


def collect_all(names: Collection[str] | None) -> list[Case]:
    """Those of any operator by their names; all where there is no name, but for those whose values are no tensors."""
    return [_make_case(case) for case in _generate() if (names is None or case.name in names) and _has_tensors(case)]


@cache
def _generate() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # generators divide by zero on purpose
        return collect_testcases(None)


def _has_tensors(case: Any) -> bool:
    graph, values = case.model.graph, case.data_sets[0]
    return (len(graph.input), len(graph.output)) == (len(values[0]), len(values[1])) and all(
        isinstance(value, (onnx.TensorProto, np.ndarray, np.generic)) for value in [*values[0], *values[1]]
    )


def _make_case(case: Any) -> Case:
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
