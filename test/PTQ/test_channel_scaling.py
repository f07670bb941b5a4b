"""AWQ and SmoothQuant beside independent implementations in numpy: the same factors, codes and static scales."""

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
    scaled = model.transform(f"builtin.module(lowbit-normalize-linears,lowbit-name-sites,{passes})")
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
