"""DynamicQuantizeLinear: uint8 codes with a scale and a zero point computed from the tensor's own range.

The range of zeros alone gives the scale 1, as in ONNX Runtime; ONNX leaves it open.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.element_types import named_type
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.ops.quantize_linear import quantize
from lowbit.frontends.onnx_quantized.reals import F32


def import_dynamic_quantize_linear(node: Node) -> None:
    real, codes = node.input(0), named_type("UINT8")
    node.check_element(0, "the input", F32)
    scale, zero = node.builder.fresh((), F32), node.builder.fresh((), codes)
    scheme = PER_TENSOR.scheme(codes, F32, zero)
    text = f"lowbit.compute_scales {real.name} {scheme} : ({real.type}) -> ({scale.type}, {zero.type})"
    node.builder.add([scale, zero], [real], text)
    node.finish(quantize(node, real, scale, zero, codes, PER_TENSOR), scale, zero)
