"""Expands operators that ONNX defines by other operators and that the converter does not know.

Decoders exported with operator sets from 23 on write attention, rotary embeddings and root-mean-square norms as one
node each. ONNX carries their definitions, so these are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_graph import RewriteContext
from lowbit.frontends.onnx_model import OnnxModel, infer_shapes

if TYPE_CHECKING:
    import onnx

_ATTENTION = {"Attention", "FlexAttention", "RotaryEmbedding"}
_LAYERS = {"RMSNormalization", "SwiGLU", "CausalConvWithState"}
_LOSSES = {"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}
_EXPANDED = _ATTENTION | _LAYERS | _LOSSES


def expand_functions(model: OnnxModel) -> None:
    """Replaces such nodes; the parts are named after the node and their operator."""
    graph = model.proto.graph
    if not any(node.op_type in _EXPANDED for node in graph.node):
        return
    context = RewriteContext(model)
    nodes = [part for node in graph.node for part in _expand(node, context)]
    del graph.node[:]
    graph.node.extend(nodes)
    infer_shapes(model)
    _resolve_cast_like(model)


def _expand(node: onnx.NodeProto, context: RewriteContext) -> list[onnx.NodeProto]:
    if node.op_type not in _EXPANDED or node.domain not in ("", "ai.onnx"):
        return [node]
    import onnx.inliner
    from onnx import helper

    def values(names: list[str]) -> list[onnx.ValueInfoProto]:
        unique = dict.fromkeys(name for name in names if name)
        return [helper.make_tensor_value_info(name, context.types[name], context.shapes.get(name)) for name in unique]

    graph = helper.make_graph([node], "expand", values(list(node.input)), values(list(node.output)))
    source = context.model.proto
    single = helper.make_model(graph, opset_imports=source.opset_import, ir_version=source.ir_version)
    functions = [("", name) for name in sorted(_EXPANDED)]
    try:
        expanded = onnx.inliner.inline_selected_functions(single, functions, inline_schema_functions=True)
    except Exception as error:  # the binding raises RuntimeError or a bare C++ exception type
        where = context.model.where(describe_node(node.op_type, node.name, node.domain))
        raise ImportFailure("its definition cannot be expanded for these operands", location=where) from error
    outside = {*node.input, *node.output}
    name = node.name or node.output[0]
    for part in expanded.graph.node:
        for values_of in (part.input, part.output):
            for index, value in enumerate(values_of):
                if value not in outside:
                    values_of[index] = f"{name}/{value}"
        part.name = f"{name}.{part.op_type}"
    return list(expanded.graph.node)


def _resolve_cast_like(model: OnnxModel) -> None:
    """Casts to the type of another value become casts to that type, which is known here."""
    from onnx import helper

    context = RewriteContext(model)
    for node in model.proto.graph.node:
        if node.op_type == "CastLike":
            data_type = context.types[node.input[1]]
            node.op_type = "Cast"
            del node.input[1:], node.attribute[:]
            node.attribute.append(helper.make_attribute("to", data_type))
