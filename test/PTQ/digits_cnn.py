"""A small convolutional net for scikit-learn's digits, trained by numpy alone: conv 3x3x8, ReLU, conv 3x3x16 with stride 2, ReLU, linear 10."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import lowbit
import numpy as np
from digits import Adam, constant, load_split, softmax, tensor

SIDE, FILTERS, CLASSES = 8, (8, 16), 10
Parameters = tuple[np.ndarray, ...]  # kernel [3, 3, C, F] and bias [F] of two convolutions, weight [256, 10] and bias [10]


def im2col(x: np.ndarray, kernel: tuple[int, int], stride: int = 1, dilation: int = 1, pad: int = 1) -> np.ndarray:
    """Windows of images [n, h, w, c], zeros around them: [n, rows, columns, kernel height, kernel width, c]."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    reach = [(size - 1) * dilation + 1 for size in kernel]
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(1, 2))
    return windows[:, ::stride, ::stride, :, ::dilation, ::dilation].transpose(0, 1, 2, 4, 5, 3)


def spread(gradient: np.ndarray, shape: tuple[int, ...], stride: int) -> np.ndarray:
    """The transpose of `im2col` of 3x3 windows: gradients of windows, summed where they overlap."""
    wide = np.zeros((shape[0], shape[1] + 2, shape[2] + 2, shape[3]), gradient.dtype)
    rows, columns = gradient.shape[1:3]
    for i in range(3):
        for j in range(3):
            wide[:, i : i + rows * stride : stride, j : j + columns * stride : stride] += gradient[:, :, :, i, j]
    return wide[:, 1:-1, 1:-1]


def forward(parameters: Parameters, x: np.ndarray) -> list[np.ndarray]:
    """Windows, and what each layer gives, for images [n, 8, 8, 1]."""
    k0, b0, k1, b1, w, b = parameters
    first = im2col(x, (3, 3))
    a = np.maximum(np.tensordot(first, k0, 3) + b0, 0)
    second = im2col(a, (3, 3), stride=2)
    c = np.maximum(np.tensordot(second, k1, 3) + b1, 0)
    return [first, a, second, c, c.reshape(len(c), -1) @ w + b]


def initialize(random: np.random.Generator, filters: tuple[int, int] = FILTERS) -> Parameters:
    """Random weights (He et al., 2015) of a net with so many filters; biases are zero."""
    parameters: list[np.ndarray] = []
    for shape in [(3, 3, 1, filters[0]), (3, 3, *filters), (16 * filters[1], CLASSES)]:
        parameters.append((random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32))
        parameters.append(np.zeros(shape[-1], np.float32))
    return tuple(parameters)


