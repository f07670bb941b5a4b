"""ConvInteger: a convolution of codes summed in int32."""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.convolution import convolve
from lowbit.frontends.onnx_quantized.node import Node


def import_conv_integer(node: Node) -> None:
    node.finish(convolve(node, (0, 2), (1, 3)))
