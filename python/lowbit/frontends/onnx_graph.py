"""A graph under rewriting: what rules may ask about a value, and how they make new nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_model import INLINE_ELEMENTS, OnnxModel

if TYPE_CHECKING:
    import onnx


@dataclass
class RewriteContext:
    """Knows the shapes, types and constants of a model; collects the nodes that rules emit.

    All new nodes bear the name of the node they replace, so that every part of a decomposed operator keeps its source.
    """

    model: OnnxModel
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    small: dict[str, np.ndarray] = field(default_factory=dict)
    emitted: list[onnx.NodeProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        from onnx import numpy_helper

        graph = self.model.proto.graph
        for value in [*graph.input, *graph.value_info, *graph.output]:
            tensor = value.type.tensor_type
            self.types[value.name] = tensor.elem_type
            if tensor.HasField("shape") and all(extent.HasField("dim_value") for extent in tensor.shape.dim):
                self.shapes[value.name] = tuple(extent.dim_value for extent in tensor.shape.dim)
        for constant in graph.initializer:
            self.small[constant.name] = numpy_helper.to_array(constant)
            self.shapes[constant.name], self.types[constant.name] = tuple(constant.dims), constant.data_type

    @property
    def opset(self) -> int:
        """The version of the default operator set."""
        return next(entry.version for entry in self.model.proto.opset_import if entry.domain in ("", "ai.onnx"))

    def constant_value(self, name: str) -> np.ndarray | None:
        """The array behind a name, or None where it is computed at run time."""
        value = self.small.get(name)
        return self.model.weights.get(name) if value is None else value

    def define(self, name: str, value: np.ndarray) -> str:
        """Makes a constant. A taken name gets a number appended. Returns the name."""
        from onnx import helper, numpy_helper

        unique, count = name, 1
        while unique in self.shapes:
            unique, count = f"{name}.{count}", count + 1
        graph = self.model.proto.graph
        data_type = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.shapes[unique], self.types[unique] = value.shape, data_type
        if value.size <= INLINE_ELEMENTS:
            self.small[unique] = value
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), unique))
        else:
            self.model.weights[unique] = value
            graph.input.append(helper.make_tensor_value_info(unique, data_type, value.shape))
        return unique

    def emit(
        self,
        source: onnx.NodeProto,
        op: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        *,
        output: str | None = None,
        suffix: str = "",
        data_type: int | None = None,
        **attributes: Any,
    ) -> str:
        """Appends a node that stands for a part of source. Returns the name of its output, fresh unless given.

        shape: the shape of the output; its type is that of source's first output unless given.
        suffix is appended to the node's name.
        """
        from onnx import helper

        if output is None:
            output = f"{source.name or source.output[0]}.{op}.{len(self.emitted)}"
            while output in self.shapes:
                output += "'"
        self.emitted.append(helper.make_node(op, list(inputs), [output], name=source.name + suffix, **attributes))
        self.shapes[output], self.types[output] = tuple(shape), data_type or self.types[source.output[0]]
        return output

    def axis(self, node: onnx.NodeProto, default: int, rank: int) -> int:
        """The node's axis attribute, counted from the front. Raises ImportFailure if it is not one of rank axes."""
        axis = attribute(node, "axis", default)
        if not -rank <= axis < rank:
            where = self.model.where(describe_node(node.op_type, node.name, node.domain))
            raise ImportFailure(f"axis {axis} is outside of the operand's {rank} dimensions", location=where)
        return axis % rank

    def axes(self, *axes: int) -> str:
        """An int64 constant for the axes or shape operand of an operator."""
        key = "lowbit.axes." + "_".join(map(str, axes))
        return key if key in self.small else self.define(key, np.array(axes, np.int64))

    def scalar(self, value: float, data_type: int) -> str:
        """A rank 0 constant of an ONNX element type."""
        from onnx import helper

        key = f"lowbit.scalar.{data_type}.{value!r}"
        return (
            key if key in self.small else self.define(key, np.array(value, helper.tensor_dtype_to_np_dtype(data_type)))
        )


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """The value of a node's attribute, or the default."""
    from onnx import helper

    return next((helper.get_attribute_value(entry) for entry in node.attribute if entry.name == name), default)


def element_count(shape: Sequence[int]) -> int:
    return math.prod(shape)
