"""Takes the constants of an ONNX graph out of it, checking that shape, element type and data agree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.errors import ImportFailure
from lowbit.frontends.external_data import parse_reference, read_external
from lowbit.frontends.onnx_model import INLINE_ELEMENTS, MAX_RANK, MAX_TENSOR_BYTES, OnnxModel

if TYPE_CHECKING:
    import onnx

# Element types whose raw bytes are packed tighter than one byte an element.
_PACKED_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}


def split_constants(model: OnnxModel) -> None:
    """Moves large constants from the graph to model.weights, leaving a graph input of the same name.

    Raises ImportFailure for a name that is defined twice, and for what tensor_to_array refuses.
    """
    from onnx import helper, numpy_helper

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
            kept.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), tensor.name))
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
    bits = _PACKED_BITS.get(TensorProto.DataType.Name(tensor.data_type), dtype.itemsize * 8)
    byte_count = (math.prod(shape) * bits + 7) // 8
    if byte_count > MAX_TENSOR_BYTES:
        raise ImportFailure(f"shape {list(shape)} takes {byte_count} bytes, over the limit of 64 GiB", location=where)
    if tensor.data_location == TensorProto.EXTERNAL:
        reference = parse_reference(((entry.key, entry.value) for entry in tensor.external_data), where)
        data = read_external(reference, model.path.parent, byte_count, where)
        if bits == dtype.itemsize * 8:
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
