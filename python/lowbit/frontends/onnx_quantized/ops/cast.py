"""Cast and CastLike: between element types of which one is a code or an unsigned integer.

Integers wrap, reals lose their fraction on the way to integers (a real outside of the integer's range is undefined in
ONNX; here it is that of a conversion to int32, then cut), and reals round half to even and saturate on the way to
float codes.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.element_types import ElementType
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR
from lowbit.frontends.onnx_quantized.node import Node, identity_map
from lowbit.frontends.onnx_quantized.ops.quantize_linear import quantize
from lowbit.frontends.onnx_quantized.reals import I32, convert_elements, from_f32, to_f32, unit_scale


def import_cast(node: Node) -> None:
    value, target = node.input(0), node.output_element()
    if target.format and not target.is_integer:
        if not node.attribute("saturate", 1):
            raise node.fail("saturate = 0 is not supported", "use QuantizeLinear with saturate = 0 and the scale 1")
        real = to_f32(node.builder, value)
        return node.finish(quantize(node, real, unit_scale(node.builder), None, target, PER_TENSOR))
    if not target.is_integer:
        return node.finish(from_f32(node.builder, to_f32(node.builder, value), target))
    if not value.element.is_integer:
        real = to_f32(node.builder, value)
        value = _to_bool(node, real) if target.mlir == "i1" else _to_integer(node, real, target)
        return node.finish(_retype(value, target))
    return node.finish(_resize(node, value, target))


def _to_integer(node: Node, real: Value, target: ElementType) -> Value:
    if target.width >= 32:
        return convert_elements(node.builder, real, target, "arith.fptoui" if target.unsigned else "arith.fptosi")
    wide = convert_elements(node.builder, real, I32, "arith.fptosi")
    return convert_elements(node.builder, wide, target, "arith.trunci")


def _to_bool(node: Node, value: Value) -> Value:
    kind, target = value.element.mlir, node.output_element()
    zero, compare = ("0.0", "cmpf une") if not value.element.is_integer else ("0", "cmpi ne")
    body = [f"%zero = arith.constant {zero} : {kind}", f"%r = arith.{compare}, %a0, %zero : {kind}"]
    return node.builder.elementwise([(value, identity_map(value.shape))], value.shape, target, body)


def _resize(node: Node, value: Value, target: ElementType) -> Value:
    if target.mlir == "i1":
        return _to_bool(node, value)
    if value.element.width == target.width:
        return _retype(value, target)
    if value.element.width > target.width:
        return convert_elements(node.builder, value, target, "arith.trunci")
    extends = "arith.extui" if value.element.unsigned or value.element.mlir == "i1" else "arith.extsi"
    return convert_elements(node.builder, value, target, extends)


def _retype(value: Value, target: ElementType) -> Value:
    """The same bits, read with or without sign."""
    return Value(value.name, value.shape, target)
