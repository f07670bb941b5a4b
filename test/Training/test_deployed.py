"""What was trained is what runs: the deployed model beside the forward pass of training, and both beside numpy on integers.

Between two contractions the deployed model multiplies sums of codes by scales, where training adds up products of scaled values. With scales
that are powers of two, and biases that are multiples of the products' steps, both are exact in f32, so that every bit must agree. With other
scales each sum of K products may be off by its rounding: (K + 4) 2^-24 times the sum of magnitudes. That bound holds for each layer; behind
a layer, a value that lies so near to the border between two codes may get the other one.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import digits
import lowbit
import numpy as np
import pytest
from lowbit import qat

ROWS, SIZES = 16, (24, 20, 12, 10)
FORMATS = [
    ("int<8>", "uint<8>"),
    ("int<8>", "int<8>"),
    ("int<4>", "uint<8>"),
    ("int<4>", "uint<4>"),
    ("int<3>", "uint<3>"),
    ("int<2>", "uint<2>"),
    ("int<2>", "int<4>"),
    ("ternary", "uint<8>"),
    ("ternary", "int<8>"),
    ("ternary", "ternary"),
    ("binary", "uint<8>"),
    ("binary", "int<8>"),
    ("binary", "binary"),
]


def encode(values: np.ndarray, text: str) -> np.ndarray:
    """Codes of values that are divided by their scale already."""
    if text == "binary":
        return np.where(values >= 0, 1, -1)
    kind, bits = re.match(r"([a-z]+)(?:<(\d)>)?", text).groups()  # type: ignore[union-attr]
    width = int(bits or 1)
    low, high = {"int": (-(2 ** (width - 1)), 2 ** (width - 1) - 1), "uint": (0, 2**width - 1), "ternary": (-1, 1)}[kind]
    return np.clip(np.rint(values), low, high).astype(np.int64)


def recipe(weight: str, activation: str) -> dict[str, Any]:
    """A scale for each output, one for each input; both clip where it pays."""
    rule = {"weight": {"format": weight, "per": "channel"}, "activation": {"format": activation, "mode": "static", "observer": "mse"}}
    return {"version": 1, "name": "t", "algorithms": ["scale-search"], "rules": [rule]}


def prepare(folder: Path, sizes: tuple[int, ...], weight: str, activation: str, x: np.ndarray) -> qat.Plan:
    random = np.random.default_rng(1)
    layers = [
        (random.standard_normal((k, n)).astype(np.float32), random.standard_normal(n).astype(np.float32))
        for k, n in itertools.pairwise(sizes)
    ]
    # ReLU would leave a sign nothing to do.
    model = digits.load(folder, layers, ROWS, relu=activation.startswith("uint"))
    document = recipe(weight, activation)
    return qat.prepare(model, document, model.calibrate([{"x": x}], recipe=document, progress=False))


def compute(parameters: dict[str, np.ndarray], x: np.ndarray, weight: str, activation: str) -> np.ndarray:
    """The net on integers, in f64 between layers, which the chosen scales make exact."""
    values = x.astype(np.float64)
    for layer in range(len(SIZES) - 1):
        w, b, ws, xs = (parameters[f"fc{layer}.{what}"] for what in ("weight", "bias", "weight_scale", "activation_scale"))
        sums = encode(values / xs, activation) @ encode(w / ws, weight)
        values = sums * xs.astype(np.float64) * ws + b
        if layer + 2 < len(SIZES) and activation.startswith("uint"):
            values = np.maximum(values, 0)
    return values


@pytest.mark.parametrize(("weight", "activation"), FORMATS)
def test_every_bit_where_scales_are_powers_of_two(tmp_path: Path, weight: str, activation: str) -> None:
    random = np.random.default_rng(2)
    x = random.standard_normal((ROWS, SIZES[0])).astype(np.float32)
    plan = prepare(tmp_path, SIZES, weight, activation, x)
    parameters = dict(plan.initial)
    for layer in range(len(SIZES) - 1):
        for what in ("weight_scale", "activation_scale"):
            name = f"fc{layer}.{what}"
            scales = parameters[name]
            parameters[name] = np.copysign(np.exp2(np.rint(np.log2(np.abs(scales)))), scales).astype(np.float32)
        step = parameters[f"fc{layer}.weight_scale"].reshape(-1) * parameters[f"fc{layer}.activation_scale"]
        bias = parameters[f"fc{layer}.bias"]
        parameters[f"fc{layer}.bias"] = (np.rint(bias / step) * step).astype(np.float32)
    expected = compute(parameters, x, weight, activation)
    assert len(np.unique(expected, axis=0)) > ROWS // 2  # no layer has lost what it reads
    deployed = plan.finish(parameters)
    assert str(deployed).count("lowbit.contract") == len(SIZES) - 1 and "linalg.matmul" not in str(deployed)
    np.testing.assert_array_equal(plan.forward.compile("reference")(**parameters, x=x)["y"], expected)
    for target in ("reference", "host"):
        np.testing.assert_array_equal(deployed.compile(target)(x=x)["y"], expected)


@pytest.mark.parametrize(("weight", "activation"), FORMATS)
def test_any_scales_within_rounding(tmp_path: Path, weight: str, activation: str) -> None:
    random = np.random.default_rng(3)
    sizes = (48, 10)
    x = random.standard_normal((ROWS, sizes[0])).astype(np.float32)
    plan = prepare(tmp_path, sizes, weight, activation, x)
    parameters = {
        name: (value * random.uniform(0.5, 1.0, value.shape)).astype(np.float32) if "scale" in name else value
        for name, value in plan.initial.items()
    }
    w, b, ws, xs = (parameters[f"fc0.{what}"] for what in ("weight", "bias", "weight_scale", "activation_scale"))
    terms = np.abs(encode(x / xs, activation)) @ np.abs(encode(w / ws, weight)) * (np.abs(ws) * xs) + np.abs(b)
    trained = plan.forward.compile("host")(**parameters, x=x)["y"].astype(np.float64)
    deployed = plan.finish(parameters).compile("host")(x=x)["y"].astype(np.float64)
    assert (np.abs(deployed - trained) <= (sizes[0] + 4) * 2.0**-24 * terms).all()


def test_binary_layers_count_bits(tmp_path: Path) -> None:
    """Signs by signs are exclusive or and population count; nothing is multiplied on the way to a sum."""
    x = np.random.default_rng(4).standard_normal((ROWS, SIZES[0])).astype(np.float32)
    for activation in ("binary", "int<8>"):
        plan = prepare(tmp_path, SIZES, "binary", activation, x)
        code = str(plan.finish(plan.initial).transform("lowbit-compile{target=x86-64-avx512vnni}"))
        assert ("ctpop" in code, "vpdpbusd" in code) == ((True, False) if activation == "binary" else (False, True))


def test_a_trained_net_gets_the_same_rows_right(tmp_path: Path) -> None:
    x, test_x, y, _ = digits.load_split()
    model = digits.load(tmp_path, digits.train(0), 64)
    trained = qat.fit(model, {"x": x, "labels": y.astype(np.int32)}, recipe("int<3>", "uint<3>"), epochs=5, progress=False)
    forward = trained.plan.forward.compile()
    batches = digits.batches(test_x, 64)
    values = np.concatenate([forward(**trained.parameters, **batch)["y"].copy() for batch in batches])[: len(test_x)]
    deployed = digits.run(trained.module, test_x)
    # A code that lies on a border may differ in a few rows; it changes no row by more than that one step does.
    same = np.isclose(values, deployed, rtol=1e-4, atol=1e-4).all(1)
    assert same.mean() > 0.99
    np.testing.assert_array_equal(values[same].argmax(1), deployed[same].argmax(1))
    assert isinstance(trained.module, lowbit.Module)
