"""One importer an operator; this table is all that knows them."""

from __future__ import annotations

from collections.abc import Callable

from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.ops.cast import import_cast
from lowbit.frontends.onnx_quantized.ops.conv_integer import import_conv_integer
from lowbit.frontends.onnx_quantized.ops.dequantize_linear import import_dequantize_linear
from lowbit.frontends.onnx_quantized.ops.dynamic_quantize_linear import import_dynamic_quantize_linear
from lowbit.frontends.onnx_quantized.ops.matmul_integer import import_matmul_integer
from lowbit.frontends.onnx_quantized.ops.movement import import_reshape, import_transpose
from lowbit.frontends.onnx_quantized.ops.qlinear_conv import import_qlinear_conv
from lowbit.frontends.onnx_quantized.ops.qlinear_matmul import import_qlinear_matmul
from lowbit.frontends.onnx_quantized.ops.quantize_linear import import_quantize_linear

# Operators that are imported here whatever their element types.
QUANTIZED: dict[str, Callable[[Node], None]] = {
    "QuantizeLinear": import_quantize_linear,
    "DequantizeLinear": import_dequantize_linear,
    "DynamicQuantizeLinear": import_dynamic_quantize_linear,
    "QLinearMatMul": import_qlinear_matmul,
    "QLinearConv": import_qlinear_conv,
    "MatMulInteger": import_matmul_integer,
    "ConvInteger": import_conv_integer,
}
# Operators that are imported here only where torch-mlir would not read an element type as ONNX means it.
NARROW: dict[str, Callable[[Node], None]] = {
    "Cast": import_cast,
    "CastLike": import_cast,
    "Identity": import_reshape,
    "Reshape": import_reshape,
    "Flatten": import_reshape,
    "Squeeze": import_reshape,
    "Unsqueeze": import_reshape,
    "Transpose": import_transpose,
}
