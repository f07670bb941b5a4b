"""QLinearConv: codes to codes, with an int32 bias and one scale for the kernel or for each output channel."""

from __future__ import annotations

import math

from lowbit.frontends.onnx_quantized.convolution import convolve
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR, check_scale, check_zero, per_axis
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.requantize import requantize

_X, _X_SCALE, _X_ZERO, _W, _W_SCALE, _W_ZERO, _Y_SCALE, _Y_ZERO, _BIAS = range(9)


def import_qlinear_conv(node: Node) -> None:
    for index in (_X_SCALE, _W_SCALE, _Y_SCALE):
        check_scale(node, index)
    check_zero(node, _X_ZERO, _X_SCALE, node.element(_X))
    check_zero(node, _Y_ZERO, _Y_SCALE, node.output_element())
    for index, what in ((_X_SCALE, "data"), (_Y_SCALE, "output")):
        if math.prod(node.shape(index)) != 1:
            raise node.fail(f"the scale of the {what} has shape {list(node.shape(index))}, expected a scalar")
    channels = node.shape(_W)[0]
    if node.shape(_W_SCALE) not in ((), (1,), (channels,)):
        raise node.fail(
            f"the scale of the kernel has shape {list(node.shape(_W_SCALE))}, expected a scalar or [{channels}]"
        )
    sums = convolve(node, (_X, _X_ZERO), (_W, _W_ZERO), _BIAS)
    if math.prod(node.shape(_W_SCALE)) == 1:
        factors = [(_X_SCALE, ()), (_W_SCALE, ())]
        return node.finish(requantize(node, sums, factors, _Y_SCALE, _Y_ZERO, PER_TENSOR))
    granularity = per_axis(1, sums.shape)
    factors = [(_X_SCALE, (1,) * sums.rank), (_W_SCALE, granularity.shape)]
    return node.finish(requantize(node, sums, factors, _Y_SCALE, _Y_ZERO, granularity))
