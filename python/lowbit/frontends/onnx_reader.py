"""Reads an ONNX file into a checked graph and, apart from it, the arrays of its large constants.

Keeping the arrays out of the graph lets the checker, shape inference and the converter work on a few kilobytes, and
models beyond protobuf's 2 GiB pass through unchanged. Every claim of the file is checked before it is used.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.external_data import parse_reference, read_external

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 2**31 - 1
MAX_TENSOR_BYTES = 2**36
MAX_RANK = 32
_OLDEST_OPSET = 13
# Constants up to this many elements stay in the graph, where operators may need their values (shapes, axes, scales).
INLINE_ELEMENTS = 64
_QUANTIZING = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
_QUANTIZED = _QUANTIZING | {"QLinearMatMul", "QLinearConv", "MatMulInteger", "ConvInteger"}


@dataclass
class OnnxModel:
    """A checked model with static shapes.

    proto: the graph; constants of more than INLINE_ELEMENTS elements are declared as graph inputs after the real ones.
    weights: {name: array} of those constants. inputs, outputs: the names a caller sees, in order.
    """

    path: Path
    proto: onnx.ModelProto
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def where(self, what: str) -> str:
        """A location for errors: the file's name and a part of it."""
        return f"{self.path.name}: {what}"


def read_onnx(path: str | os.PathLike[str], dims: Mapping[str, int] | None = None) -> OnnxModel:
    """Reads and checks a model.

    dims: sizes for the named free dimensions of the inputs, {"batch": 1}. Raises ImportFailure, and nothing else, for
    a file that is missing, too large, truncated, malformed, or not static after dims are filled in.
    """
    path = Path(path)
    model = OnnxModel(path, _parse(path))
    _check_header(model)
    _inline_functions(model)
    _upgrade(model)
    _split_constants(model)
    _fill_dims(model, dims or {})
    _check_nodes(model)
    infer_shapes(model)
    return model


def _parse(path: Path) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ImportFailure("is not a regular file", location=str(path))
        if size > MAX_FILE_BYTES:
            raise ImportFailure(
                f"{size} bytes exceed the limit of 2 GiB", location=str(path), hint="save the model with external data"
            )
        data = path.read_bytes()
    except OSError as error:
        raise ImportFailure(f"cannot be read: {error.strerror}", location=str(path)) from error
    try:
        return onnx.ModelProto.FromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ImportFailure(
            f"is truncated or is not an ONNX file ({size} bytes): {error}",
            location=str(path),
            hint="export the model again",
        ) from error


def _check_header(model: OnnxModel) -> None:
    import onnx

    proto, name = model.proto, model.path.name
    if not proto.HasField("graph") or not proto.graph.node:
        raise ImportFailure("holds no graph", location=name, hint="is this an ONNX model file?")
    versions = [entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")]
    latest = onnx.defs.onnx_opset_version()
    if len(versions) != 1 or not 1 <= versions[0] <= latest:
        raise ImportFailure(
            f"operator set versions {versions} of the default domain, expected one from 1 to {latest}", location=name
        )
    if not proto.graph.output:
        raise ImportFailure("the graph has no output", location=name)
    if proto.graph.sparse_initializer:
        tensor = proto.graph.sparse_initializer[0].values.name
        raise ImportFailure("sparse constants are not supported", location=model.where(f"tensor '{tensor}'"))


def _inline_functions(model: OnnxModel) -> None:
    if not model.proto.functions:
        return
    import onnx.inliner

    try:
        model.proto = onnx.inliner.inline_local_functions(model.proto)
    except Exception as error:  # the binding raises RuntimeError or a bare C++ exception type
        raise ImportFailure(f"the model's functions cannot be inlined: {error}", location=model.path.name) from error


def _upgrade(model: OnnxModel) -> None:
    """Brings models of before 2020 to operator set 13, from which on axes are operands and softmax has one axis."""
    if next(entry.version for entry in model.proto.opset_import if entry.domain in ("", "ai.onnx")) >= _OLDEST_OPSET:
        return
    import onnx.version_converter

    try:
        model.proto = onnx.version_converter.convert_version(model.proto, _OLDEST_OPSET)
    except Exception as error:  # the binding raises RuntimeError or a bare C++ exception type
        hint = f"export the model again with operator set {_OLDEST_OPSET} or later"
        raise ImportFailure(f"cannot be upgraded: {_first_line(error)}", location=model.path.name, hint=hint) from error


def _split_constants(model: OnnxModel) -> None:
    """Moves large constants from the graph to model.weights, leaving a graph input of the same name."""
    from onnx import helper

    graph = model.proto.graph
    _constants_to_initializers(graph)
    names = [tensor.name for tensor in graph.initializer]
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ImportFailure("is defined twice", location=model.where(f"tensor '{repeated}'"))
    inputs = [value for value in graph.input if value.name not in set(names)]
    model.inputs, model.outputs = [value.name for value in inputs], [value.name for value in graph.output]
    kept, moved = [], []
    for tensor in graph.initializer:
        array = tensor_to_array(tensor, model)
        if array.size <= INLINE_ELEMENTS:
            kept.append(helper.make_tensor(tensor.name, tensor.data_type, array.shape, array.tobytes(), raw=True))
            continue
        model.weights[tensor.name] = array
        moved.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, array.shape))
    del graph.input[:], graph.initializer[:]
    graph.input.extend(inputs + moved)
    graph.initializer.extend(kept)


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    nodes = []
    for node in graph.node:
        value = node.attribute[0] if node.op_type == "Constant" and len(node.attribute) == 1 else None
        if value is not None and value.name == "value" and len(node.output) == 1:
            graph.initializer.add().CopyFrom(value.t)
            graph.initializer[-1].name = node.output[0]
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def tensor_to_array(tensor: onnx.TensorProto, model: OnnxModel) -> np.ndarray:
    """The value of a constant. Raises ImportFailure when shape, element type and data do not agree."""
    from onnx import TensorProto, helper, numpy_helper

    where = model.where(f"tensor '{tensor.name}'")
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type in (
        TensorProto.UNDEFINED,
        TensorProto.STRING,
    ):
        raise ImportFailure(f"element type {tensor.data_type} is not a number type", location=where)
    shape = tuple(tensor.dims)
    if len(shape) > MAX_RANK or any(extent < 0 for extent in shape):
        raise ImportFailure(
            f"shape {list(shape)} has a negative size or more than {MAX_RANK} dimensions", location=where
        )
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    bits = 4 if TensorProto.DataType.Name(tensor.data_type) in ("INT4", "UINT4", "FLOAT4E2M1") else dtype.itemsize * 8
    byte_count = (math.prod(shape) * bits + 7) // 8
    if byte_count > MAX_TENSOR_BYTES:
        raise ImportFailure(f"shape {list(shape)} takes {byte_count} bytes, over the limit of 64 GiB", location=where)
    if tensor.data_location == TensorProto.EXTERNAL:
        reference = parse_reference(((entry.key, entry.value) for entry in tensor.external_data), where)
        data = read_external(reference, model.path.parent, byte_count, where)
        if bits != 4:
            return data.view(dtype).reshape(shape)
        tensor.raw_data, tensor.data_location = data.tobytes(), TensorProto.DEFAULT
        del tensor.external_data[:]
    elif tensor.HasField("raw_data") and len(tensor.raw_data) != byte_count:
        raise ImportFailure(
            f"holds {len(tensor.raw_data)} bytes, but shape {list(shape)} takes {byte_count}", location=where
        )
    try:
        return np.asarray(numpy_helper.to_array(tensor)).reshape(shape)
    except Exception as error:  # the library raises ValueError, TypeError or KeyError, by data type
        raise ImportFailure(f"data and shape {list(shape)} do not agree: {error}", location=where) from error


