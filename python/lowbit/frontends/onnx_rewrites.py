"""Rewrites of an ONNX graph after which the converter yields plain linalg.

Each rule handles one operator and is exact up to the rounding of a float sum. A rule gets a node and either emits its
replacement and returns True, or emits nothing and returns False. Rules run once, in the order of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_folding import fold_constants
from lowbit.frontends.onnx_functions import expand_functions
from lowbit.frontends.onnx_graph import RewriteContext, attribute, element_count
from lowbit.frontends.onnx_model import MAX_TENSOR_BYTES, OnnxModel, infer_shapes
from lowbit.frontends.onnx_names import name_nodes, name_weights

if TYPE_CHECKING:
    import onnx

# float and double; half floats keep the converter's form, which accumulates in float.
_REDUCED_TYPES = (1, 11)

Rule = Callable[["onnx.NodeProto", RewriteContext], bool]


def rewrite_matmul(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """[..., K] x [K, N] becomes a matrix product between reshapes, instead of a batch product with a copied weight."""
    left, right = node.input
    left_shape, right_shape = context.shapes[left], context.shapes[right]
    if len(right_shape) != 2 or len(left_shape) < 3:
        return False
    rows, depth, columns = element_count(left_shape[:-1]), *right_shape
    flat = context.emit(node, "Reshape", [left, context.axes(rows, depth)], [rows, depth])
    product = context.emit(node, "MatMul", [flat, right], [rows, columns])
    shape = [*left_shape[:-1], columns]
    context.emit(node, "Reshape", [product, context.axes(*shape)], shape, output=node.output[0])
    return True


def rewrite_gemm(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """alpha * A' B' + beta * C becomes MatMul and Add; a constant B is transposed and scaled here."""
    left, right = node.input[0], node.input[1]
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    if attribute(node, "transA", 0):
        rows, columns = context.shapes[left]
        left = context.emit(node, "Transpose", [left], [columns, rows], perm=[1, 0])
    if attribute(node, "transB", 0):
        right = _transpose_matrix(node, right, context)
    shape = [context.shapes[left][0], context.shapes[right][1]]
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    data_type = context.types[node.output[0]]
    scaled = alpha != 1.0
    result = context.emit(node, "MatMul", [left, right], shape, output=None if bias or scaled else node.output[0])
    if scaled:
        factor = context.scalar(alpha, data_type)
        result = context.emit(node, "Mul", [result, factor], shape, output=None if bias else node.output[0])
    if bias:
        if beta != 1.0:
            bias = context.emit(node, "Mul", [bias, context.scalar(beta, data_type)], context.shapes[bias])
        context.emit(node, "Add", [result, bias], shape, output=node.output[0], suffix=".bias")
    return True


def _transpose_matrix(node: onnx.NodeProto, name: str, context: RewriteContext) -> str:
    """The transposed [columns, rows] of a matrix, computed here if it is a constant."""
    rows, columns = context.shapes[name]
    value = context.constant_value(name)
    if value is None:
        return context.emit(node, "Transpose", [name], [columns, rows], perm=[1, 0])
    return context.define(name + ".transposed", value.T)


def rewrite_layer_norm(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """Mean, variance, scale and shift as separate nodes, reduced over the trailing axes."""
    value, data_type = node.input[0], context.types[node.output[0]]
    shape = context.shapes[value]
    axis = context.axis(node, -1, len(shape))
    if len([name for name in node.output if name]) > 1 or data_type not in _REDUCED_TYPES:
        return False
    axes, outer = list(range(axis, len(shape))), shape[:axis]
    epsilon = context.scalar(attribute(node, "epsilon", 1e-5), data_type)
    mean = _restore_axes(node, _reduce(node, "ReduceMean", value, axes, context), shape, axes, context)
    centered = context.emit(node, "Sub", [value, mean], shape)
    squared = context.emit(node, "Mul", [centered, centered], shape)
    variance = context.emit(node, "Add", [_reduce(node, "ReduceMean", squared, axes, context), epsilon], outer)
    deviation = context.emit(node, "Sqrt", [variance], outer)
    inverse = context.emit(node, "Div", [context.scalar(1.0, data_type), deviation], outer)
    inverse = _restore_axes(node, inverse, shape, axes, context)
    normal = context.emit(node, "Mul", [centered, inverse], shape)
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    scaled = context.emit(node, "Mul", [normal, node.input[1]], shape, output=None if bias else node.output[0])
    if bias:
        context.emit(node, "Add", [scaled, bias], shape, output=node.output[0])
    return True


def rewrite_softmax(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """exp(x - max) over its sum, along one axis."""
    value, data_type = node.input[0], context.types[node.output[0]]
    shape = context.shapes[value]
    if data_type not in _REDUCED_TYPES or not shape:
        return False
    axes = [context.axis(node, -1, len(shape))]
    largest = _restore_axes(node, _reduce(node, "ReduceMax", value, axes, context), shape, axes, context)
    exponential = context.emit(node, "Exp", [context.emit(node, "Sub", [value, largest], shape)], shape)
    total = _restore_axes(node, _reduce(node, "ReduceSum", exponential, axes, context), shape, axes, context)
    context.emit(node, "Div", [exponential, total], shape, output=node.output[0])
    return True


def _reduce(node: onnx.NodeProto, op: str, value: str, axes: list[int], context: RewriteContext) -> str:
    """Reduces and drops the axes, which gives linalg a result map without constants."""
    outer = [extent for index, extent in enumerate(context.shapes[value]) if index not in axes]
    if context.opset >= (13 if op == "ReduceSum" else 18):
        return context.emit(node, op, [value, context.axes(*axes)], outer, keepdims=0)
    return context.emit(node, op, [value], outer, keepdims=0, axes=axes)


def _restore_axes(
    node: onnx.NodeProto, value: str, shape: Sequence[int], axes: list[int], context: RewriteContext
) -> str:
    """Puts reduced axes back with size 1, so that the value broadcasts against the original shape."""
    kept = [1 if index in axes else extent for index, extent in enumerate(shape)]
    return context.emit(node, "Reshape", [value, context.axes(*kept)], kept)


def rewrite_reciprocal(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """1 / x as a division: the converter's own form stops the program where x is zero."""
    one = context.scalar(1.0, context.types[node.input[0]])
    context.emit(node, "Div", [one, node.input[0]], context.shapes[node.input[0]], output=node.output[0])
    return True


