"""An ONNX graph on its way in, with the arrays of its large constants beside it, and the limits it must keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.constants_file import ConstantsFile
from lowbit.frontends.errors import ImportFailure

if TYPE_CHECKING:
    import onnx

MAX_FILE_BYTES = 2**31 - 1
MAX_TENSOR_BYTES = 2**36
MAX_RANK = 32
# Constants up to this many elements stay in the graph, where operators may need their values (shapes, axes, scales).
INLINE_ELEMENTS = 64


@dataclass
class OnnxModel:
    """A checked model with static shapes.

    proto: the graph; constants of more than INLINE_ELEMENTS elements are declared as graph inputs after the real ones.
    weights: {name: array} of those constants. inputs, outputs: the names a caller sees, in order. constants: where
    weights go instead of into the text, if anywhere.
    """

    path: Path
    proto: onnx.ModelProto
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    constants: ConstantsFile | None = None

    def where(self, what: str) -> str:
        """A location for errors: the file's name and a part of it."""
        return f"{self.path.name}: {what}"


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
        raise ImportFailure(f"shapes cannot be inferred: {first_line(error)}", location=model.path.name) from error


def first_line(error: Exception) -> str:
    """The first line of an error's text, or its type where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
