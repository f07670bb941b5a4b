"""Rotations beside numpy: what a rotated model computes, what its matrices are, and what they are worth with few bits."""

import json
import re
import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
QUANT_OPT = ROOT / "build/bin/quant-opt"


def hadamard(size: int) -> np.ndarray:
    """Sylvester's, from its definition: the sign is the parity of the bits that row and column share."""
    index = np.arange(size)
    return np.array([[(-1.0) ** int(i & j).bit_count() for j in index] for i in index])


def linear(weight: np.ndarray, rows: int) -> str:
    """`y = x w`."""
    inputs, outputs = weight.shape
    return f"""
func.func @main(%x: tensor<{rows}x{inputs}xf32> {{lowbit.name = "x"}}) -> (tensor<{rows}x{outputs}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<{weight.astype(np.float32).tolist()}> : tensor<{inputs}x{outputs}xf32>
  %e = tensor.empty() : tensor<{rows}x{outputs}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<{rows}x{outputs}xf32>) -> tensor<{rows}x{outputs}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{rows}x{inputs}xf32>, tensor<{inputs}x{outputs}xf32>)
    outs(%init : tensor<{rows}x{outputs}xf32>) -> tensor<{rows}x{outputs}xf32> loc("fc")
  return %y : tensor<{rows}x{outputs}xf32>
}}
"""


def rotate(text: str, options: str = "") -> str:
    command = [QUANT_OPT, "-", "--lowbit-name-sites", f"--lowbit-ptq-rotate={options}", "--cse"]
    return subprocess.run(command, input=text, text=True, capture_output=True, check=True).stdout