def _fill_dims(model: OnnxModel, dims: Mapping[str, int]) -> None:
    """Gives the free dimensions of inputs and outputs their sizes, and refuses those left open."""
    used = set()
    graph = model.proto.graph
    for value in [*graph.input, *graph.output, *graph.value_info]:
        for extent in value.type.tensor_type.shape.dim:
            if extent.WhichOneof("value") == "dim_param" and extent.dim_param in dims:
                used.add(extent.dim_param)
                extent.dim_value = dims[extent.dim_param]
    unknown = [name for name in dims if name not in used]
    if unknown:
        raise ImportFailure(f"no input has a free dimension named {unknown[0]!r}", location=model.path.name)
    for value in graph.input:
        where = model.where(f"input '{value.name}'")
        if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
            raise ImportFailure("is not a tensor with a known rank", location=where)
        for index, extent in enumerate(value.type.tensor_type.shape.dim):
            if extent.WhichOneof("value") != "dim_value" or extent.dim_value < 1:
                name = extent.dim_param or str(extent.dim_value)
                hint = (
                    f"give it one: dims={{'{name}': 1}}, or --dim {name}=1"
                    if extent.dim_param
                    else "export with static shapes"
                )
                raise ImportFailure(f"dimension {index} ({name}) has no positive size", location=where, hint=hint)


def _check_nodes(model: OnnxModel) -> None:
    """Refuses operators that ONNX does not define or this importer does not read, and what ONNX's checker refuses."""
    import onnx

    versions = {entry.domain: entry.version for entry in model.proto.opset_import}
    for node in model.proto.graph.node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        where = model.where(describe_node(node.op_type, node.name, domain))
        if not onnx.defs.has(node.op_type, versions.get(domain, 1), domain):
            message = (
                f"operator '{node.op_type}' is not defined in domain '{domain or 'ai.onnx'}' at the model's version"
            )
            raise ImportFailure(message, location=where, hint="replace it by standard operators before the export")
        if any(entry.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for entry in node.attribute):
            raise ImportFailure(
                "control flow is not supported",
                location=where,
                hint="export the model traced, with its branches resolved",
            )
        if node.op_type in _QUANTIZED:
            raise ImportFailure(
                "the model is quantized already, and this importer reads float models",
                location=where,
                hint="import the float model and quantize it here",
            )
    try:
        onnx.checker.check_model(model.proto)
    except Exception as error:  # ValidationError, or a bare C++ exception from the binding
        raise ImportFailure(f"is not a valid ONNX model: {_first_line(error)}", location=model.path.name) from error


def infer_shapes(model: OnnxModel) -> None:
    """Gives every value a type and a static shape. Raises ImportFailure where that is impossible."""
    import onnx

    del model.proto.graph.value_info[:]
    for value in model.proto.graph.output:
        if any(extent.WhichOneof("value") != "dim_value" for extent in value.type.tensor_type.shape.dim):
            value.type.tensor_type.ClearField("shape")
    try:
        model.proto = onnx.shape_inference.infer_shapes(model.proto, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:  # InferenceError, or a bare C++ exception from the binding
        raise ImportFailure(f"shapes cannot be inferred: {_first_line(error)}", location=model.path.name) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
