"""Names that a person and a recipe can use, whichever exporter wrote the model.

A node that owns a weight gets the path of its module (`encoder.layer.0.attention.self.query`); other nodes get the path
and their operator (`encoder.layer.0.attention.self.Softmax`), with a number where that is not unique. PyTorch's newer
exporter notes the path in a node's metadata, its older one writes it with slashes; other names stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lowbit.frontends.onnx_model import OnnxModel

if TYPE_CHECKING:
    import onnx

_OWNERS = {"MatMul", "Gemm", "Conv", "ConvTranspose", "Gather", "LayerNormalization", "BatchNormalization"}
_ANONYMOUS = re.compile(r"(onnx::\w+|val_\d+|_v_\d+|\d+)")
_MAX_SCOPE_CHARACTERS = 10000


def name_nodes(model: OnnxModel) -> None:
    """Gives each node a name of its own."""
    constants = {tensor.name for tensor in model.proto.graph.initializer} | model.weights.keys()
    taken: set[str] = set()
    for node in model.proto.graph.node:
        path = _module_path(node)
        if path is None:
            name = node.name or next((output for output in node.output if output), node.op_type)
        elif path and path not in taken and node.op_type in _OWNERS and not constants.isdisjoint(node.input):
            name = path
        else:
            name = f"{path}.{node.op_type}" if path else node.op_type
        node.name = _unique(name, taken)
        taken.add(node.name)


def _unique(name: str, taken: set[str]) -> str:
    count, unique = 0, name
    while unique in taken:
        count += 1
        unique = f"{name}.{count}"
    return unique


def _module_path(node: onnx.NodeProto) -> str | None:
    """The path of the module a node was made in, '' for the outermost; None if the exporter notes none."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes" and len(entry.value) < _MAX_SCOPE_CHARACTERS:
            scopes = [scope.strip(" '\"") for scope in entry.value.strip("[]").split(",")]
            return scopes[-2] if len(scopes) > 1 else ""
    if not node.name.startswith("/"):
        return None
    *path, last = node.name[1:].split("/")
    return ".".join(path if re.fullmatch(rf"{re.escape(node.op_type)}(_\d+)?", last) else [*path, last])


def name_weights(model: OnnxModel) -> None:
    """Names weights that the exporter only numbered after the one node that reads them."""
    graph = model.proto.graph
    uses: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            uses[name] = uses.get(name, 0) + 1
    renamed: dict[str, str] = {}
    known = {value.name for value in [*graph.input, *graph.initializer, *graph.value_info]}
    for node in graph.node:
        weight = node.input[1] if node.op_type in ("MatMul", "Gemm", "Conv") else ""
        new = node.name + ".weight"
        if weight in model.weights and uses[weight] == 1 and _ANONYMOUS.fullmatch(weight) and new not in known:
            renamed[weight] = node.input[1] = new
            model.weights[new] = model.weights.pop(weight)
    for value in graph.input:
        value.name = renamed.get(value.name, value.name)
