"""Tensors as f32, by ops that lose nothing: what explicit arithmetic starts from."""

from __future__ import annotations

import numpy as np

from lowbit.frontends.onnx_quantized.builder import Builder, Value
from lowbit.frontends.onnx_quantized.element_types import ElementType, named_type
from lowbit.frontends.onnx_quantized.node import identity_map

F32 = named_type("FLOAT")
I32 = named_type("INT32")


def convert_elements(builder: Builder, value: Value, element: ElementType, op: str) -> Value:
    """Every element by one conversion op of arith."""
    body = [f"%r = {op} %a0 : {value.element.mlir} to {element.mlir}"]
    return builder.elementwise([(value, identity_map(value.shape))], value.shape, element, body)


def to_f32(builder: Builder, value: Value) -> Value:
    """The numbers that the elements stand for, zero points aside. Integers beyond 2^24 and f64 round half to even."""
    if value.element.mlir == "f32":
        return value
    if value.element.format:
        operands = [value, unit_scale(builder)]
        text = f"lowbit.dequantize {{0}}, {{1}} <{value.element.format}> : ({value.type}, tensor<f32>) -> {{result}}"
        return builder.op(text, operands, value.shape, F32)
    if value.element.is_integer:
        return convert_elements(builder, value, F32, "arith.uitofp" if value.element.unsigned else "arith.sitofp")
    return convert_elements(builder, value, F32, "arith.truncf" if value.element.mlir == "f64" else "arith.extf")


def from_f32(builder: Builder, value: Value, element: ElementType) -> Value:
    """Rounds f32 to another float type, half to even."""
    if element.mlir == "f32":
        return value
    return convert_elements(builder, value, element, "arith.extf" if element.mlir == "f64" else "arith.truncf")


def unit_scale(builder: Builder, shape: tuple[int, ...] = ()) -> Value:
    """Scales of one: `lowbit.quantize` with them only encodes, `lowbit.dequantize` only decodes."""
    return builder.constant(np.ones(shape, np.float32), F32, f"lowbit.ones.{'x'.join(map(str, shape))}")
