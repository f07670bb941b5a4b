"""A small net and data for tests of the training loop."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

RECIPE = {
    "version": 1,
    "name": "small",
    "algorithms": [],
    "rules": [{"weight": {"format": "int<3>"}, "activation": {"format": "uint<4>", "mode": "static", "observer": "minmax"}}],
}


def write_net(path: Path, sizes: tuple[int, ...] = (6, 12, 3), batch: int = 8, seed: int = 1) -> Path:
    """Linear layers with ReLU between them, as MLIR."""
    random = np.random.default_rng(seed)
    last = len(sizes) - 2
    element, column = "affine_map<(i, j) -> (i, j)>", "affine_map<(i, j) -> (j)>"
    lines = [
        f'func.func @main(%h0: tensor<{batch}x{sizes[0]}xf32> {{lowbit.name = "x"}}) -> (tensor<{batch}x{sizes[-1]}xf32> {{lowbit.name = "y"}}) {{',
        "%zero = arith.constant 0.0 : f32",
    ]
    for i, (a, b) in enumerate(pairwise(sizes)):
        weight, bias = random.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), random.normal(0, 0.01, b).astype(np.float32)
        kind = f"tensor<{batch}x{b}xf32>"
        relu = "%m = arith.maximumf %s, %zero : f32\nlinalg.yield %m : f32" if i < last else "linalg.yield %s : f32"
        lines += [
            f"%w{i} = arith.constant dense<{weight.tolist()}> : tensor<{a}x{b}xf32>",
            f"%b{i} = arith.constant dense<{bias.tolist()}> : tensor<{b}xf32>",
            f"%e{i} = tensor.empty() : {kind}",
            f"%z{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {kind}) -> {kind}",
            f"%m{i} = linalg.matmul ins(%h{i}, %w{i} : tensor<{batch}x{a}xf32>, tensor<{a}x{b}xf32>)",
            f'outs(%z{i} : {kind}) -> {kind} loc("fc{i}")',
            f"%h{i + 1} = linalg.generic {{indexing_maps = [{element}, {column}, {element}],",
            f'iterator_types = ["parallel", "parallel"]}} ins(%m{i}, %b{i} : {kind}, tensor<{b}xf32>) outs(%e{i} : {kind}) {{',
            f"^bb0(%x: f32, %c: f32, %o: f32):\n%s = arith.addf %x, %c : f32\n{relu}\n}} -> {kind}",
        ]
    lines += [f"return %h{last + 1} : tensor<{batch}x{sizes[-1]}xf32>", "}"]
    path.write_text("\n".join(lines))
    return path


def make_data(rows: int = 100, inputs: int = 6, classes: int = 3, seed: int = 2) -> dict[str, np.ndarray]:
    """Clusters, one a class."""
    random = np.random.default_rng(seed)
    centers = np.random.default_rng(9).normal(0, 1, (classes, inputs))
    labels = random.integers(0, classes, rows)
    return {"x": (centers[labels] + random.normal(0, 0.5, (rows, inputs))).astype(np.float32), "labels": labels.astype(np.int64)}
