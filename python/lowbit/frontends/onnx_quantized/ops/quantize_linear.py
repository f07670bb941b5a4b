"""QuantizeLinear: reals to codes.

One `lowbit.quantize` wherever that op says the same. Around it, explicit arithmetic for what it does not say:
- a division rounded to f16 or bf16 (from opset 23 on, where `precision` or the scale's type asks for it),
- a zero point of a float code, which is added before the only rounding there is,
- `saturate = 0`, where float8 codes overflow to NaN or infinity instead of the largest value.
NaN is undefined for integer codes and becomes the smallest one; for float codes with `saturate = 1` likewise, where
ONNX asks for NaN: Lowbit treats NaN as an error at the border.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.builder import Value
from lowbit.frontends.onnx_quantized.element_types import ElementType, element_type
from lowbit.frontends.onnx_quantized.granularity import Granularity, check_zero, read_granularity, read_scale, read_zero
from lowbit.frontends.onnx_quantized.node import Node, identity_map
from lowbit.frontends.onnx_quantized.reals import F32, from_f32, to_f32, unit_scale

# What becomes of a real that a float8 type cannot hold: the magnitude from which it overflows under round half to
# even (the middle between the largest value and the one that would follow), whether the middle itself does, the
# code of overflow, the code of NaN, and whether those have a sign.
_OVERFLOW = {
    "f8E4M3FN": (464.0, "ogt", 0x7F, 0x7F, True),
    "f8E4M3FNUZ": (248.0, "oge", 0x80, 0x80, False),
    "f8E5M2": (61440.0, "oge", 0x7C, 0x7E, True),
    "f8E5M2FNUZ": (61440.0, "oge", 0x80, 0x80, False),
}


def import_quantize_linear(node: Node) -> None:
    codes = node.output_element()
    if not codes.format or codes.onnx == "FLOAT8E8M0":
        raise node.fail(
            f"codes of type {codes.onnx.lower()} are not supported",
            "quantize to an integer, float8, float6 or float4 type",
        )
    granularity = read_granularity(node, 1)
    check_zero(node, 2, 1, codes)
    zero = read_zero(node, 2, granularity)
    saturates = bool(node.attribute("saturate", 1)) or codes.mlir not in _OVERFLOW
    precision = _division_type(node)
    scale = read_scale(node, 1, granularity)
    if saturates and precision == F32 and (zero is None or codes.is_integer_code):
        real = node.input(0) if node.input(0).element.is_real else to_f32(node.builder, node.input(0))
        if scale.element.is_integer:
            scale = to_f32(node.builder, scale)
        return node.finish(quantize(node, real, scale, zero, codes, granularity))
    quotient = _divide(node, scale, None if codes.is_integer_code else zero, granularity, precision)
    if not codes.is_integer_code:
        zero = None
    rest = granularity if zero is not None else Granularity(None, ())
    result = quantize(node, quotient, unit_scale(node.builder, rest.shape), zero, codes, rest)
    node.finish(result if saturates else _overflow(node, quotient, result))


def quantize(
    node: Node, real: Value, scale: Value, zero: Value | None, codes: ElementType, granularity: Granularity
) -> Value:
    """One lowbit.quantize."""
    operands = [real, scale] if zero is None else [real, scale, zero]
    names = ", ".join(f"{{{i}}}" for i in range(len(operands)))
    types = ", ".join(operand.type for operand in operands)
    scheme = granularity.scheme(codes, scale.element, zero)
    return node.builder.op(f"lowbit.quantize {names} {scheme} : ({types}) -> {{result}}", operands, real.shape, codes)


def _division_type(node: Node) -> ElementType:
    """The type to which x / scale is rounded."""
    precision = node.attribute("precision", 0)
    if precision:
        found = element_type(precision, node.where)
        if not found.is_real or found.mlir == "f64":
            raise node.fail(f"precision is {found.onnx.lower()}", "expected float, float16 or bfloat16")
        return found
    scale = node.element(1)
    # Before opset 23 ONNX leaves it open, and ONNX Runtime divides in f32.
    return scale if scale.mlir in ("f16", "bf16") and node.opset >= 23 else F32


def _divide(node: Node, scale: Value, zero: Value | None, granularity: Granularity, precision: ElementType) -> Value:
    """x / scale, rounded to the precision, plus the zero point of a float code."""
    builder = node.builder
    real = to_f32(builder, node.input(0))
    inputs = [(real, identity_map(real.shape)), (to_f32(builder, scale), granularity.index_map())]
    quotient = builder.elementwise(inputs, real.shape, F32, ["%r = arith.divf %a0, %a1 : f32"])
    quotient = from_f32(builder, quotient, precision)
    if zero is None:
        return quotient
    inputs = [(to_f32(builder, quotient), identity_map(real.shape)), (to_f32(builder, zero), granularity.index_map())]
    return builder.elementwise(inputs, real.shape, F32, ["%r = arith.addf %a0, %a1 : f32"])


def _overflow(node: Node, quotient: Value, saturated: Value) -> Value:
    """Replaces the codes of reals that are NaN or too large by NaN or infinity."""
    codes = saturated.element
    limit, predicate, overflow, nan, signed = _OVERFLOW[codes.mlir]
    body = [
        f"%limit = arith.constant {limit!r} : f32",
        f"%overflow = arith.constant {overflow} : i8",
        f"%nan = arith.constant {nan} : i8",
        f"%sign_bit = arith.constant {0x80 if signed else 0} : i8",
        "%byte = arith.constant 24 : i32",
        "%word = arith.bitcast %a0 : f32 to i32",
        "%high = arith.shrui %word, %byte : i32",
        "%low = arith.trunci %high : i32 to i8",
        "%sign = arith.andi %low, %sign_bit : i8",
        "%magnitude = math.absf %a0 : f32",
        f"%is_large = arith.cmpf {predicate}, %magnitude, %limit : f32",
        "%is_nan = arith.cmpf uno, %a0, %a0 : f32",
        "%special = arith.select %is_nan, %nan, %overflow : i8",
        "%signed = arith.ori %special, %sign : i8",
        "%is_special = arith.ori %is_large, %is_nan : i1",
        f"%bits = arith.bitcast %a1 : {codes.mlir} to i8",
        "%code = arith.select %is_special, %signed, %bits : i8",
        f"%r = arith.bitcast %code : i8 to {codes.mlir}",
    ]
    real = to_f32(node.builder, quotient)
    inputs = [(real, identity_map(real.shape)), (saturated, identity_map(real.shape))]
    return node.builder.elementwise(inputs, saturated.shape, codes, body)
