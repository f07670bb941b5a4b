"""Forms of quantization operators that ONNX's own tests leave out, against ONNX's reference evaluator, bit for bit.

Every code type, per tensor, per axis and in blocks, with constant and run-time scales; sizes above a vector register.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from lowbit.frontends import import_onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from test_onnx_quantization import QUANT_RUN, TARGETS, run, same_bits

pytestmark = pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")
INTEGERS = ("INT8", "UINT8", "INT16", "UINT16", "INT4", "UINT4", "INT2", "UINT2")
FLOATS = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT4E2M1")
FLOAT8 = FLOATS[:4]
SHAPE = (3, 4, 36)
GRANULARITIES = {
    "tensor": ((), {}),
    "axis": ((4,), {"axis": -2}),
    "last axis": ((36,), {"axis": 2}),
    "blocks": ((3, 2, 36), {"axis": 1, "block_size": 2}),
}
generator = np.random.default_rng(0)


def dtype_of(kind: str) -> np.dtype:
    return np.dtype(helper.tensor_dtype_to_np_dtype(getattr(TensorProto, kind)))


def make_codes(kind: str, shape: Sequence[int]) -> np.ndarray:
    """Codes of all the type's range."""
    if kind in FLOATS:
        return (generator.normal(size=shape) * 3).astype(np.float32).astype(dtype_of(kind))
    bits, unsigned = int(kind.lstrip("UINT")), kind.startswith("U")
    low = 0 if unsigned else -(2 ** (bits - 1))
    return np.asarray(generator.integers(low, low + 2**bits, shape)).astype(np.int32).astype(dtype_of(kind))


def make_model(
    op: str, arrays: list[np.ndarray], kind: int, constants: Sequence[int], **attributes: Any
) -> onnx.ModelProto:
    names = [f"i{index}" for index in range(len(arrays))]
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for index, (name, array) in enumerate(zip(names, arrays, strict=True))
        if index not in constants
    ]
    tensors = [numpy_helper.from_array(arrays[index], names[index]) for index in constants]
    output = helper.make_tensor_value_info("y", kind, arrays[0].shape)
    graph = helper.make_graph([helper.make_node(op, names, ["y"], **attributes)], "form", inputs, [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13)


def check(model: onnx.ModelProto, arrays: list[np.ndarray], folder: Path, targets: Sequence[str] = TARGETS) -> None:
    names = {value.name for value in model.graph.input}
    inputs = {f"i{index}": array for index, array in enumerate(arrays) if f"i{index}" in names}
    expected = np.asarray(ReferenceEvaluator(model).run(None, inputs)[0])
    text = import_onnx(model.SerializeToString())
    for target in targets:
        found = run(text, inputs, target, folder)["y"]
        assert same_bits(found, expected), f"{target}: {found}, expected {expected}"


@pytest.mark.parametrize("constants", [(), (1, 2)], ids=["run time", "constant"])
@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("kind", [*INTEGERS, *FLOATS])
def test_round_trip(kind: str, granularity: str, constants: Sequence[int], tmp_path: Path) -> None:
    shape, attributes = GRANULARITIES[granularity]
    scale = np.asarray(generator.random(shape) * 0.3 + 0.02, np.float32)
    zero = make_codes(kind, shape) if kind in INTEGERS else np.zeros(shape, dtype_of(kind))
    spread = {"16": 9000.0, "8": 60.0}.get(kind.lstrip("UINT"), 4.0)
    real = (generator.normal(size=SHAPE) * spread * 0.2).astype(np.float32)
    arrays = [real, scale, zero]
    check(
        make_model("QuantizeLinear", arrays, getattr(TensorProto, kind), constants, **attributes),
        arrays,
        tmp_path,
        TARGETS[1:],
    )
    arrays = [make_codes(kind, SHAPE), scale, zero]
    check(
        make_model("DequantizeLinear", arrays, TensorProto.FLOAT, constants, **attributes),
        arrays,
        tmp_path,
        TARGETS[1:],
    )


@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("kind", FLOAT8)
def test_float8_overflow(kind: str, saturate: int, tmp_path: Path) -> None:
    """Around every type's largest value, infinities and signed zeros included; NaN where it does not saturate."""
    special = [np.inf, -np.inf, 0.0, -0.0, 464, 464.01, 448, 248, 247.9, 61440, 61439.9, 57344]
    special += [] if saturate else [np.nan, -np.nan]
    arrays = [
        np.concatenate([np.linspace(-70000, 70000, 201), np.linspace(-520, 520, 261), special]).astype(np.float32),
        np.float32(1),
    ]
    attributes = {"output_dtype": getattr(TensorProto, kind), "saturate": saturate}
    check(make_model("QuantizeLinear", arrays, getattr(TensorProto, kind), (), **attributes), arrays, tmp_path)


@pytest.mark.parametrize("shape", [(), (36,), (3, 4, 18)], ids=str)
def test_dequantize_int32(shape: Sequence[int], tmp_path: Path) -> None:
    attributes = {(): {}, (36,): {"axis": 2}}.get(tuple(shape), {"axis": 2, "block_size": 2})
    arrays = [
        generator.integers(-(10**6), 10**6, SHAPE).astype(np.int32),
        np.asarray(generator.random(shape) + 0.1, np.float32),
    ]
    check(make_model("DequantizeLinear", arrays, TensorProto.FLOAT, (), **attributes), arrays, tmp_path)


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "FLOAT8E4M3FN"])
def test_division_in_half_precision(kind: str, tmp_path: Path) -> None:
    arrays = [generator.normal(size=SHAPE).astype(np.float16), np.asarray(0.0371, np.float16)]
    attributes = {"output_dtype": getattr(TensorProto, kind)}
    check(make_model("QuantizeLinear", arrays, getattr(TensorProto, kind), (), **attributes), arrays, tmp_path)


def test_microscaling(tmp_path: Path) -> None:
    """Powers of two as scales of float4 codes in blocks of 18."""
    scale = np.exp2(generator.integers(-4, 4, (3, 4, 2))).astype(np.float32).astype(dtype_of("FLOAT8E8M0"))
    arrays = [make_codes("FLOAT4E2M1", SHAPE), scale]
    attributes = {"axis": 2, "block_size": 18, "output_dtype": TensorProto.FLOAT}
    check(make_model("DequantizeLinear", arrays, TensorProto.FLOAT, (1,), **attributes), arrays, tmp_path)
