"""AWQ, SmoothQuant and equalization beside independent implementations in numpy: the same factors, codes and static scales."""

import itertools
import json
import re
from pathlib import Path

import lowbit
import numpy as np
import pytest

RUNS, ROWS, INPUTS, OUTPUTS = 32, 64, 8, 6


def make_model(folder: Path, weight: np.ndarray) -> lowbit.Module:
    values = ", ".join("[" + ", ".join(f"{value:.9e}" for value in row) + "]" for row in weight)
    text = f"""
func.func @main(%x: tensor<{ROWS}x{INPUTS}xf32> {{lowbit.name = "x"}}) -> (tensor<{ROWS}x{OUTPUTS}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[{values}]> : tensor<{INPUTS}x{OUTPUTS}xf32>
  %e = tensor.empty() : tensor<{ROWS}x{OUTPUTS}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<{ROWS}x{OUTPUTS}xf32>) -> tensor<{ROWS}x{OUTPUTS}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{ROWS}x{INPUTS}xf32>, tensor<{INPUTS}x{OUTPUTS}xf32>)
    outs(%init : tensor<{ROWS}x{OUTPUTS}xf32>) -> tensor<{ROWS}x{OUTPUTS}xf32> loc("fc")
  return %y : tensor<{ROWS}x{OUTPUTS}xf32>
}}"""
    path = folder / "model.mlir"
    path.write_text(text)
    return lowbit.load(str(path))


def make_data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose channels differ in size, and a weight."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(RUNS * ROWS, INPUTS)) @ rng.normal(size=(INPUTS, INPUTS))
    x = (mixed * np.exp(1.5 * rng.normal(size=INPUTS))).astype(np.float32)
    return x, rng.normal(size=(INPUTS, OUTPUTS)).astype(np.float32)


def run_algorithm(folder: Path, x: np.ndarray, weight: np.ndarray, rule: dict, name: str, **options: str) -> str:
    """The model after the algorithm, with its codes."""
    model = make_model(folder, weight)
    recipe = {"version": 1, "name": "t", "algorithms": [{"use": name, **options}], "rules": [rule]}
    path = str(folder / "statistics.json")
    model.calibrate([{"x": part} for part in np.split(x, RUNS)], recipe=recipe, progress=False).save(path)
    given = " ".join([f"stats={path}", *(f"{key}={value}" for key, value in options.items())])
    passes = (
        f"lowbit-assign-schemes{{recipe={json.dumps(recipe)} stats={path}}},lowbit-insert-qdq,lowbit-ptq-{name}{{{given}}},canonicalize"
    )
    scaled = model.transform(f"builtin.module(lowbit-normalize-linears,lowbit-fold-batch-norm,lowbit-name-sites,{passes})")
    text = ""
    for model in (scaled, scaled.transform("builtin.module(lowbit-fold-weights)")):
        model.save(folder / "scaled.mlir", text=True)
        text += (folder / "scaled.mlir").read_text()
    return text


def read_factors(text: str) -> np.ndarray:
    (found,) = set(re.findall(r"lowbit\.smoothing = array<f32: ([^>]*)>", text))
    return np.array([float(value) for value in found.split(",")], dtype=np.float32)


def read_codes(text: str, bits: int) -> np.ndarray:
    (found,) = re.findall(rf"dense<(\[\[.*\]\])> : tensor<{INPUTS}x{OUTPUTS}xi{bits}>", text)
    return np.array(json.loads(found))