@cache
def train(seed: int = 0, epochs: int = 15, batch: int = 64) -> Parameters:
    """By cross entropy on the training rows; the same for the same seed. A few seconds."""
    x, _, y, _ = load_split()
    random = np.random.default_rng(seed)
    parameters = initialize(random)
    adam = Adam(parameters, 3e-3, epochs * (len(x) // batch))
    for _ in range(epochs):
        for rows in random.permutation(len(x))[: len(x) // batch * batch].reshape(-1, batch):
            images = x[rows].reshape(-1, SIDE, SIDE, 1)
            first, a, second, c, scores = forward(tuple(parameters), images)
            gradient = softmax(scores)
            gradient[np.arange(batch), y[rows]] -= 1
            gradient /= batch
            by_c = (gradient @ parameters[4].T).reshape(c.shape) * (c > 0)
            by_a = spread(np.tensordot(by_c, parameters[2], (3, 3)), a.shape, 2) * (a > 0)
            adam.step(
                [
                    np.tensordot(first, by_a, ((0, 1, 2), (0, 1, 2))),
                    by_a.sum((0, 1, 2)),
                    np.tensordot(second, by_c, ((0, 1, 2), (0, 1, 2))),
                    by_c.sum((0, 1, 2)),
                    c.reshape(batch, -1).T @ gradient,
                    gradient.sum(0),
                ]
            )
    return tuple(parameters)


def convolution(
    name: str, source: str, shape: tuple[int, ...], kernel: np.ndarray, stride: int, relu: bool = True
) -> tuple[list[str], tuple[int, ...]]:
    """Lines of MLIR that make `%NAME` of `%SOURCE`: zeros around it, a convolution of that site name, bias and `relu`; and its shape."""
    n, height, width, channels = shape
    out = (n, (height - 1) // stride + 1, (width - 1) // stride + 1, kernel.shape[-1])
    wide = tensor(n, height + 2, width + 2, channels)
    maps = "affine_map<(n, y, x, c) -> (n, y, x, c)>, affine_map<(n, y, x, c) -> (c)>, affine_map<(n, y, x, c) -> (n, y, x, c)>"
    return [
        f"  %{name}p = tensor.pad %{source} low[0, 1, 1, 0] high[0, 1, 1, 0] {{",
        "  ^bb0(%i0: index, %i1: index, %i2: index, %i3: index):",
        "    tensor.yield %zero : f32",
        f"  }} : {tensor(*shape)} to {wide}",
        f"  %{name}e = tensor.empty() : {tensor(*out)}",
        f"  %{name}z = linalg.fill ins(%zero : f32) outs(%{name}e : {tensor(*out)}) -> {tensor(*out)}",
        f"  %{name}r = linalg.conv_2d_nhwc_hwcf {{dilations = dense<1> : tensor<2xi64>, strides = dense<{stride}> : tensor<2xi64>}}",
        f'    ins(%{name}p, %{name}k : {wide}, {tensor(*kernel.shape)}) outs(%{name}z : {tensor(*out)}) -> {tensor(*out)} loc("{name}")',
        f"  %{name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = {str(['parallel'] * 4).replace(chr(39), chr(34))}}}",
        f"    ins(%{name}r, %{name}b : {tensor(*out)}, {tensor(out[-1])}) outs(%{name}e : {tensor(*out)}) {{",
        "  ^bb0(%product: f32, %bias: f32, %o: f32):",
        "    %sum = arith.addf %product, %bias : f32",
        "    %relu = arith.maximumf %sum, %zero : f32",
        f"    linalg.yield {'%relu' if relu else '%sum'} : f32",
        f"  }} -> {tensor(*out)}",
    ], out


def load(folder: Path, rows: int = 64, parameters: Parameters | None = None, relu: bool = True) -> lowbit.Module:
    """The net as a model of `rows` images [8, 8, 1] at a time; sites are conv0, conv1 and fc. parameters: by default those of `train`."""
    parameters = parameters or train()
    k0, _, k1, _, w, _ = parameters
    images, scores = (rows, SIDE, SIDE, 1), tensor(rows, CLASSES)
    lines = [f'func.func @main(%x: {tensor(*images)} {{lowbit.name = "x"}}) -> ({scores} {{lowbit.name = "y"}}) {{']
    lines.append("  %zero = arith.constant 0.0 : f32")
    lines += [constant(name, array) for name, array in zip(("conv0k", "conv0b", "conv1k", "conv1b", "w", "b"), parameters, strict=True)]
    first, shape = convolution("conv0", "x", images, k0, 1, relu)
    second, shape = convolution("conv1", "conv0", shape, k1, 2, relu)
    flat = tensor(rows, len(w))
    lines += [
        *first,
        *second,
        f"  %flat = tensor.collapse_shape %conv1 [[0], [1, 2, 3]] : {tensor(*shape)} into {flat}",
        f"  %e = tensor.empty() : {scores}",
        f"  %z = linalg.fill ins(%zero : f32) outs(%e : {scores}) -> {scores}",
        f'  %r = linalg.matmul ins(%flat, %w : {flat}, {tensor(*w.shape)}) outs(%z : {scores}) -> {scores} loc("fc")',
        "  %y = linalg.generic {indexing_maps = [affine_map<(r, n) -> (r, n)>, affine_map<(r, n) -> (n)>, affine_map<(r, n) -> (r, n)>],",
        f'    iterator_types = ["parallel", "parallel"]}} ins(%r, %b : {scores}, {tensor(CLASSES)}) outs(%e : {scores}) {{',
        "  ^bb0(%product: f32, %bias: f32, %o: f32):",
        "    %sum = arith.addf %product, %bias : f32",
        "    linalg.yield %sum : f32",
        f"  }} -> {scores}",
        f"  return %y : {scores}",
        "}",
    ]
    (folder / "cnn.mlir").write_text("\n".join(lines))
    return lowbit.load(folder / "cnn.mlir")


def images(x: np.ndarray) -> np.ndarray:
    """Rows of pixels [n, 64] as images [n, 8, 8, 1]."""
    return np.ascontiguousarray(x.reshape(-1, SIDE, SIDE, 1))
