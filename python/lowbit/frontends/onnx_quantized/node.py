"""What the importer of one operator may ask about its node, and how it reports what it cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_graph import RewriteContext, attribute
from lowbit.frontends.onnx_quantized.builder import Builder, Value
from lowbit.frontends.onnx_quantized.element_types import ElementType, element_type

if TYPE_CHECKING:
    import onnx


@dataclass
class Node:
    """One ONNX node under import. values: the SSA value of every ONNX value that has one so far."""

    proto: onnx.NodeProto
    graph: RewriteContext
    builder: Builder
    values: dict[str, Value]

    @property
    def where(self) -> str:
        return self.graph.model.where(describe_node(self.proto.op_type, self.proto.name, self.proto.domain))

    def fail(self, message: str, hint: str = "") -> ImportFailure:
        return ImportFailure(message, location=self.where, hint=hint)

    @property
    def opset(self) -> int:
        return self.graph.opset

    def name(self, index: int) -> str:
        """The ONNX name of an input, '' where it is left out."""
        return self.proto.input[index] if index < len(self.proto.input) else ""

    def has(self, index: int) -> bool:
        return bool(self.name(index))

    def input(self, index: int) -> Value:
        """The value of an input that must be there."""
        name = self.name(index)
        if not name:
            raise self.fail(f"input {index} is missing", "give the node all inputs that its operator requires")
        if name not in self.values:
            self.values[name] = self._constant(name)
        return self.values[name]

    def _constant(self, name: str) -> Value:
        array = self.graph.constant_value(name)
        if array is None:
            raise self.fail(f"input '{name}' is not defined by any node, input or constant of the graph")
        return self.builder.constant(array, element_type(self.graph.types[name], self.where), name)

    def constant(self, index: int) -> np.ndarray | None:
        """The array of an input that is a constant, else None."""
        return self.graph.constant_value(self.name(index)) if self.has(index) else None

    def shape(self, index: int) -> tuple[int, ...]:
        return self.graph.shapes[self.name(index)]

    def element(self, index: int) -> ElementType:
        return element_type(self.graph.types[self.name(index)], self.where)

    def output_element(self, index: int = 0) -> ElementType:
        return element_type(self.graph.types[self.proto.output[index]], self.where)

    def output_shape(self, index: int = 0) -> tuple[int, ...]:
        return self.graph.shapes[self.proto.output[index]]

    def attribute(self, name: str, default: Any) -> Any:
        return attribute(self.proto, name, default)

    def check_element(self, index: int, what: str, expected: ElementType) -> None:
        """Refuses an input whose element type is not the expected one."""
        found = self.element(index)
        if found != expected:
            raise self.fail(f"{what} is {found.onnx.lower()}, expected {expected.onnx.lower()}")

    def finish(self, *results: Value) -> None:
        """Binds the node's outputs. Outputs that the graph leaves out are skipped."""
        for name, value in zip(self.proto.output, results, strict=False):
            if not name:
                continue
            if name in self.graph.shapes and tuple(self.graph.shapes[name]) != value.shape:
                raise self.fail(
                    f"output '{name}' has shape {list(value.shape)}, but the graph says {list(self.graph.shapes[name])}"
                )
            self.values[name] = value


def single_axis(axis: int, rank: int, node: Node) -> int:
    """An axis counted from the front. Raises ImportFailure where the tensor has no such axis."""
    if not -rank <= axis < rank:
        raise node.fail(
            f"axis {axis} is outside of a tensor of rank {rank}", f"expected an axis from {-rank} to {rank - 1}"
        )
    return axis % rank


def is_zero(array: np.ndarray | None) -> bool:
    """Whether a constant is known and all zero."""
    return array is not None and not np.any(array.astype(np.float32) != 0)


def identity_map(shape: Sequence[int]) -> str:
    """The results of an indexing map that reads every element once."""
    return ", ".join(f"d{axis}" for axis in range(len(shape)))