def quantize(weight: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes with a symmetric scale for each output."""
    scale = np.abs(weight).max(axis=0, keepdims=True).astype(np.float32) / np.float32(largest)
    return np.clip(np.rint(weight / scale), -largest - 1, largest), scale


def find_awq(x: np.ndarray, weight: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray]:
    magnitude = np.sqrt((x.astype(np.float64) ** 2).mean(axis=0))
    magnitude = np.maximum(magnitude, 0.01 * magnitude.mean())
    best = None
    for step in range(21):
        s = magnitude ** (step / 20)
        s = s / np.sqrt(s.max() * s.min())
        factors = (1 / s).astype(np.float32)
        codes, scale = quantize(weight / factors[:, None], largest)
        error = np.square(x.astype(np.float64) @ (weight - codes * scale * factors[:, None].astype(np.float64))).mean(axis=0).sum()
        if best is None or error < best[0]:
            best = (error, factors, codes)
    return best[1], best[2]


@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("seed", range(1, 5))
def test_awq(tmp_path: Path, seed: int, bits: int) -> None:
    x, weight = make_data(seed)
    text = run_algorithm(tmp_path, x, weight, {"weight": {"format": f"int<{bits}>", "per": "channel"}}, "awq")
    factors, codes = find_awq(x, weight, 2 ** (bits - 1) - 1)
    assert not np.allclose(factors, 1)  # the case is one with something to gain
    np.testing.assert_allclose(read_factors(text), factors, rtol=1e-6)
    np.testing.assert_array_equal(read_codes(text, bits), codes)


@pytest.mark.parametrize("strength", [0.5, 0.8])
@pytest.mark.parametrize("seed", range(4))
def test_smooth_quant(tmp_path: Path, seed: int, strength: float) -> None:
    x, weight = make_data(seed)
    rule = {"weight": {"format": "int<8>", "per": "channel"}, "activation": {"format": "int<8>", "per": "tensor", "mode": "static"}}
    text = run_algorithm(tmp_path, x, weight, rule, "smooth-quant", strength=str(strength))
    s = np.abs(x).max(axis=0).astype(np.float64) ** strength / np.abs(weight).max(axis=1).astype(np.float64) ** (1 - strength)
    factors = (np.exp(np.log(s).mean()) / s).astype(np.float32)
    codes, _ = quantize(weight / factors[:, None], 127)
    np.testing.assert_allclose(read_factors(text), factors, rtol=1e-6)
    np.testing.assert_array_equal(read_codes(text, 8), codes)
    scales = [float(value) for value in re.findall(r"dense<([-+.e\d]+)> : tensor<f32>", text)]
    np.testing.assert_allclose(scales[0], np.abs(x * factors).max() / 127, rtol=1e-6)


def make_chain(folder: Path, weights: list[np.ndarray], biases: list[np.ndarray]) -> lowbit.Module:
    """Linears with bias and ReLU behind all but the last."""

    def constant(values: np.ndarray) -> str:
        return f"arith.constant dense<{json.dumps(values.astype(np.float64).tolist())}> : tensor<{'x'.join(map(str, values.shape))}xf32>"

    body, value = [], "%x"
    for i, (weight, bias) in enumerate(zip(weights, biases)):
        ins, outs = weight.shape
        result = f"tensor<{ROWS}x{outs}xf32>"
        maps = "[affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>]"
        body += [
            f"%w{i} = {constant(weight)}",
            f"%b{i} = {constant(bias)}",
            f"%e{i} = tensor.empty() : {result}",
            f"%f{i} = linalg.fill ins(%zero : f32) outs(%e{i} : {result}) -> {result}",
            f"%m{i} = linalg.matmul ins({value}, %w{i} : tensor<{ROWS}x{ins}xf32>, tensor<{ins}x{outs}xf32>)",
            f'outs(%f{i} : {result}) -> {result} loc("fc{i}")',
            f'%y{i} = linalg.generic {{indexing_maps = {maps}, iterator_types = ["parallel", "parallel"]}}',
            f"ins(%m{i}, %b{i} : {result}, tensor<{outs}xf32>) outs(%e{i} : {result}) {{",
            "^bb0(%a: f32, %b: f32, %o: f32):",
            "%sum = arith.addf %a, %b : f32",
            f"%relu = arith.maximumf %sum, {'%lowest' if i + 1 == len(weights) else '%zero'} : f32",
            f"linalg.yield %relu : f32 }} -> {result}",
        ]
        value = f"%y{i}"
    text = "\n".join(body)
    path = folder / "chain.mlir"
    path.write_text(f"""
func.func @main(%x: tensor<{ROWS}x{weights[0].shape[0]}xf32> {{lowbit.name = "x"}}) -> ({result} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -1.0e30 : f32
  {text}
  return {value} : {result}
}}""")
    return lowbit.load(str(path))


def equalize(weights: list[np.ndarray], biases: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    weights, biases = [weight.astype(np.float64) for weight in weights], [bias.astype(np.float64) for bias in biases]
    for _ in range(20):
        for i in range(len(weights) - 1):
            s = np.sqrt(np.abs(weights[i]).max(axis=0) / np.abs(weights[i + 1]).max(axis=1))
            weights[i], biases[i], weights[i + 1] = weights[i] / s, biases[i] / s, weights[i + 1] * s[:, None]
    return weights, biases


@pytest.mark.parametrize("seed", range(4))
def test_equalize(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [5, 6, 7, 3]
    weights = [
        (rng.normal(size=(ins, outs)) * np.exp(1.5 * rng.normal(size=outs))).astype(np.float32) for ins, outs in itertools.pairwise(sizes)
    ]
    biases = [rng.normal(size=outs).astype(np.float32) for outs in sizes[1:]]
    recipe = {"version": 1, "name": "t", "algorithms": ["equalize"], "rules": [{"weight": {"format": "int<8>", "per": "tensor"}}]}
    model = make_chain(tmp_path, weights, biases).quantize(recipe)
    model.save(tmp_path / "quantized.mlir", text=True)
    text = (tmp_path / "quantized.mlir").read_text()
    x = rng.normal(size=(ROWS, sizes[0])).astype(np.float32)
    expected = x.astype(np.float64)
    for weight, bias in zip(*equalize(weights, biases)):
        scale = np.abs(weight).max() / 127
        codes = np.rint(weight / scale)
        (found,) = re.findall(rf"dense<(\[\[.*\]\])> : tensor<{weight.shape[0]}x{weight.shape[1]}xi8>", text)
        # Ranges have settled to a thousandth, so that a code at a tie may fall to the other side.
        assert np.abs(np.array(json.loads(found)) - codes).max() <= 1
        assert (np.array(json.loads(found)) == codes).mean() > 0.9
        expected = expected @ (codes * scale) + bias
        expected = np.maximum(expected, 0) if weight.shape[1] != sizes[-1] else expected
    y = model.compile(target="reference")(x=x)["y"]
    assert np.abs(y - expected).max() < 0.02 * np.abs(expected).max()
