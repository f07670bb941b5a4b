"""Small ONNX models for tests, written down as lists of nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Shape = Sequence[int | str]


def node(op: str, inputs: Sequence[str], output: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node of one output, named after it unless a name is given."""
    return helper.make_node(op, list(inputs), [output], name=name or output, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, np.ndarray] | None = None,
    opset: int = 20,
    types: Mapping[str, int] | None = None,
    domains: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of float values, but for those that types gives another ONNX element type."""
    kinds = types or {}

    def values(shapes: Mapping[str, Shape]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, kinds.get(name, 1), shape) for name, shape in shapes.items()]

    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(list(nodes), "test", values(inputs), values(outputs), tensors)
    imports = [helper.make_opsetid("", opset), *[helper.make_opsetid(domain, 1) for domain in domains]]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def run_python(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs this interpreter, with the modules that the tests themselves see."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)


def save(proto: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).standard_normal(shape).astype(np.float32)


def linear_model() -> onnx.ModelProto:
    """x [2, 5, 16] through one linear layer of 24 outputs."""
    nodes = [node("MatMul", ["x", "proj.weight"], "h", "proj"), node("Add", ["h", "proj.bias"], "y", "proj.bias")]
    return model(nodes, {"x": [2, 5, 16]}, {"y": [2, 5, 24]}, {"proj.weight": random(16, 24), "proj.bias": random(24)})


def externalize(proto: onnx.ModelProto, folder: Path, location: str) -> None:
    """Moves the first constant's bytes to a file; location is written into the model as it stands."""
    tensor = proto.graph.initializer[0]
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
