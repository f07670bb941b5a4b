"""A small model with batch norm, as ONNX has it."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 6


def build(folder: Path, kind: str, bias: bool) -> tuple[lowbit.Module, onnx.ModelProto]:
    """A layer, batch norm and ReLU, and a linear layer behind them."""
    random = np.random.default_rng(3)
    constants: list[onnx.TensorProto] = []

    def constant(name: str, array: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    x = [8, 3, 6, 5] if kind != "Gemm" else [8, 7]
    shape = {"Conv": (CHANNELS, 3, 3, 3), "depthwise": (3, 1, 3, 3), "Gemm": (7, CHANNELS)}[kind]
    channels = shape[1] if kind == "Gemm" else shape[0]
    given = ["x", constant("w", random.normal(size=shape)), *([constant("b", random.normal(size=channels))] if bias else [])]
    options = {"group": 3} if kind == "depthwise" else {}
    norm = [
        constant("gamma", random.normal(size=channels)),
        constant("beta", random.normal(size=channels)),
        constant("mean", random.normal(size=channels)),
        constant("variance", random.uniform(0.3, 3, size=channels)),
    ]
    flat = channels * (12 if kind != "Gemm" else 1)
    nodes = [
        helper.make_node("Gemm" if kind == "Gemm" else "Conv", given, ["r"], "layer", **options),
        helper.make_node("BatchNormalization", ["r", *norm], ["n"], "norm", epsilon=1e-3),
        helper.make_node("Relu", ["n"], ["a"], "relu"),
        helper.make_node("Flatten", ["a"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", constant("v", random.normal(size=(flat, 4))), constant("c", random.normal(size=4))], ["y"], "last"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in (("x", x), ("y", [8, 4]))]
    model = helper.make_model(helper.make_graph(nodes, "m", ports[:1], ports[1:], constants), opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "m.onnx")
    return lowbit.load(folder / "m.onnx"), model
