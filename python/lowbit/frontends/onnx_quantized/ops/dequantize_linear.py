"""DequantizeLinear: codes to reals.

One `lowbit.dequantize` for codes. int32, which is an accumulator and no code, and a zero point of a float code take
explicit arithmetic: the product in f32, rounded once to the output's type.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.element_types import ElementType
from lowbit.frontends.onnx_quantized.granularity import Granularity, check_zero, read_granularity, read_scale, read_zero
from lowbit.frontends.onnx_quantized.node import Node, identity_map
from lowbit.frontends.onnx_quantized.reals import F32, from_f32, to_f32


def import_dequantize_linear(node: Node) -> None:
    codes, real = node.element(0), node.output_element()
    if not codes.format and codes.onnx != "INT32":
        raise node.fail(f"codes of type {codes.onnx.lower()} are not supported")
    if not real.is_real:
        raise node.fail(f"the output has type {real.onnx.lower()}", "set output_dtype to float, float16 or bfloat16")
    granularity = read_granularity(node, 1)
    check_zero(node, 2, 1, codes)
    scale, zero = read_scale(node, 1, granularity), read_zero(node, 2, granularity)
    if not codes.format and zero is not None:
        raise node.fail(
            "codes of type int32 have a zero point other than the constant 0",
            "ONNX defines none for int32: leave it out",
        )
    if codes.is_integer_code or (codes.format and zero is None):
        return node.finish(dequantize(node, node.input(0), scale, zero, real, granularity))
    builder = node.builder
    value = to_f32(builder, node.input(0))
    shape = value.shape
    if zero is not None:
        inputs = [(value, identity_map(shape)), (to_f32(builder, zero), granularity.index_map())]
        value = builder.elementwise(inputs, shape, F32, ["%r = arith.subf %a0, %a1 : f32"])
    inputs = [(value, identity_map(shape)), (to_f32(builder, scale), granularity.index_map())]
    value = builder.elementwise(inputs, shape, F32, ["%r = arith.mulf %a0, %a1 : f32"])
    node.finish(from_f32(builder, value, real))


def dequantize(
    node: Node, codes: Value, scale: Value, zero: Value | None, real: ElementType, granularity: Granularity
) -> Value:
    """One lowbit.dequantize."""
    operands = [codes, scale] if zero is None else [codes, scale, zero]
    names = ", ".join(f"{{{i}}}" for i in range(len(operands)))
    types = ", ".join(operand.type for operand in operands)
    scheme = granularity.scheme(codes.element, scale.element, zero)
    return node.builder.op(f"lowbit.dequantize {names} {scheme} : ({types}) -> {{result}}", operands, codes.shape, real)
