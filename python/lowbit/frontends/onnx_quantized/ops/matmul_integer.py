"""MatMulInteger: products of codes summed in int32."""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.matmul import OperandInputs, matmul
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.reals import I32


def import_matmul_integer(node: Node) -> None:
    node.finish(matmul(node, OperandInputs(0, None, 2), OperandInputs(1, None, 3), I32))
