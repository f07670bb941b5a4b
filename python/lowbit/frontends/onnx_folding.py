"""Computes the parts of an ONNX graph that depend on constants alone.

Exporters leave shape arithmetic and reordered weights in the graph. Only operators that move, compare or add elements
are folded, and only where the result is not much larger than what it is made of, so a small file cannot claim memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.onnx_graph import RewriteContext, attribute, element_count

if TYPE_CHECKING:
    import onnx

_SHAPING = {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Shape", "Size", "Expand", "Tile"}
_SELECTING = {"Gather", "Slice", "Concat", "Where", "Cast", "Range", "Constant", "ConstantOfShape", "ReduceProd"}
_ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Mod", "Neg", "Min", "Max", "Floor", "Ceil", "Sqrt"}
_LOGICAL = {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Not"}
_FOLDABLE = _SHAPING | _SELECTING | _ARITHMETIC | _LOGICAL
_SMALL_RESULT = 65536


def fold_constants(context: RewriteContext) -> int:
    """Replaces foldable nodes by constants, and nodes that change nothing by their operands. Returns how many."""
    graph = context.model.proto.graph
    outputs = set(context.model.outputs)
    kept: list[onnx.NodeProto] = []
    renamed: dict[str, str] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = renamed.get(name, name)
        if outputs.intersection(node.output):
            kept.append(node)
        elif _passes_through(node, context):
            renamed[node.output[0]] = node.input[0]
        elif (value := _evaluate(node, context)) is None:
            kept.append(node)
        else:
            renamed[node.output[0]] = context.define(_constant_name(node, context), value)
    del graph.node[:]
    graph.node.extend(kept)
    return len(renamed)


def _passes_through(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """True if the node hands on its first operand unchanged."""
    if node.op_type == "Identity":
        return True
    if node.op_type not in ("Cast", "Expand", "Reshape", "Squeeze", "Unsqueeze") or node.domain not in ("", "ai.onnx"):
        return False
    source, result = node.input[0], node.output[0]
    same_type = context.types.get(source) == context.types.get(result, 0)
    return same_type and result in context.shapes and context.shapes.get(source) == context.shapes[result]


def _constant_name(node: onnx.NodeProto, context: RewriteContext) -> str:
    if node.op_type in ("Transpose", "Reshape", "Cast") and node.input[0] in context.model.weights:
        return node.input[0] + "." + node.op_type.lower()
    return node.output[0] + ".folded"


def _evaluate(node: onnx.NodeProto, context: RewriteContext) -> np.ndarray | None:
    """The node's only result, or None if it is not foldable."""
    if node.op_type not in _FOLDABLE or node.domain not in ("", "ai.onnx") or len(node.output) != 1:
        return None
    if node.op_type == "Shape" and node.input[0] in context.shapes:
        shape = context.shapes[node.input[0]]
        return np.array(shape[attribute(node, "start", 0) : attribute(node, "end", None)], np.int64)
    values = [context.constant_value(name) if name else None for name in node.input]
    if any(value is None for value, name in zip(values, node.input) if name):
        return None
    if node.op_type == "Transpose":
        axes = list(range(values[0].ndim))
        permutation = attribute(node, "perm", axes[::-1])
        return np.transpose(values[0], permutation) if sorted(permutation) == axes else None
    limit = max([_SMALL_RESULT, *(value.size for value in values if value is not None)])
    shape = context.shapes.get(node.output[0])
    if shape is None or element_count(shape) > limit:
        return None
    return _run_reference(node, values, context)


def _run_reference(node: onnx.NodeProto, values: list[np.ndarray | None], context: RewriteContext) -> np.ndarray | None:
    """Runs one node in ONNX's reference evaluator; None where it cannot."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    named = {name: value for name, value in zip(node.input, values) if name}
    inputs = [helper.make_tensor_value_info(name, context.types[name], value.shape) for name, value in named.items()]
    output = helper.make_tensor_value_info(node.output[0], context.types[node.output[0]], None)
    graph = helper.make_graph([node], "fold", inputs, [output])
    model = helper.make_model(graph, opset_imports=context.model.proto.opset_import)
    try:
        result = ReferenceEvaluator(model).run(None, named)[0]
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None  # an operator version the evaluator lacks: the node stays, and the converter handles it
    return np.asarray(result, helper.tensor_dtype_to_np_dtype(context.types[node.output[0]]))
