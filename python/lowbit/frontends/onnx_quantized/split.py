"""Splits a graph: nodes that this package imports, and the rest, a float model for torch-mlir.

The rest is one model whose inputs are the graph's own and the results of the nodes taken out, and whose outputs are
what those nodes and the graph's outputs need. It may depend on itself through them; splice.py puts all in order
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_graph import RewriteContext
from lowbit.frontends.onnx_model import OnnxModel
from lowbit.frontends.onnx_quantized.element_types import element_type, is_common
from lowbit.frontends.onnx_quantized.ops import NARROW, QUANTIZED

if TYPE_CHECKING:
    import onnx


@dataclass
class SplitGraph:
    """quantized: the nodes for this package, in the graph's order. rest: a model of the others, None without any."""

    quantized: list[onnx.NodeProto] = field(default_factory=list)
    rest: OnnxModel | None = None


def has_quantized_nodes(model: OnnxModel) -> bool:
    """Whether torch-mlir alone would misread the model."""
    graph = RewriteContext(model)
    return any(_is_own(node, graph) for node in model.proto.graph.node) or any(
        not is_common(graph.types[name]) for name in [*model.inputs, *model.outputs]
    )


def split_graph(graph: RewriteContext) -> SplitGraph:
    """Raises ImportFailure for a node that neither side can import."""
    split, others = SplitGraph(), []
    for node in graph.model.proto.graph.node:
        if not _is_own(node, graph):
            others.append(node)
            continue
        if node.op_type not in QUANTIZED and node.op_type not in NARROW:
            raise _unsupported(node, graph)
        split.quantized.append(node)
    if others:
        split.rest = _make_rest(graph, split.quantized, others)
    return split


def _is_own(node: onnx.NodeProto, graph: RewriteContext) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    names = [name for name in [*node.input, *node.output] if name]
    return node.op_type in QUANTIZED or not all(is_common(graph.types.get(name, 1)) for name in names)


def _unsupported(node: onnx.NodeProto, graph: RewriteContext) -> ImportFailure:
    where = graph.model.where(describe_node(node.op_type, node.name, node.domain))
    names = [name for name in [*node.input, *node.output] if name]
    name = next(name for name in names if not is_common(graph.types.get(name, 1)))
    kind = element_type(graph.types[name], where).onnx.lower()
    hint = "dequantize its inputs before it and quantize its result after it (the QDQ form) before the export"
    return ImportFailure(
        f"operator '{node.op_type}' on '{name}' of type {kind} is not supported", location=where, hint=hint
    )


def _make_rest(graph: RewriteContext, quantized: list[onnx.NodeProto], others: list[onnx.NodeProto]) -> OnnxModel:
    import onnx
    from onnx import helper

    made_here = {name for node in quantized for name in node.output if name}
    made_there = {name for node in others for name in node.output if name}
    used_there = {name for node in others for name in node.input if name}
    wanted = [*(name for node in quantized for name in node.input), *graph.model.outputs]
    inputs = [name for name in graph.model.inputs if name in used_there]
    inputs += [name for node in quantized for name in node.output if name in used_there and name in made_here]
    outputs = list(dict.fromkeys(name for name in wanted if name in made_there))

    def declare(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, graph.types[name], graph.shapes[name])

    source = graph.model.proto
    weights = {name: array for name, array in graph.model.weights.items() if name in used_there}
    proto = onnx.ModelProto(ir_version=source.ir_version, opset_import=source.opset_import)
    proto.graph.name = source.graph.name or "main"
    proto.graph.node.extend(others)
    proto.graph.initializer.extend(tensor for tensor in source.graph.initializer if tensor.name in used_there)
    proto.graph.input.extend(declare(name) for name in [*inputs, *weights])
    proto.graph.output.extend(declare(name) for name in outputs)
    return OnnxModel(graph.model.path, proto, weights, inputs, outputs, graph.model.constants)
