"""Who shares a scale: ONNX says it by the shape of the scale, an axis and a block size; lowbit by a block shape.

| ONNX | scale of x [D0, D1, D2] | lowbit |
| --- | --- | --- |
| per tensor | [] or [1] | no block, scale of rank 0 |
| per axis 1 | [D1] | block = [0, 1, 0], scale [1, D1, 1] |
| blocks of B along axis 1 | [D0, D1 / B, D2] | block = [1, B, 1], scale of the same shape |
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lowbit.frontends.onnx_quantized.builder import Builder, Value
from lowbit.frontends.onnx_quantized.element_types import ElementType
from lowbit.frontends.onnx_quantized.node import Node, is_zero, single_axis


@dataclass(frozen=True)
class Granularity:
    """A block shape (None: one scale for the tensor) and the shape that scales and zero points have under it."""

    block: tuple[int, ...] | None
    shape: tuple[int, ...]

    def scheme(self, codes: ElementType, scale: ElementType | None = None, zero: Value | None = None) -> str:
        """The scheme attribute as ops print it."""
        fields = [codes.format]
        if self.block is not None:
            fields.append(f"block = [{', '.join(map(str, self.block))}]")
        if scale is not None and scale.mlir != "f32":
            fields.append(f"scale = {scale.mlir}")
        if zero is not None:
            fields.append(f"zero = {zero.element.mlir}")
        return f"<{', '.join(fields)}>"

    def index_map(self) -> str:
        """The results of the map from the index of an element, d0, d1, …, to that of its scale."""
        if self.block is None:
            return ""
        return ", ".join(
            "0" if b == 0 else f"d{axis}" if b == 1 else f"d{axis} floordiv {b}" for axis, b in enumerate(self.block)
        )


PER_TENSOR = Granularity(None, ())


def per_axis(axis: int, shape: tuple[int, ...]) -> Granularity:
    """One scale for each index along an axis."""
    block = tuple(int(index == axis) for index in range(len(shape)))
    return Granularity(block, tuple(extent if index == axis else 1 for index, extent in enumerate(shape)))


def read_granularity(node: Node, scale_index: int) -> Granularity:
    """The granularity of QuantizeLinear and DequantizeLinear, whose data is input 0. Checks scale and zero point."""
    shape, scale = node.shape(0), node.shape(scale_index)
    block_size = node.attribute("block_size", 0)
    check_scale(node, scale_index)
    if block_size:
        return _blocked(node, shape, scale, block_size)
    if math.prod(scale) == 1 and len(scale) <= 1:
        return PER_TENSOR
    if len(scale) != 1:
        hint = "a scale of rank 2 or more needs the attribute block_size"
        raise node.fail(f"the scale has shape {list(scale)}, expected a scalar or one axis", hint)
    axis = single_axis(node.attribute("axis", 1), len(shape), node)
    if scale[0] != shape[axis]:
        raise node.fail(f"the scale has {scale[0]} elements, but axis {axis} of the tensor has {shape[axis]}")
    return per_axis(axis, shape)


def _blocked(node: Node, shape: tuple[int, ...], scale: tuple[int, ...], block_size: int) -> Granularity:
    axis = single_axis(node.attribute("axis", 1), len(shape), node)
    if block_size < 0:
        raise node.fail(f"block_size is {block_size}, expected a positive number")
    if shape[axis] % block_size:
        hint = "pad the tensor to whole blocks before the export"
        raise node.fail(f"block_size {block_size} does not divide the {shape[axis]} elements of axis {axis}", hint)
    expected = tuple(extent // block_size if index == axis else extent for index, extent in enumerate(shape))
    if scale != expected:
        raise node.fail(
            f"the scale has shape {list(scale)}, expected {list(expected)} for blocks of {block_size} along axis {axis}"
        )
    return Granularity(tuple(block_size if index == axis else 1 for index in range(len(shape))), expected)


def check_scale(node: Node, index: int) -> None:
    """Refuses a constant scale that is not a positive finite number."""
    scale = node.constant(index)
    if scale is None:
        return
    values = scale.astype(np.float32).reshape(-1)
    wrong = np.flatnonzero(~((values > 0) & np.isfinite(values)))
    if wrong.size:
        raise node.fail(
            f"element {wrong[0]} of scale '{node.name(index)}' is {values[wrong[0]]}, expected a positive finite number"
        )


def check_zero(node: Node, index: int, scale_index: int, codes: ElementType) -> None:
    """Refuses a zero point of another type than the codes, or of another shape than the scale."""
    if not node.has(index):
        return
    node.check_element(index, f"zero point '{node.name(index)}'", codes)
    zero, scale = node.shape(index), node.shape(scale_index)
    if zero != scale and not math.prod(zero) == math.prod(scale) == 1:
        raise node.fail(f"the zero point has shape {list(zero)}, but the scale has {list(scale)}; they must agree")


def read_scale(node: Node, index: int, granularity: Granularity) -> Value:
    """A scale as an operand of a lowbit op: of the shape that the block gives."""
    return node.builder.reshape(node.input(index), granularity.shape)


def read_zero(node: Node, index: int, granularity: Granularity) -> Value | None:
    """A zero point as an operand of a lowbit op; None where there is none or it is a constant zero."""
    if not node.has(index) or is_zero(node.constant(index)):
        return None
    return node.builder.reshape(node.input(index), granularity.shape)


def constant_scalar(builder: Builder, value: float, element: ElementType) -> Value:
    """A constant of rank 0."""
    return builder.constant(np.array(value, np.float32), element, "")
