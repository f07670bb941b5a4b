"""Quantized operators of ONNX Runtime's own domain, written out in standard ones before anything else sees them.

`com.microsoft` is what ONNX Runtime's quantizer emits beside ONNX's operators. Elementwise and pooling operators are,
by their documents, the float operator between dequantization and quantization. QGemm sums in int32, adds its int32
bias there, and rounds once; so does its expansion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_graph import attribute
from lowbit.frontends.onnx_model import OnnxModel

if TYPE_CHECKING:
    import onnx

DOMAIN = "com.microsoft"
_UNARY = {
    "QLinearSigmoid": "Sigmoid",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
}
_BINARY = {"QLinearAdd": "Add", "QLinearMul": "Mul"}
_FLOAT = 1


class Expansion:
    """Collects the standard nodes that stand for one node; all bear its name."""

    def __init__(self, node: onnx.NodeProto, model: OnnxModel) -> None:
        self.node, self.model = node, model
        self.nodes: list[onnx.NodeProto] = []

    def input(self, index: int) -> str:
        name = self.node.input[index] if index < len(self.node.input) else ""
        if not name:
            raise self.fail(f"input {index} is missing", "write all scales and zero points out")
        return name

    def fail(self, message: str, hint: str = "") -> ImportFailure:
        where = describe_node(self.node.op_type, self.node.name, self.node.domain)
        return ImportFailure(message, location=self.model.where(where), hint=hint)

    def emit(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{self.node.output[0]}.{op}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=self.node.name, **attributes))
        return output

    def dequantize(self, first: int) -> str:
        """The real behind codes, scale and zero point, which are three inputs in a row."""
        return self.emit("DequantizeLinear", [self.input(first + offset) for offset in range(3)])

    def quantize(self, real: str, scale: int) -> None:
        """The node's output, by the scale and zero point that are two inputs in a row."""
        self.emit("QuantizeLinear", [real, self.input(scale), self.input(scale + 1)], self.node.output[0])


def expand_contrib(model: OnnxModel) -> None:
    """Rewrites the graph. Operators of the domain that are not known here stay, to be refused by name."""
    graph = model.proto.graph
    nodes = []
    for node in graph.node:
        rule = _rule(node)
        if rule is None:
            nodes.append(node)
            continue
        expansion = Expansion(node, model)
        rule(expansion)
        nodes.extend(expansion.nodes)
    del graph.node[:]
    graph.node.extend(nodes)


def _rule(node: onnx.NodeProto) -> Callable[[Expansion], None] | None:
    if node.domain != DOMAIN or not node.output:
        return None
    if node.op_type in _UNARY:
        return _expand_unary
    if node.op_type in _BINARY:
        return _expand_binary
    return {"QGemm": _expand_gemm, "QLinearConcat": _expand_concat}.get(node.op_type)


def _expand_unary(expansion: Expansion) -> None:
    from onnx import helper

    attributes = {entry.name: helper.get_attribute_value(entry) for entry in expansion.node.attribute}
    if attributes.pop("channels_last", 0):
        raise expansion.fail("channels_last is 1", "export the model with channels first")
    real = expansion.dequantize(0)
    expansion.quantize(expansion.emit(_UNARY[expansion.node.op_type], [real], **attributes), 3)


def _expand_binary(expansion: Expansion) -> None:
    left, right = expansion.dequantize(0), expansion.dequantize(3)
    expansion.quantize(expansion.emit(_BINARY[expansion.node.op_type], [left, right]), 6)


def _expand_concat(expansion: Expansion) -> None:
    reals = [expansion.dequantize(first) for first in range(2, len(expansion.node.input), 3)]
    expansion.quantize(expansion.emit("Concat", reals, axis=attribute(expansion.node, "axis", 1)), 0)


def _expand_gemm(expansion: Expansion) -> None:
    """y = saturate(round(f32(A B + C) * (alpha * a_scale * b_scale / y_scale)) + y_zero)."""
    from onnx import helper

    node = expansion.node
    operands = []
    for index, flag in ((0, "transA"), (3, "transB")):
        name = expansion.input(index)
        operands.append(expansion.emit("Transpose", [name], perm=[1, 0]) if attribute(node, flag, 0) else name)
    total = expansion.emit("MatMulInteger", [*operands, expansion.input(2), expansion.input(5)])
    if len(node.input) > 6 and node.input[6]:
        total = expansion.emit("Add", [total, node.input[6]])
    multiplier = expansion.emit("Mul", [expansion.input(1), expansion.input(4)])
    alpha = attribute(node, "alpha", 1.0)
    if alpha != 1.0:
        value = expansion.emit("Constant", [], value=helper.make_tensor("alpha", _FLOAT, [], [alpha]))
        multiplier = expansion.emit("Mul", [multiplier, value])
    real = expansion.emit("Cast", [total], to=_FLOAT)
    if len(node.input) <= 7 or not node.input[7]:
        expansion.emit("Mul", [real, multiplier], node.output[0])
        return
    multiplier = expansion.emit("Div", [multiplier, node.input[7]])
    scaled = expansion.emit("Mul", [real, multiplier])
    one = expansion.emit("Constant", [], value=helper.make_tensor("one", _FLOAT, [], [1.0]))
    expansion.emit("QuantizeLinear", [scaled, one, expansion.input(8)], node.output[0])
