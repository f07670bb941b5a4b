"""Operators that move or compare elements, on codes: done on f32, which holds every code of at most 16 bits exactly.

A cast before and one after each let torch-mlir import them as the float operators they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowbit.frontends.onnx_graph import RewriteContext
from lowbit.frontends.onnx_model import OnnxModel
from lowbit.frontends.onnx_quantized.element_types import element_type, is_common

if TYPE_CHECKING:
    import onnx

# Their results are elements of their inputs, picked by place or by order.
WIDENED = frozenset(
    ("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Max", "Min", "Clip", "Where")
    + ("Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Expand", "Tile", "Pad")
    + ("DepthToSpace", "SpaceToDepth")
)
_FLOAT = 1


def widen_nodes(model: OnnxModel) -> bool:
    """Puts casts around such operators. Returns whether there were any; shapes must be inferred anew then."""
    graph = RewriteContext(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.proto.graph.node:
        nodes.extend(_widen(node, graph) if node.op_type in WIDENED and _is_narrow(node, graph) else [node])
    changed = len(nodes) != len(model.proto.graph.node)
    del model.proto.graph.node[:]
    model.proto.graph.node.extend(nodes)
    return changed


def _is_narrow(node: onnx.NodeProto, graph: RewriteContext) -> bool:
    """Whether the node has codes that torch-mlir misreads, and all of its codes fit in f32."""
    names = [name for name in [*node.input, *node.output] if name]
    narrow = [name for name in names if not is_common(graph.types.get(name, _FLOAT))]
    where = graph.model.where(f"node '{node.name}'")
    return bool(narrow) and all(element_type(graph.types[name], where).format for name in narrow)


def _widen(node: onnx.NodeProto, graph: RewriteContext) -> list[onnx.NodeProto]:
    from onnx import helper

    before, after = [], []
    for index, name in enumerate(node.input):
        if name and not is_common(graph.types[name]):
            node.input[index] = f"{name}.real.{node.name}"
            before.append(helper.make_node("Cast", [name], [node.input[index]], name=node.name, to=_FLOAT))
    for index, name in enumerate(node.output):
        if name and not is_common(graph.types[name]):
            node.output[index] = f"{name}.real"
            after.append(helper.make_node("Cast", [node.output[index]], [name], name=node.name, to=graph.types[name]))
    return [*before, node, *after]
