"""From a graph to one function: splits it, imports both parts, and puts them together."""

from __future__ import annotations

from collections.abc import Callable

from lowbit.frontends.onnx_folding import fold_constants
from lowbit.frontends.onnx_graph import RewriteContext
from lowbit.frontends.onnx_model import OnnxModel, infer_shapes
from lowbit.frontends.onnx_names import name_nodes
from lowbit.frontends.onnx_quantized.builder import Builder, Value
from lowbit.frontends.onnx_quantized.element_types import ElementType, element_type
from lowbit.frontends.onnx_quantized.node import Node
from lowbit.frontends.onnx_quantized.ops import NARROW, QUANTIZED
from lowbit.frontends.onnx_quantized.splice import FloatPart, parse_float_part, print_module, unused_prefix
from lowbit.frontends.onnx_quantized.split import SplitGraph, split_graph
from lowbit.frontends.onnx_quantized.widen import widen_nodes
from lowbit.frontends.onnx_rewrites import check_static


def import_model(model: OnnxModel, convert_float: Callable[[OnnxModel], str]) -> str:
    """The MLIR text of a model that was just read.

    convert_float: makes the MLIR text of a float model. Raises ImportFailure for a node that cannot be imported.
    """
    name_nodes(model)
    fold_constants(RewriteContext(model))
    infer_shapes(model)
    if widen_nodes(model):
        infer_shapes(model)
    graph = RewriteContext(model)
    check_static(graph)
    split = split_graph(graph)
    part = parse_float_part(convert_float(split.rest)) if split.rest else FloatPart()
    builder = Builder(unused_prefix(part))
    values = {name: _declare(name, graph, builder) for name in model.inputs}
    inputs = list(values.items())
    for name, result in zip(split.rest.outputs if split.rest else [], part.results, strict=True):
        values[name] = Value(result, graph.shapes[name], _element(name, graph))
    for proto in split.quantized:
        _import_node(Node(proto, graph, builder, values))
    outputs = [(name, _output(name, graph, builder, values)) for name in model.outputs]
    return print_module(builder, part, _connect(split, part, values), inputs, outputs)


def _import_node(node: Node) -> None:
    node.builder.location = node.proto.name
    kind = node.proto.op_type
    (QUANTIZED.get(kind) or NARROW[kind])(node)


def _element(name: str, graph: RewriteContext) -> ElementType:
    return element_type(graph.types[name], graph.model.where(f"value '{name}'"))


def _declare(name: str, graph: RewriteContext, builder: Builder) -> Value:
    return builder.fresh(graph.shapes[name], _element(name, graph))


def _output(name: str, graph: RewriteContext, builder: Builder, values: dict[str, Value]) -> Value:
    """The value of a graph output, which may be a constant that no node makes."""
    if name not in values:
        builder.location = name
        values[name] = builder.constant(graph.constant_value(name), _element(name, graph), name)
    return values[name]


def _connect(split: SplitGraph, part: FloatPart, values: dict[str, Value]) -> dict[str, str]:
    """The value that stands for each argument of the float function."""
    if split.rest is None:
        return {}
    return dict(zip(part.arguments, (values[name].name for name in split.rest.inputs), strict=True))
