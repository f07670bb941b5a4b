"""Convolution over codes, for any number of spatial axes and groups.

The border is filled with the zero point, which stands for the real zero; the rest is one lowbit.contract whose left map
walks the windows. Groups are a loop of their own, with the channels split in two axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.contract import Side, contract
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR, Granularity, read_zero
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.reals import I32


@dataclass(frozen=True)
class Window:
    """How a kernel walks over the spatial axes. before and after: elements added at the ends of each axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def position(self, axis: int, output: str, tap: str) -> str:
        """The affine expression of the input element that an output element reads at a tap of the kernel."""
        stride, dilation = self.strides[axis], self.dilations[axis]
        return f"{output}{f' * {stride}' if stride != 1 else ''} + {tap}{f' * {dilation}' if dilation != 1 else ''}"


def read_window(node: Node, spatial: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """The window attributes of a node over an input with the given spatial extents. Checks their number and sign."""
    rank = len(spatial)
    declared = tuple(node.attribute("kernel_shape", kernel))
    if declared != kernel:
        raise node.fail(f"kernel_shape is {list(declared)}, but the kernel has {list(kernel)}")
    strides = _sizes(node, "strides", [1] * rank, rank, 1)
    dilations = _sizes(node, "dilations", [1] * rank, rank, 1)
    pads = _sizes(node, "pads", [0] * (2 * rank), 2 * rank, 0)
    before, after = pads[:rank], pads[rank:]
    mode = node.attribute("auto_pad", b"NOTSET").decode("utf-8", "replace")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise node.fail(f"auto_pad is '{mode}'", "expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    if mode != "NOTSET":
        before, after = _automatic(mode, spatial, kernel, strides, dilations)
    window = Window(kernel, strides, dilations, before, after)
    for axis, extent in enumerate(spatial):
        reach = dilations[axis] * (kernel[axis] - 1) + 1
        if extent + before[axis] + after[axis] < reach:
            raise node.fail(
                f"the kernel reaches over {reach} elements of spatial axis {axis}, which has {extent} and padding"
            )
    return window


def _sizes(node: Node, name: str, default: list[int], count: int, least: int) -> tuple[int, ...]:
    values = tuple(node.attribute(name, default))
    if len(values) != count or any(value < least for value in values):
        raise node.fail(f"{name} is {list(values)}, expected {count} numbers of at least {least}")
    return values


def _automatic(
    mode: str, spatial: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    before, after = [], []
    for extent, size, stride, dilation in zip(spatial, kernel, strides, dilations, strict=True):
        total = max((math.ceil(extent / stride) - 1) * stride + dilation * (size - 1) + 1 - extent, 0)
        total = 0 if mode == "VALID" else total
        small, large = total // 2, total - total // 2
        before.append(small if mode != "SAME_LOWER" else large)
        after.append(large if mode != "SAME_LOWER" else small)
    return tuple(before), tuple(after)


def convolve(node: Node, data: tuple[int, int], kernel: tuple[int, int], bias: int | None = None) -> Value:
    """The i32 sums [N, M, …]. data, kernel: the inputs with codes and zero point of each; bias: an i32 input."""
    builder, x, w = node.builder, node.input(data[0]), node.input(kernel[0])
    groups = _check_shapes(node, x, w)
    for codes, zero in ((x, data[1]), (w, kernel[1])):
        if node.has(zero):
            node.check_element(zero, f"zero point '{node.name(zero)}'", codes.element)
    window = read_window(node, x.shape[2:], w.shape[2:])
    if node.has(data[1]) and math.prod(node.shape(data[1])) != 1:
        raise node.fail(f"the zero point of the data has shape {list(node.shape(data[1]))}, expected a scalar")
    lhs_zero = read_zero(node, data[1], PER_TENSOR)
    shape, channels = node.output_shape(), w.shape[0]
    if shape != (x.shape[0], channels, *_output_extents(x.shape[2:], window)):
        raise node.fail(f"the output has shape {list(shape)}, which the attributes do not give")
    x = pad(node, x, lhs_zero, window)
    per_group = [groups, channels // groups] if groups > 1 else [channels]
    x = builder.reshape(x, [x.shape[0], *([groups, w.shape[1]] if groups > 1 else [w.shape[1]]), *x.shape[2:]])
    w = builder.reshape(w, [*per_group, *w.shape[1:]])
    rhs_granularity, rhs_zero = _kernel_zero(node, kernel[1], channels, per_group, w)
    outer, loops, taps = _loops(groups, len(window.kernel))
    places = [window.position(axis, f"o{axis}", tap) for axis, tap in enumerate(taps)]
    lhs_map = ", ".join(["n", *outer[:-1], "c", *places])
    result_map = ["n", *outer, *(f"o{axis}" for axis in range(len(taps)))]
    added = (
        (builder.reshape(_bias(node, bias, channels), per_group), ", ".join(outer))
        if bias is not None and node.has(bias)
        else None
    )
    lhs, rhs = (
        Side(x, lhs_map, None, lhs_zero),
        Side(w, ", ".join([*outer, "c", *taps]), None, rhs_zero, rhs_granularity),
    )
    sums = contract(builder, loops, lhs, rhs, result_map, [shape[0], *per_group, *shape[2:]], I32, added)
    return builder.reshape(sums, shape)


def _loops(groups: int, spatial: int) -> tuple[list[str], list[str], list[str]]:
    """The loops of the output channel, all loops, and those of the kernel's taps."""
    outer = ["g", "m"] if groups > 1 else ["m"]
    taps = [f"k{axis}" for axis in range(spatial)]
    return outer, ["n", *outer, *(f"o{axis}" for axis in range(spatial)), "c", *taps], taps


def _check_shapes(node: Node, x: Value, w: Value) -> int:
    groups = node.attribute("group", 1)
    if x.rank < 3 or w.rank != x.rank:
        raise node.fail(
            f"the data has rank {x.rank} and the kernel rank {w.rank}, expected the same rank of at least 3"
        )
    if groups < 1 or w.shape[0] % groups or w.shape[1] * groups != x.shape[1]:
        raise node.fail(
            f"{x.shape[1]} channels and a kernel of shape {list(w.shape)} do not make {groups} groups",
            "expected channels = group * kernel channels, and outputs divisible by group",
        )
    return groups


def _output_extents(spatial: tuple[int, ...], window: Window) -> list[int]:
    extents = []
    for axis, extent in enumerate(spatial):
        reach = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        extents.append((extent + window.before[axis] + window.after[axis] - reach) // window.strides[axis] + 1)
    return extents


def _kernel_zero(
    node: Node, index: int, channels: int, per_group: list[int], w: Value
) -> tuple[Granularity, Value | None]:
    if node.has(index) and node.shape(index) not in ((), (1,), (channels,)):
        raise node.fail(
            f"the zero point of the kernel has shape {list(node.shape(index))}, expected a scalar or [{channels}]"
        )
    if not node.has(index) or math.prod(node.shape(index)) == 1:
        return PER_TENSOR, read_zero(node, index, PER_TENSOR)
    rest = w.rank - len(per_group)
    granularity = Granularity((1,) * len(per_group) + (0,) * rest, (*per_group, *(1,) * rest))
    zero = read_zero(node, index, granularity)
    return (granularity if zero else PER_TENSOR), zero


def _bias(node: Node, index: int, channels: int) -> Value:
    node.check_element(index, "the bias", I32)
    if node.shape(index) != (channels,):
        raise node.fail(f"the bias has shape {list(node.shape(index))}, expected [{channels}]")
    return node.input(index)


def pad(node: Node, x: Value, zero: Value | None, window: Window) -> Value:
    """The data with borders of its zero point."""
    if not any(window.before) and not any(window.after):
        return x
    kind = x.element.mlir
    filler = node.builder.fresh((), x.element)
    source = f"tensor.extract {zero.name}[] : {zero.type}" if zero else f"arith.constant 0 : {kind}"
    node.builder.add([filler], [zero] if zero else [], source)
    return pad_with(node, x, filler, window)


def pad_with(node: Node, x: Value, filler: Value, window: Window) -> Value:
    """The data with borders of a scalar."""
    shape = [
        extent + b + a for extent, b, a in zip(x.shape, (0, 0, *window.before), (0, 0, *window.after), strict=True)
    ]
    result, kind = node.builder.fresh(shape, x.element), x.element.mlir
    indices = ", ".join(f"%i{axis}: index" for axis in range(x.rank))
    low, high = [0, 0, *window.before], [0, 0, *window.after]
    text = (
        f"tensor.pad {x.name} low{low} high{high} {{\n    ^bb0({indices}):\n"
        f"      tensor.yield {filler.name} : {kind}\n    }} : {x.type} to {result.type}"
    )
    node.builder.add([result], [x, filler], text)
    return result