def spread(rng: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """A weight in which one input of each output stands out, which rotation takes away."""
    weight = rng.normal(size=(inputs, outputs)).astype(np.float32) / 4
    weight[np.arange(outputs) % inputs, np.arange(outputs)] += 6
    return weight


@pytest.mark.parametrize(("size", "block"), [(8, 8), (8, 4), (8, 2), (6, 2), (8, 0), (6, 0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_matrix(size: int, block: int, seed: int) -> None:
    """The weight becomes `Q^T w`, so that an identity shows `Q^T`: blocks of a Hadamard matrix whose columns have signs."""
    text = rotate(linear(np.eye(size), 2), f"block={block} seed={seed}")
    rotated = np.array(json.loads(re.search(rf"dense<(\[.*\])> : tensor<{size}x{size}xf32>", text).group(1)))
    assert np.allclose(rotated @ rotated.T, np.eye(size), atol=1e-6)
    power = block or size & -size
    expected = np.kron(np.eye(size // power), hadamard(power) / np.sqrt(power))
    signs = np.sign((rotated * expected).sum(axis=0))
    assert np.allclose(rotated, expected * signs, atol=1e-6)


def test_signs_differ_by_seed() -> None:
    assert len({rotate(linear(np.eye(8), 2), f"seed={seed}") for seed in range(4)}) > 1
    assert rotate(linear(np.eye(8), 2)) == rotate(linear(np.eye(8), 2))


@pytest.mark.parametrize("target", ["reference", "x86-64-avx2", "host"])
@pytest.mark.parametrize(("inputs", "block"), [(2, 0), (6, 0), (96, 0), (96, 4), (384, 0), (64, 64), (80, 0)])
def test_product(tmp_path: Path, inputs: int, block: int, target: str) -> None:
    """`(x Q) (Q^T w)` is `x w`."""
    rng = np.random.default_rng(inputs)
    weight, x = spread(rng, inputs, 7), rng.normal(size=(5, inputs)).astype(np.float32)
    text = rotate(linear(weight, 5), f"block={block}")
    assert "activation_changes" in text
    (tmp_path / "m.mlir").write_text(text)
    found = lowbit.load(tmp_path / "m.mlir").compile(target=target)(x=x)["y"]
    magnitude = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(weight, axis=0)
    assert (np.abs(found - x.astype(np.float64) @ weight) <= 1e-5 * magnitude).all()


def heads(value: np.ndarray, bias: np.ndarray, weight: np.ndarray) -> str:
    """Two heads of four channels: the values' linear, attention weights, and the linear that reads both heads."""
    v, w = (array.astype(np.float32).tolist() for array in (value, weight))
    return f"""
func.func @main(%x: tensor<3x8xf32> {{lowbit.name = "x"}}, %p: tensor<2x3x3xf32> {{lowbit.name = "p"}})
    -> (tensor<3x2xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %v = arith.constant dense<{v}> : tensor<8x8xf32>
  %b = arith.constant dense<{bias.astype(np.float32).tolist()}> : tensor<8xf32>
  %w = arith.constant dense<{w}> : tensor<8x2xf32>
  %e = tensor.empty() : tensor<3x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x8xf32>) -> tensor<3x8xf32>
  %0 = linalg.matmul ins(%x, %v : tensor<3x8xf32>, tensor<8x8xf32>) outs(%init : tensor<3x8xf32>) -> tensor<3x8xf32> loc("value")
  %1 = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                        iterator_types = ["parallel", "parallel"]}}
    ins(%0, %b : tensor<3x8xf32>, tensor<8xf32>) outs(%e : tensor<3x8xf32>) {{
  ^bb0(%l: f32, %r: f32, %o: f32):
    %s = arith.addf %l, %r : f32
    linalg.yield %s : f32
  }} -> tensor<3x8xf32>
  %2 = tensor.expand_shape %1 [[0], [1, 2]] output_shape [3, 2, 4] : tensor<3x8xf32> into tensor<3x2x4xf32>
  %f = tensor.empty() : tensor<2x3x4xf32>
  %3 = linalg.transpose ins(%2 : tensor<3x2x4xf32>) outs(%f : tensor<2x3x4xf32>) permutation = [1, 0, 2]
  %init2 = linalg.fill ins(%zero : f32) outs(%f : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %4 = linalg.batch_matmul ins(%p, %3 : tensor<2x3x3xf32>, tensor<2x3x4xf32>) outs(%init2 : tensor<2x3x4xf32>)
    -> tensor<2x3x4xf32> loc("context")
  %g = tensor.empty() : tensor<3x2x4xf32>
  %5 = linalg.transpose ins(%4 : tensor<2x3x4xf32>) outs(%g : tensor<3x2x4xf32>) permutation = [1, 0, 2]
  %6 = tensor.collapse_shape %5 [[0], [1, 2]] : tensor<3x2x4xf32> into tensor<3x8xf32>
  %h = tensor.empty() : tensor<3x2xf32>
  %init3 = linalg.fill ins(%zero : f32) outs(%h : tensor<3x2xf32>) -> tensor<3x2xf32>
  %y = linalg.matmul ins(%6, %w : tensor<3x8xf32>, tensor<8x2xf32>) outs(%init3 : tensor<3x2xf32>) -> tensor<3x2xf32> loc("out")
  return %y : tensor<3x2xf32>
}}
"""


@pytest.mark.parametrize(("block", "fused"), [(4, True), (2, True), (8, False)])
def test_heads(tmp_path: Path, block: int, fused: bool) -> None:
    """A rotation within heads goes into the values' weight and bias, one over heads does not; either way the model is the same."""
    rng = np.random.default_rng(4)
    value, bias, weight = spread(rng, 8, 8), rng.normal(size=8), spread(rng, 8, 2)
    text = rotate(heads(value, bias, weight), f"sites=out block={block}")
    assert (f"block={block} seed=0 fused" in text) == fused
    assert ("tensor<3x1x2x4xf32>" in text) != fused
    (tmp_path / "m.mlir").write_text(text)
    x, p = rng.normal(size=(3, 8)).astype(np.float32), rng.uniform(size=(2, 3, 3)).astype(np.float32)
    found = lowbit.load(tmp_path / "m.mlir").compile(target="host")(x=x, p=p)["y"]
    values = (x @ value + bias).reshape(3, 2, 4)
    expected = np.einsum("hij,jhd->ihd", p, values).reshape(3, 8) @ weight
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


ACTIVATIONS = [
    {"format": "uint<4>", "zero": "i8", "mode": "static"},
    {"format": "int<4>", "mode": "static"},
    {"format": "int<4>", "mode": "dynamic"},
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=["u4", "s4", "dynamic"])
def test_four_bits(tmp_path: Path, activation: dict) -> None:
    """Channels with outliers leave nothing of the others in four bits; rotated they do. Targets agree."""
    rng = np.random.default_rng(7)
    weight, data = spread(rng, 128, 24), rng.normal(size=(8, 16, 128)).astype(np.float32)
    data[..., [5, 77]] *= 10
    (tmp_path / "m.mlir").write_text(linear(weight, 16))
    module, errors = lowbit.load(tmp_path / "m.mlir"), {}
    for algorithms in ([], ["rotate"]):
        recipe = {"version": 1, "name": "four", "algorithms": algorithms}
        recipe["rules"] = [{"weight": {"format": "int<8>", "per": "channel"}, "activation": activation}]
        stats = module.calibrate([{"x": x} for x in data], recipe=recipe)
        quantized = module.quantize(recipe, stats=stats)
        found, reference = (np.stack([f(x=x)["y"] for x in data]) for f in map(quantized.compile, ("host", "reference")))
        exact = data.astype(np.float64) @ weight
        errors[bool(algorithms)] = np.linalg.norm(found - exact, axis=1).mean()
        # Sums of floats in another order may take a code to its neighbour, seldom.
        same = np.isclose(found, reference, rtol=1e-5, atol=1e-5 * np.abs(reference).max()).all(axis=2)
        assert same.mean() > 0.9
    assert errors[True] < 0.5 * errors[False]
