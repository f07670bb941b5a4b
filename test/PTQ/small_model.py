"""Linear layers as MLIR for tests of algorithms."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import lowbit


def linear(folder: Path, weight: np.ndarray, rows: int) -> lowbit.Module:
    """One linear layer `fc`, `x` [rows, K] by `weight` [K, N], f32."""
    inputs, outputs = weight.shape
    values = ", ".join("[" + ", ".join(f"{value:.9e}" for value in row) + "]" for row in weight)
    x, w, y = f"tensor<{rows}x{inputs}xf32>", f"tensor<{inputs}x{outputs}xf32>", f"tensor<{rows}x{outputs}xf32>"
    text = f"""
func.func @main(%x: {x} {{lowbit.name = "x"}}) -> ({y} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[{values}]> : {w}
  %e = tensor.empty() : {y}
  %init = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %r = linalg.matmul ins(%x, %w : {x}, {w}) outs(%init : {y}) -> {y} loc("fc")
  return %r : {y}
}}
"""
    path = folder / "linear.mlir"
    path.write_text(text)
    return lowbit.load(path)


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
