"""QLinearMatMul: codes times codes, to codes.

Integer codes are summed exactly and requantized. Float codes are summed in f32, scaled, and quantized.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR, Granularity, check_scale, check_zero, read_scale
from lowbit.frontends.onnx_quantized.matmul import OperandInputs, column_axis, matmul, operand_granularity, row_axis
from lowbit.frontends.onnx_quantized.node import Node, is_zero
from lowbit.frontends.onnx_quantized.ops.quantize_linear import quantize
from lowbit.frontends.onnx_quantized.reals import F32, I32
from lowbit.frontends.onnx_quantized.requantize import requantize

_LEFT, _RIGHT = OperandInputs(0, 1, 2), OperandInputs(3, 4, 5)
_SCALE, _ZERO = 6, 7


def import_qlinear_matmul(node: Node) -> None:
    codes = node.output_element()
    for index in (_LEFT.scale, _RIGHT.scale, _SCALE):
        check_scale(node, index)
    check_zero(node, _ZERO, _SCALE, codes)
    if operand_granularity(node, _SCALE, node.output_shape(), None) != PER_TENSOR:
        raise node.fail("the output's scale is not a scalar")
    integer = [node.element(index).is_integer_code for index in (_LEFT.codes, _RIGHT.codes)]
    if all(integer) and codes.is_integer_code:
        return node.finish(_integer(node))
    if any(integer) or codes.is_integer_code:
        raise node.fail("integer and float8 codes are mixed", "use one kind for both operands and the output")
    if not all(is_zero(node.constant(index)) for index in (_LEFT.zero, _RIGHT.zero, _ZERO)):
        raise node.fail("a zero point of float8 codes is not the constant 0")
    product = matmul(node, _LEFT, _RIGHT, F32, scaled=True)
    return node.finish(quantize(node, product, read_scale(node, _SCALE, PER_TENSOR), None, codes, PER_TENSOR))


def _integer(node: Node) -> Value:
    product = matmul(node, _LEFT, _RIGHT, I32)
    left, right = node.shape(_LEFT.codes), node.shape(_RIGHT.codes)
    rows = operand_granularity(node, _LEFT.scale, left, row_axis(left))
    columns = operand_granularity(node, _RIGHT.scale, right, column_axis(right))
    if rows == columns == PER_TENSOR:
        return requantize(node, product, [(_LEFT.scale, ()), (_RIGHT.scale, ())], _SCALE, _ZERO, PER_TENSOR)
    aligned_rows = _align(rows, product, len(right) == 1, False)
    aligned_columns = _align(columns, product, False, len(left) == 1)
    shape = tuple(max(r, c) for r, c in zip(aligned_rows, aligned_columns, strict=True))
    block = tuple(int(extent == size) for extent, size in zip(shape, product.shape, strict=True))
    factors = [(_LEFT.scale, aligned_rows), (_RIGHT.scale, aligned_columns)]
    return requantize(node, product, factors, _SCALE, _ZERO, Granularity(block, shape))


def _align(granularity: Granularity, product: Value, drops_last: bool, drops_row: bool) -> tuple[int, ...]:
    """The shape of an operand's scale over the product: without the axes that the product lacks, ones put before."""
    shape = list(granularity.shape)
    if shape and drops_last:
        shape.pop()
    if shape and drops_row:
        shape.pop(-2)
    return (1,) * (product.rank - len(shape)) + tuple(shape)
