"""One linear layer for twins of algorithms: what a recipe makes of its weight, read back through identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lowbit
import numpy as np

LEVELS = {
    "int<2>": np.arange(-2.0, 2),
    "int<3>": np.arange(-4.0, 4),
    "int<4>": np.arange(-8.0, 8),
    "uint<3>": np.arange(8.0),
    "ternary": np.array([-1.0, 0, 1]),
    "codebook<[-1.0, -0.5, 0.125, 0.75]>": np.array([-1.0, -0.5, 0.125, 0.75]),
}
Weight = dict[str, Any]


def load(folder: Path, weight: np.ndarray, rows: int) -> lowbit.Module:
    """`weight` `[K, N]` meets an input `x` of `rows` rows."""
    depth, columns = weight.shape
    (folder / "m.mlir").write_text(f"""
func.func @main(%x: tensor<{rows}x{depth}xf32> {{lowbit.name = "x"}}) -> (tensor<{rows}x{columns}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<{weight.tolist()}> : tensor<{depth}x{columns}xf32>
  %empty = tensor.empty() : tensor<{rows}x{columns}xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<{rows}x{columns}xf32>) -> tensor<{rows}x{columns}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{rows}x{depth}xf32>, tensor<{depth}x{columns}xf32>)
    outs(%zeros : tensor<{rows}x{columns}xf32>) -> tensor<{rows}x{columns}xf32> loc("fc")
  return %y : tensor<{rows}x{columns}xf32>
}}
""")
    return lowbit.load(folder / "m.mlir")


def quantize(folder: Path, weight: np.ndarray, scheme: Weight, algorithms: list[Any], x: np.ndarray | None = None) -> np.ndarray:
    """What the layer computes with in place of `weight`; `x` is what it is calibrated on, if it is."""
    depth = len(weight)
    module = load(folder, weight, depth)
    recipe = {"version": 1, "name": "twin", "algorithms": algorithms, "rules": [{"weight": scheme}]}
    stats = (
        module.calibrate([{"x": part} for part in x.reshape(-1, depth, depth)], recipe=recipe, progress=False) if x is not None else None
    )
    return module.quantize(recipe, stats=stats).compile(target="reference")(x=np.eye(depth, dtype=np.float32))["y"]


def weights_of(model: lowbit.Module, inputs: int) -> np.ndarray:
    """The weight [K, N] that a model with one linear layer of float activations computes with: its outputs for unit vectors."""
    rows = model.inputs[0].shape[0] or 1
    function = model.compile(target="reference")
    columns = []
    for start in range(0, inputs, rows):
        x = np.zeros((rows, inputs), np.float32)
        for row in range(min(rows, inputs - start)):
            x[row, start + row] = 1
        columns.append(function(x=x)["y"][: min(rows, inputs - start)].copy())
    return np.concatenate(columns)


def blocks(weight: np.ndarray, scheme: Weight) -> np.ndarray:
    """`[groups, inputs of a group, N]`."""
    return weight.reshape(-1, scheme.get("group", len(weight)), weight.shape[1])


def ranges(weight: np.ndarray, scheme: Weight) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points of the ranges, `[groups, 1, N]`."""
    levels, parts = LEVELS[scheme["format"]], blocks(weight.astype(np.float64), scheme)
    low, high = np.minimum(parts.min(1, keepdims=True), 0), np.maximum(parts.max(1, keepdims=True), 0)
    if "zero" not in scheme:
        return np.maximum(-low, high) / levels[-1], np.zeros_like(low)
    scales = (high - low) / (levels[-1] - levels[0])
    return scales, np.rint(levels[0] - low / scales)


def nearest(reals: np.ndarray, scheme: Weight) -> np.ndarray:
    """The level next to each real."""
    levels = LEVELS[scheme["format"]]
    return levels[np.abs(reals[..., None] - levels).argmin(-1)]
