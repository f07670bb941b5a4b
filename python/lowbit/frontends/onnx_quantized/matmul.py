"""numpy.matmul over codes: batches broadcast, and operands of rank 1 are a row or a column."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.contract import Side, contract
from lowbit.frontends.onnx_quantized.element_types import ElementType
from lowbit.frontends.onnx_quantized.granularity import (
    PER_TENSOR,
    Granularity,
    check_zero,
    per_axis,
    read_scale,
    read_zero,
)
from lowbit.frontends.onnx_quantized.node import Node


@dataclass(frozen=True)
class OperandInputs:
    """Which inputs of a node make one side: codes, scale (None: there is none) and zero point."""

    codes: int
    scale: int | None
    zero: int


def matmul(node: Node, lhs: OperandInputs, rhs: OperandInputs, element: ElementType, *, scaled: bool = False) -> Value:
    """The product as one lowbit.contract. element: i32, or f32 when the sides' scales take part."""
    left, right = node.shape(lhs.codes), node.shape(rhs.codes)
    _check_shapes(node, left, right)
    shape = node.output_shape()
    batch = len(shape) - (len(left) > 1) - (len(right) > 1)
    names = [f"b{axis}" for axis in range(batch)]
    rows, columns = ["m"] if len(left) > 1 else [], ["n"] if len(right) > 1 else []
    loops = [*names, *rows, *columns, "k"]
    return contract(
        node.builder,
        loops,
        _side(node, lhs, [*_align(names, left, shape), *rows, "k"], row_axis(left), scaled),
        _side(node, rhs, [*_align(names, right, shape), "k", *columns], column_axis(right), scaled),
        [*names, *rows, *columns],
        shape,
        element,
    )


def row_axis(shape: tuple[int, ...]) -> int | None:
    """The axis of a left operand that stays."""
    return len(shape) - 2 if len(shape) > 1 else None


def column_axis(shape: tuple[int, ...]) -> int | None:
    """The axis of a right operand that stays."""
    return len(shape) - 1 if len(shape) > 1 else None


def operand_granularity(node: Node, index: int, shape: tuple[int, ...], kept: int | None) -> Granularity:
    """That of a scale or zero point: a scalar, a vector along the kept axis, or [..., M, 1] and [..., 1, N]."""
    found = node.shape(index)
    if math.prod(found) == 1:
        return PER_TENSOR
    if len(found) == 1 and kept is not None and found[0] == shape[kept]:
        return per_axis(kept, shape)
    summed = None if kept is None else 2 * len(shape) - 3 - kept
    if (
        len(found) == len(shape)
        and summed is not None
        and found[summed] == 1
        and all(f in (1, s) for f, s in zip(found, shape, strict=True))
    ):
        return Granularity(tuple(int(f == s) for f, s in zip(found, shape, strict=True)), found)
    hint = "expected a scalar, or one value for each row of the left or each column of the right operand"
    raise node.fail(
        f"'{node.name(index)}' has shape {list(found)}, which does not fit an operand of shape {list(shape)}", hint
    )


def _check_shapes(node: Node, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    if not left or not right:
        raise node.fail(f"an operand has rank 0; shapes are {list(left)} and {list(right)}")
    depth = right[-2] if len(right) > 1 else right[0]
    if left[-1] != depth:
        raise node.fail(
            f"shapes {list(left)} and {list(right)} cannot be multiplied: {left[-1]} columns against {depth} rows"
        )


def _align(names: list[str], shape: tuple[int, ...], result: tuple[int, ...]) -> list[str]:
    """The batch loops of an operand; '' for an axis of size one that is broadcast."""
    own = shape[:-2]
    aligned = names[len(names) - len(own) :]
    sizes = result[len(names) - len(own) : len(names)]
    return ["" if extent == 1 and size != 1 else name for name, extent, size in zip(aligned, own, sizes, strict=True)]


def _side(node: Node, inputs: OperandInputs, dims: list[str], kept: int | None, scaled: bool) -> Side:
    codes = node.input(inputs.codes)
    granularity = PER_TENSOR
    if inputs.scale is not None:
        check_zero(node, inputs.zero, inputs.scale, codes.element)
    if node.has(inputs.zero):
        node.check_element(inputs.zero, f"zero point '{node.name(inputs.zero)}'", codes.element)
        granularity = operand_granularity(node, inputs.zero, codes.shape, kept)
    if scaled and inputs.scale is not None:
        granularity = operand_granularity(node, inputs.scale, codes.shape, kept)
    zero = read_zero(node, inputs.zero, granularity)
    scale = read_scale(node, inputs.scale, granularity) if scaled and inputs.scale is not None else None
    if zero is None and scale is None:
        granularity = PER_TENSOR
    return Side(*_drop_broadcast(node, codes, dims, scale, zero, granularity))


def _drop_broadcast(
    node: Node, codes: Value, dims: list[str], scale: Value | None, zero: Value | None, granularity: Granularity
) -> tuple[Value, str, Value | None, Value | None, Granularity]:
    """Removes axes of size one that are broadcast, from the codes and from what covers them."""
    kept = [axis for axis, dim in enumerate(dims) if dim]
    if len(kept) < len(dims):
        codes = node.builder.reshape(codes, [codes.shape[axis] for axis in kept])
        if granularity.block is not None:
            block = tuple(granularity.block[axis] for axis in kept)
            granularity = Granularity(block, tuple(granularity.shape[axis] for axis in kept))
            scale = node.builder.reshape(scale, granularity.shape) if scale else None
            zero = node.builder.reshape(zero, granularity.shape) if zero else None
    return codes, ", ".join(dims[axis] for axis in kept), scale, zero, granularity