def rewrite_pow(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """x to the power of 2 becomes x * x."""
    value, exponent = node.input[0], context.constant_value(node.input[1])
    if (
        exponent is None
        or exponent.size != 1
        or exponent.item() != 2
        or len(exponent.shape) > len(context.shapes[value])
    ):
        return False
    context.emit(node, "Mul", [value, value], context.shapes[value], output=node.output[0])
    return True


def rewrite_gather(node: onnx.NodeProto, context: RewriteContext) -> bool:
    """Clamps computed indices to the table, so that a wrong index can never read outside of it."""
    table, indices = node.input
    if context.constant_value(indices) is not None:
        return False
    rank, extents = len(context.shapes[indices]), context.shapes[table]
    if node.op_type == "GatherND":
        batch = attribute(node, "batch_dims", 0)
        sizes = np.array(extents[batch : batch + context.shapes[indices][rank - 1]])
    else:
        sizes = np.array(extents[context.axis(node, 0, len(extents))])
    dtype = np.int32 if context.types[indices] == 6 else np.int64
    low = context.define(f"{node.name}.first", -sizes.astype(dtype))
    high = context.define(f"{node.name}.last", sizes.astype(dtype) - dtype(1))
    shape = context.shapes[indices]
    bounded = context.emit(node, "Max", [indices, low], shape, data_type=context.types[indices])
    bounded = context.emit(node, "Min", [bounded, high], shape, data_type=context.types[indices])
    node.input[1] = bounded
    context.emitted.append(node)
    return True


RULES: dict[str, Rule] = {
    "MatMul": rewrite_matmul,
    "Gemm": rewrite_gemm,
    "LayerNormalization": rewrite_layer_norm,
    "Softmax": rewrite_softmax,
    "Reciprocal": rewrite_reciprocal,
    "Pow": rewrite_pow,
    "Gather": rewrite_gather,
    "GatherElements": rewrite_gather,
    "GatherND": rewrite_gather,
}


def rewrite(model: OnnxModel) -> None:
    """Expands functions, folds constants, applies the rules, drops what is unused and infers shapes anew.

    Raises ImportFailure for a value that has no static shape or takes more than 64 GiB.
    """
    expand_functions(model)
    while fold_constants(RewriteContext(model)):
        infer_shapes(model)  # a folded shape lets further shapes be inferred, and further nodes be folded
    name_nodes(model)
    name_weights(model)
    infer_shapes(model)
    context = RewriteContext(model)
    check_static(context)
    for node in model.proto.graph.node:
        rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if rule is None or not rule(node, context):
            context.emitted.append(node)
    nodes = list(context.emitted)
    del model.proto.graph.node[:]
    model.proto.graph.node.extend(nodes)
    _drop_unused(model)
    infer_shapes(model)


def check_static(context: RewriteContext) -> None:
    """Refuses values that have no static shape, are no tensors, or take more than 64 GiB."""
    from onnx import helper

    for node in context.model.proto.graph.node:
        for name in (output for output in node.output if output):
            where = context.model.where(describe_node(node.op_type, node.name, node.domain))
            if name not in context.shapes:
                hint = "its size depends on data; export the model with static shapes"
                raise ImportFailure(f"the shape of its output '{name}' is unknown", location=where, hint=hint)
            if not context.types[name]:
                raise ImportFailure(f"its output '{name}' is not a tensor", location=where)
            size = element_count(context.shapes[name]) * helper.tensor_dtype_to_np_dtype(context.types[name]).itemsize
            if size > MAX_TENSOR_BYTES:
                raise ImportFailure(f"its output takes {size} bytes, over the limit of 64 GiB", location=where)


def _drop_unused(model: OnnxModel) -> None:
    """Removes nodes that no output needs, and constants that no node needs."""
    graph = model.proto.graph
    needed = set(model.outputs)
    kept = []
    for node in reversed(graph.node):
        if any(output in needed for output in node.output):
            kept.append(node)
            needed.update(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    inputs = [value for value in graph.input if value.name in needed or value.name in model.inputs]
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.input[:], graph.initializer[:]
    graph.input.extend(inputs)
    graph.initializer.extend(constants)
    model.weights = {value.name: model.weights[value.name] for value in inputs if value.name in model.weights}
