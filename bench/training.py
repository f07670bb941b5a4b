"""Models to take a step of training with: one ONNX file a model, and a batch to train on."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Parameters stay where they are: each step does what the first did. Gradients that vanish would be denormal numbers in the end, which are slow.
RATE = 0.0


@dataclass(frozen=True)
class TrainingCase:
    """A model, whose parameters `build` names, and the bits of weights and activations (0: floats are trained)."""

    name: str
    shape: tuple[int, ...]
    """Of the input."""
    result: tuple[int, ...]
    weight_bits: int
    activation_bits: int
    build: Callable[[TrainingCase], Any]
    operations: float
    """Of the products, forward and backward; a product and its addition are two."""
    has_classes: bool = True
    """Whether the loss is cross entropy, or squared error."""

    @property
    def types(self) -> str:
        """Such as `W4A8`."""
        return f"W{self.weight_bits}A{self.activation_bits}" if self.weight_bits else "f32"

    @property
    def loss(self) -> str:
        """As `lowbit.qat.fit` is told it."""
        return "cross_entropy" if self.has_classes else "squared_error"

    @property
    def recipe(self) -> dict[str, Any] | None:
        """A scale for each output of a layer, one for its input. Products of two activations have one for each."""
        if not self.weight_bits:
            return None
        activation = {"format": f"int<{self.activation_bits}>", "mode": "static", "observer": "mse"}
        weight = {"format": f"int<{self.weight_bits}>", "per": "channel"}
        return {"version": 1, "name": self.types, "rules": [{"weight": weight, "activation": activation}]}

    @functools.cached_property
    def model(self) -> Any:
        """The ONNX model."""
        return self.build(self)

    def save(self, folder: Path) -> Path:
        """The ONNX file, written anew."""
        path = folder / f"train-{self.name.replace(' ', '-')}.onnx"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.model.SerializeToString())
        return path

    @functools.cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """Float constants of the model, by name."""
        from onnx import numpy_helper

        arrays = {each.name: numpy_helper.to_array(each) for each in self.model.graph.initializer}
        return {name: array for name, array in arrays.items() if array.dtype == np.float32 and array.ndim}

    @functools.cached_property
    def x(self) -> np.ndarray:
        """What goes in."""
        return np.random.default_rng(1).standard_normal(self.shape).astype(np.float32)

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """What should come out: classes, or values."""
        rng = np.random.default_rng(2)
        if self.has_classes:
            return rng.integers(0, self.result[-1], self.result[:-1]).astype(np.int32)
        return rng.standard_normal(self.result).astype(np.float32)


class Graph:
    """Collects nodes and constants of an ONNX model."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.rng = np.random.default_rng(seed)

    def constant(self, name: str, value: np.ndarray) -> str:
        """A named array."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str, shape: tuple[int, ...], fan_in: int) -> str:
        """Normal, with the variance that ReLU keeps."""
        return self.constant(name, (self.rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32))

    def bias(self, name: str, size: int) -> str:
        """Small, but not zero: an importer may fold away what adds nothing."""
        return self.constant(f"{name}.bias", (1e-3 * self.rng.standard_normal(size)).astype(np.float32))

    def node(self, op: str, name: str, *inputs: str, **attributes: Any) -> str:
        """The name of its result."""
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [f"{name}:0"], name=name, **attributes))
        return f"{name}:0"

    def linear(self, name: str, value: str, inputs: int, outputs: int) -> str:
        """A product and a bias."""
        product = self.node("MatMul", name, value, self.weight(f"{name}.weight", (inputs, outputs), inputs))
        return self.node("Add", f"{name}.bias_add", product, self.bias(name, outputs))

    def convolution(self, name: str, value: str, inputs: int, outputs: int) -> str:
        """3x3, padded to keep its size, then ReLU."""
        weight = self.weight(f"{name}.weight", (outputs, inputs, 3, 3), 9 * inputs)
        return self.node(
            "Relu", f"{name}.relu", self.node("Conv", name, value, weight, self.bias(name, outputs), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        )

    def finish(self, case: TrainingCase, last: str) -> Any:
        """The model, whose result is `last`."""
        from onnx import TensorProto, helper

        last = self.node("Identity", "result", last)
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", case.shape), (last, case.result))]
        graph = helper.make_graph(self.nodes, "train", ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def mlp(sizes: tuple[int, ...], batch: int, weight_bits: int, activation_bits: int) -> TrainingCase:
    """Linear layers with ReLU between them."""

    def build(case: TrainingCase) -> Any:
        graph, value = Graph(), "x"
        for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            value = graph.linear(f"fc{i}", value, inputs, outputs)
            if i + 2 < len(sizes):
                value = graph.node("Relu", f"fc{i}.relu", value)
        return graph.finish(case, value)

    products = sum(inputs * outputs * (2 if i == 0 else 3) for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)))
    name = "MLP " + "-".join(map(str, sizes))
    return TrainingCase(name, (batch, sizes[0]), (batch, sizes[-1]), weight_bits, activation_bits, build, 2.0 * batch * products)


def cnn(batch: int, weight_bits: int, activation_bits: int) -> TrainingCase:
    """For images of 8x8 such as scikit-learn's digits: two convolutions, the larger of each 2x2, one linear layer."""

    def build(case: TrainingCase) -> Any:
        graph = Graph()
        value = graph.convolution("conv1", graph.convolution("conv0", "x", 1, 16), 16, 32)
        value = graph.node("MaxPool", "pool", value, kernel_shape=[2, 2], strides=[2, 2])
        value = graph.node("Flatten", "flatten", value)
        return graph.finish(case, graph.linear("fc", value, 512, 10))

    products = 64 * 9 * 16 * 2 + 64 * 9 * 16 * 32 * 3 + 512 * 10 * 3
    return TrainingCase("CNN 8x8", (batch, 1, 8, 8), (batch, 10), weight_bits, activation_bits, build, 2.0 * batch * products)


def block(batch: int, seq: int, weight_bits: int, activation_bits: int) -> TrainingCase:
    """The first transformer block of MiniLM: attention of 12 heads, GELU, two norms."""

    def build(case: TrainingCase) -> Any:
        from lowbit.models import minilm
        from lowbit.models.safetensors import read_safetensors

        folder = minilm.model_folder()
        shape = minilm.EncoderShape.read(folder / "config.json")
        encoder = minilm._Encoder(read_safetensors(folder / "model.safetensors"), shape, batch, seq)
        encoder.graph.constant("no_mask", np.zeros((1, 1, 1, 1), np.float32))
        last = encoder.layer("encoder.layer.0", "x", "no_mask")
        graph = Graph()
        graph.nodes, graph.constants = encoder.graph.nodes, list(encoder.graph.constants.values())
        return graph.finish(case, last)

    tokens, hidden, inner = batch * seq, 384, 1536
    products = 3 * tokens * (4 * hidden * hidden + 2 * hidden * inner + 2 * seq * hidden)
    ends = (tokens, hidden)
    return TrainingCase(f"block {batch}x{seq}", ends, ends, weight_bits, activation_bits, build, 2.0 * products, has_classes=False)


def cases() -> list[TrainingCase]:
    """Float and quantized."""
    return [
        make(*bits)
        for make, quantized in (
            (functools.partial(mlp, (64, 64, 32, 10), 64), (2, 2)),
            (functools.partial(mlp, (384, 1536, 384, 384), 64), (4, 8)),
            (functools.partial(cnn, 64), (4, 8)),
            (functools.partial(block, 16, 64), (4, 8)),
        )
        for bits in ((0, 0), quantized)
    ]
