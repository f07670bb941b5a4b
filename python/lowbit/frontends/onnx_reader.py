"""Reads an ONNX file into a checked graph and, apart from it, the arrays of its large constants.

Keeping the arrays out of the graph lets the checker, shape inference and the converter work on a few kilobytes, and
models beyond protobuf's 2 GiB pass through unchanged. Every claim of the file is checked before it is used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_constants import split_constants
from lowbit.frontends.onnx_contrib import expand_contrib
from lowbit.frontends.onnx_model import MAX_FILE_BYTES, OnnxModel, first_line, infer_shapes
from lowbit.frontends.onnx_refusals import check_supported

if TYPE_CHECKING:
    import onnx
    from google.protobuf.message import Message

_OLDEST_OPSET = 13


def read_onnx(path: str | os.PathLike[str], dims: Mapping[str, int] | None = None) -> OnnxModel:
    """Reads and checks a model.

    dims: sizes for the named free dimensions of the inputs, {"batch": 1}. Raises ImportFailure, and nothing else, for
    a file that is missing, too large, truncated, malformed, or not static after dims are filled in.
    """
    path = Path(path)
    model = OnnxModel(path, _parse(path))
    _check_header(model)
    _inline_functions(model)
    expand_contrib(model)
    _upgrade(model)
    split_constants(model)
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
        proto = onnx.ModelProto.FromString(data)
        _check_text(proto, path.name)
    except (DecodeError, RecursionError) as error:
        raise ImportFailure(
            f"is truncated or is not an ONNX file ({size} bytes): {error}",
            location=str(path),
            hint="export the model again",
        ) from error
    return proto


def _check_text(message: Message, where: str) -> None:
    """Refuses names that are not UTF-8, which protobuf hands out as bytes."""
    for field_type, value in message.ListFields():
        entries = value if field_type.is_repeated else [value]
        if field_type.type == field_type.TYPE_MESSAGE:
            for entry in entries:
                _check_text(entry, where)
        elif field_type.type == field_type.TYPE_STRING and any(isinstance(entry, bytes) for entry in entries):
            raise ImportFailure(f"field '{field_type.name}' holds text that is not UTF-8", location=where)


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
    if any(not 1 <= entry.version < 2**31 for entry in proto.opset_import):
        raise ImportFailure("an operator set version is not a positive 32-bit number", location=name)
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
        raise ImportFailure(f"cannot be upgraded: {first_line(error)}", location=model.path.name, hint=hint) from error


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
        check_supported(node, where)
    try:
        onnx.checker.check_model(model.proto)
    except Exception as error:  # ValidationError, or a bare C++ exception from the binding
        raise ImportFailure(f"is not a valid ONNX model: {first_line(error)}", location=model.path.name) from error
