"""A small model, and a space to search it in."""

from __future__ import annotations

import itertools
from pathlib import Path

import lowbit
import numpy as np
from lowbit.cli import main

SIZES = (32, 64, 48, 32)
ROWS = 4
ACTIVATION = {"format": "int<8>", "per": "token", "mode": "dynamic"}
SPACE = {
    "kind": "lowbit precision space",
    "version": 1,
    "kinds": ["linear"],
    "algorithms": [],
    "schemes": [
        *(
            {
                "name": f"w{width}",
                "weight": {"format": f"int<{width}>", "per": "channel", "group": 16, "scale": "f16"},
                "activation": ACTIVATION,
            }
            for width in (8, 5, 4, 3, 2)
        ),
        {"name": "f16", "float": "f16"},
    ],
    "rules": [],
}


def network() -> str:
    """Three linears with ReLU between; the second reads channels of very different size."""
    random = np.random.default_rng(0)
    lines, value = (
        [
            f'func.func @main(%v0: tensor<{ROWS}x{SIZES[0]}xf32> {{lowbit.name = "x"}}) -> (tensor<{ROWS}x{SIZES[-1]}xf32> {{lowbit.name = "y"}}) {{'
        ],
        "%v0",
    )
    lines.append("  %zero = arith.constant 0.0 : f32")
    for i, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        weight = random.standard_normal((inputs, outputs)) * np.exp(random.standard_normal(outputs)) / np.sqrt(inputs)
        result = f"tensor<{ROWS}x{outputs}xf32>"
        lines += [
            f'  %w{i} = arith.constant dense<"0x{weight.astype(np.float32).tobytes().hex()}"> : tensor<{inputs}x{outputs}xf32>',
            f"  %e{i} = tensor.empty() : {result}",
            f"  %i{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            f'  %m{i} = linalg.matmul ins({value}, %w{i} : tensor<{ROWS}x{inputs}xf32>, tensor<{inputs}x{outputs}xf32>) outs(%i{i} : {result}) -> {result} loc("fc{i}")',
            f"  %z{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            f"  %v{i + 1} = linalg.max ins(%m{i}, %z{i} : {result}, {result}) outs(%e{i} : {result}) -> {result}",
        ]
        value = f"%v{i + 1}" if i + 2 < len(SIZES) else f"%m{i}"
    return "\n".join([*lines, f"  return {value} : tensor<{ROWS}x{SIZES[-1]}xf32>", "}\n"])


def command(files: dict[str, Path], output: Path, *more: str) -> int:
    """Runs `lowbit search`; returns the exit code."""
    return main(["search", str(files["model"]), "--calib", str(files["calib"]), "--space", str(files["space"]), "-o", str(output), *more])


def one_linear(folder: Path, weight: np.ndarray, rows: int) -> lowbit.Module:
    """`weight` `[K, N]` meets an input `x` of `rows` rows at the site `fc`."""
    depth, columns = weight.shape
    left, right, result = f"tensor<{rows}x{depth}xf32>", f"tensor<{depth}x{columns}xf32>", f"tensor<{rows}x{columns}xf32>"
    (folder / "linear.mlir").write_text(f"""
func.func @main(%x: {left} {{lowbit.name = "x"}}) -> ({result} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<{weight.tolist()}> : {right}
  %empty = tensor.empty() : {result}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {result}) -> {result}
  %y = linalg.matmul ins(%x, %w : {left}, {right}) outs(%init : {result}) -> {result} loc("fc")
  return %y : {result}
}}
""")
    return lowbit.load(folder / "linear.mlir")
