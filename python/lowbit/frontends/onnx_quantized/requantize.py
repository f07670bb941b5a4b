"""Accumulators of QLinearMatMul and QLinearConv to codes: `lowbit.requantize` by x_scale * w_scale / y_scale.

The multiplier is one f32 for each accumulator or group of them, computed on import where all scales are constants. Then
code = saturate(round_half_even(f32(accumulator) * multiplier) + zero), as in ONNX Runtime: the zero point is added
after rounding, which ONNX's text asks for and its reference evaluator does not do.
"""

from __future__ import annotations

import numpy as np

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.granularity import Granularity, read_zero
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.reals import F32, to_f32


def requantize(
    node: Node,
    accumulators: Value,
    factors: list[tuple[int, tuple[int, ...]]],
    divisor: int,
    zero_index: int,
    granularity: Granularity,
) -> Value:
    """factors: the scale inputs that multiply, each with the shape that aligns it to the accumulators' granularity.

    divisor: the input with the output's scale. zero_index: the input with the output's zero point.
    """
    builder, codes = node.builder, node.output_element()
    multiplier = _multiplier(node, factors, divisor, granularity)
    zero = read_zero(node, zero_index, Granularity(None, ()))
    operands = [accumulators, multiplier]
    if zero is not None:
        zero = broadcast(node, zero, granularity.shape)
        operands.append(zero)
    scheme = granularity.scheme(codes, F32, zero)
    zero_text = " zero {2}" if zero is not None else ""
    types = ", ".join(operand.type for operand in operands)
    text = f"lowbit.requantize {{0}}, {{1}}{zero_text} {scheme} : ({types}) -> {{result}}"
    return builder.op(text, operands, accumulators.shape, codes)


def broadcast(node: Node, value: Value, shape: tuple[int, ...]) -> Value:
    """A value of rank 0 in every place of a shape."""
    if not shape:
        return value
    return node.builder.elementwise([(value, "")], shape, value.element, [])


def _multiplier(
    node: Node, factors: list[tuple[int, tuple[int, ...]]], divisor: int, granularity: Granularity
) -> Value:
    arrays = [node.constant(index) for index, _ in factors]
    bottom = node.constant(divisor)
    if bottom is not None and all(array is not None for array in arrays):
        product = np.ones((), np.float32)
        with np.errstate(all="ignore"):
            for array, (_, aligned) in zip(arrays, factors, strict=True):
                product = product * array.astype(np.float32).reshape(aligned)
            value = np.broadcast_to(product / bottom.astype(np.float32).reshape(()), granularity.shape)
        if not np.all(np.isfinite(value) & (value > 0)):
            raise node.fail("the product of the input scales over the output scale is not a positive finite float32")
        return node.builder.constant(value.copy(), F32, f"{node.proto.name}.multiplier")
    inputs = []
    for index, aligned in factors:
        value = node.builder.reshape(to_f32(node.builder, node.input(index)), aligned)
        inputs.append((value, _broadcast_map(aligned)))
    inputs.append((node.builder.reshape(to_f32(node.builder, node.input(divisor)), ()), ""))
    body = ["%p = arith.mulf %a0, %a1 : f32", "%r = arith.divf %p, %a2 : f32"]
    return node.builder.elementwise(inputs, granularity.shape, F32, body)


def _broadcast_map(shape: tuple[int, ...]) -> str:
    """Reads index 0 along axes of size one."""
    return ", ".join("0" if extent == 1 else f"d{axis}" for axis, extent in enumerate(shape))
