"""Operators that only move elements, for element types that torch-mlir does not read as ONNX means them.

The shapes of both sides are static, so every reshaping operator is the same: the output's shape says it all.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.node import Node, single_axis


def import_reshape(node: Node) -> None:
    """Identity, Reshape, Flatten, Squeeze, Unsqueeze."""
    node.finish(node.builder.reshape(node.input(0), node.output_shape()))


def import_transpose(node: Node) -> None:
    value, builder = node.input(0), node.builder
    permutation = [
        single_axis(axis, value.rank, node) for axis in node.attribute("perm", list(range(value.rank))[::-1])
    ]
    if sorted(permutation) != list(range(value.rank)):
        raise node.fail(f"perm {permutation} is not a permutation of {value.rank} axes")
    init = builder.empty([value.shape[axis] for axis in permutation], value.element)
    text = f"linalg.transpose ins({{0}} : {value.type}) outs({{1}} : {init.type}) permutation = {permutation}"
    node.finish(builder.op(text, [value, init], init.shape, init.element))
