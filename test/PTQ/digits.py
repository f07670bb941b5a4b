"""scikit-learn's handwritten digits, 8x8 pixels in ten classes, and small float nets for them, trained by numpy alone.

The split, the seeds and the training are fixed, so that accuracies are those of the quantization and nothing else. The test rows are
for judging only: whatever is chosen or calibrated sees the training rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import lowbit
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIZES = (64, 64, 32, 10)
Layers = list[tuple[np.ndarray, np.ndarray]]  # of each linear: weight [K, N], bias [N]


@cache
def load_split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels from 0 to 1, [1347, 64] for training and [450, 64] for tests, and their labels, in the same proportions."""
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(pixels, labels, test_size=0.25, random_state=0, stratify=labels)
    return train_x, test_x, train_y, test_y


def softmax(scores: np.ndarray) -> np.ndarray:
    """Of rows [n, classes]."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


class Adam:
    """Adam (Kingma and Ba, 2015, arXiv:1412.6980) on arrays that it changes in place; the rate falls to zero along a cosine."""

    def __init__(self, variables: Sequence[np.ndarray], rate: float, steps: int) -> None:
        self.variables, self.rate, self.steps, self.time = variables, rate, steps, 0
        self.means = [np.zeros_like(each) for each in variables]
        self.squares = [np.zeros_like(each) for each in variables]

    def step(self, gradients: Iterable[np.ndarray]) -> None:
        """One gradient for each variable."""
        self.time += 1
        rate = self.rate * 0.5 * (1 + np.cos(np.pi * self.time / self.steps))
        for variable, mean, square, gradient in zip(self.variables, self.means, self.squares, gradients, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            variable -= (rate * (mean / (1 - 0.9**self.time)) / (np.sqrt(square / (1 - 0.999**self.time)) + 1e-8)).astype(variable.dtype)


@cache
def train(seed: int, sizes: tuple[int, ...] = SIZES) -> Layers:
    """Linears with ReLU between, by cross entropy on the training rows; the same for the same seed. About a second."""
    x, _, y, _ = load_split()
    return train_on(x, y, seed, sizes)


def train_on(
    x: np.ndarray, y: np.ndarray, seed: int, sizes: tuple[int, ...] = SIZES, epochs: int = 60, rate: float = 3e-3, batch: int = 64
) -> Layers:
    """The same, on these rows."""
    random = np.random.default_rng(seed)
    weights = [(random.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32) for shape in itertools.pairwise(sizes)]
    biases = [np.zeros(size, np.float32) for size in sizes[1:]]
    batches = len(x) // batch
    adam = Adam([*weights, *biases], rate, epochs * batches)
    for _ in range(epochs):
        order = random.permutation(len(x))
        for rows in order[: batches * batch].reshape(batches, batch):
            inputs, scores = [], x[rows]
            for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
                inputs.append(scores if layer == 0 else np.maximum(scores, 0))
                scores = inputs[-1] @ weight + bias
            gradient = softmax(scores)
            gradient[np.arange(batch), y[rows]] -= 1
            gradient /= batch
            of_weights, of_biases = [], []
            for layer in reversed(range(len(weights))):
                of_weights.insert(0, inputs[layer].T @ gradient)
                of_biases.insert(0, gradient.sum(0))
                gradient = (gradient @ weights[layer].T) * (inputs[layer] > 0)
            adam.step([*of_weights, *of_biases])
    return list(zip(weights, biases, strict=True))


def constant(name: str, array: np.ndarray) -> str:
    """A line of MLIR: the f32 constant `%name`."""
    return f'  %{name} = arith.constant dense<"0x{array.astype("<f4").tobytes().hex()}"> : {tensor(*array.shape)}'


def tensor(*shape: int) -> str:
    """A type of f32."""
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


def text(layers: Layers, rows: int, relu: bool = True) -> str:
    """A module that takes `x` [rows, pixels] and gives `y` [rows, classes]; sites are fc0, fc1, ... Without `relu` nothing is between layers."""
    first, last = len(layers[0][0]), len(layers[-1][1])
    lines = [f'func.func @main(%v0: {tensor(rows, first)} {{lowbit.name = "x"}}) -> ({tensor(rows, last)} {{lowbit.name = "y"}}) {{']
    lines.append("  %zero = arith.constant 0.0 : f32")
    for i, (weight, bias) in enumerate(layers):
        inputs, outputs = weight.shape
        result = tensor(rows, outputs)
        lines += [
            constant(f"w{i}", weight),
            constant(f"b{i}", bias),
            f"  %e{i} = tensor.empty() : {result}",
            f"  %i{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            (
                f"  %m{i} = linalg.matmul ins(%v{i}, %w{i} : {tensor(rows, inputs)}, {tensor(inputs, outputs)}) outs(%i{i} : {result})"
                f' -> {result} loc("fc{i}")'
            ),
            (
                f"  %v{i + 1} = linalg.generic {{indexing_maps = [affine_map<(r, n) -> (r, n)>, affine_map<(r, n) -> (n)>,"
                ' affine_map<(r, n) -> (r, n)>], iterator_types = ["parallel", "parallel"]}'
                f" ins(%m{i}, %b{i} : {result}, {tensor(outputs)}) outs(%e{i} : {result}) {{"
            ),
            "  ^bb0(%product: f32, %bias: f32, %o: f32):",
            "    %sum = arith.addf %product, %bias : f32",
            "    %relu = arith.maximumf %sum, %zero : f32",
            f"    linalg.yield {'%relu' if relu and i + 1 < len(layers) else '%sum'} : f32",
            f"  }} -> {result}",
        ]
    return "\n".join([*lines, f"  return %v{len(layers)} : {tensor(rows, last)}", "}\n"])


def load(folder: Path, layers: Layers, rows: int = 1347, relu: bool = True) -> lowbit.Module:
    """The net as a model of `rows` rows at a time: by default, of all that are for training."""
    (folder / "digits.mlir").write_text(text(layers, rows, relu))
    return lowbit.load(folder / "digits.mlir")


def batches(x: np.ndarray, rows: int) -> list[dict[str, np.ndarray]]:
    """Samples of `rows` rows, the last one filled up with zeros: leave those out of calibration."""
    padded = np.concatenate([x, np.zeros((-len(x) % rows, *x.shape[1:]), x.dtype)])
    return [{"x": np.ascontiguousarray(part)} for part in padded.reshape(-1, rows, *x.shape[1:])]


def run(model: lowbit.Module, x: np.ndarray, target: str = "host") -> np.ndarray:
    """What the compiled model makes of rows, [n, classes]."""
    function = model.compile(target)
    return np.concatenate([function(**batch)["y"].copy() for batch in batches(x, model.inputs[0].shape[0] or len(x))])[: len(x)]


def accuracy(model: lowbit.Module) -> float:
    """Per cent of the test rows that the compiled model gets right."""
    _, x, _, y = load_split()
    return float((run(model, x).argmax(1) == y).mean() * 100)
