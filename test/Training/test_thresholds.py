"""Codes of few values by integer comparisons: the same for every sum, and nothing else between binary layers."""

from __future__ import annotations

import re
from pathlib import Path

import digits
import digits_cnn
import lowbit
import numpy as np
import pytest
import qat_digits

DEPTH, CHANNELS = 150, 64
ROWS = 2 * DEPTH + 1
FOLD = "lowbit-fuse-quantize,lowbit-fold-thresholds"


def build(
    folder: Path, code: str, lines: list[str], operands: dict[str, np.ndarray], weight_scale: np.ndarray, scale: float
) -> lowbit.Module:
    """Ternary codes times weights that are all one, so that row r of `x` has the sum r - DEPTH, then `lines` from %sum to %real, then codes."""
    names = ", ".join(f"%{name}" for name in operands)
    types = ", ".join(digits.tensor(*array.shape) for array in operands.values())
    maps = ", ".join(["affine_map<(m, n, k) -> (n)>"] * len(operands))
    w = f"{DEPTH}x{CHANNELS}x!lowbit.code<#lowbit.binary>"
    lines = [
        f'func.func @main(%x: {digits.tensor(ROWS, DEPTH)} {{lowbit.name = "x"}}) -> ({digits.tensor(ROWS, CHANNELS)} {{lowbit.name = "y"}}) {{',
        *(digits.constant(name, array) for name, array in {**operands, "sw": weight_scale}.items()),
        "  %one = arith.constant dense<1.0> : tensor<f32>",
        "  %zero = arith.constant 0.0 : f32",
        "  %step = arith.constant 1.0 : f32",
        f"  %s = arith.constant dense<{scale!r}> : tensor<f32>",
        f'  %w = arith.constant dense<"0x{"00" * DEPTH * CHANNELS}"> : tensor<{w}>',
        f"  %e = tensor.empty() : {digits.tensor(ROWS, CHANNELS)}",
        (
            f"  %c = lowbit.quantize %x, %one <#lowbit.ternary> : ({digits.tensor(ROWS, DEPTH)}, tensor<f32>)"
            f" -> tensor<{ROWS}x{DEPTH}x!lowbit.code<#lowbit.ternary>>"
        ),
        "  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>, "
        + maps
        + "]",
        f"    lhs(%c scales %s <#lowbit.ternary> : tensor<{ROWS}x{DEPTH}x!lowbit.code<#lowbit.ternary>>, tensor<f32>)",
        f"    rhs(%w scales %sw <#lowbit.binary, block = [0, 1]> : tensor<{w}>, {digits.tensor(1, CHANNELS)})",
        f"    outs(%e : {digits.tensor(ROWS, CHANNELS)}) epilogue({names} : {types}) {{",
        f"  ^bb0(%sum: f32, {', '.join(f'%{name}_: f32' for name in operands)}):",
        *(f"    {line}" for line in lines),
        "    lowbit.yield %real : f32",
        f"  }} -> {digits.tensor(ROWS, CHANNELS)}",
        (
            f"  %q = lowbit.quantize %r, %s <#lowbit.{code}> : ({digits.tensor(ROWS, CHANNELS)}, tensor<f32>)"
            f" -> tensor<{ROWS}x{CHANNELS}x!lowbit.code<#lowbit.{code}>>"
        ),
        (
            f"  %y = lowbit.dequantize %q, %one <#lowbit.{code}> : (tensor<{ROWS}x{CHANNELS}x!lowbit.code<#lowbit.{code}>>, tensor<f32>)"
            f" -> {digits.tensor(ROWS, CHANNELS)}"
        ),
        f"  return %y : {digits.tensor(ROWS, CHANNELS)}",
        "}",
    ]
    (folder / "m.mlir").write_text("\n".join(lines))
    return lowbit.load(folder / "m.mlir")


def rows() -> np.ndarray:
    x = np.zeros((ROWS, DEPTH), np.float32)
    for row, total in enumerate(range(-DEPTH, DEPTH + 1)):
        x[row, : abs(total)] = np.sign(total)
    return x


EPILOGUES = {
    "bias": ["%real = arith.addf %sum, %bias_ : f32"],
    "batch norm": ["%0 = arith.subf %sum, %mean_ : f32", "%1 = arith.mulf %0, %factor_ : f32", "%real = arith.addf %1, %bias_ : f32"],
    "ReLU": [
        "%0 = arith.addf %sum, %bias_ : f32",
        "%1 = arith.cmpf ugt, %0, %zero : f32",
        "%real = arith.select %1, %0, %zero : f32",
    ],
    "subtracted": ["%0 = arith.subf %bias_, %sum : f32", "%real = arith.divf %0, %factor_ : f32"],
    "in steps": [
        "%0 = arith.cmpf olt, %sum, %bias_ : f32",
        "%1 = arith.addf %sum, %step : f32",
        "%2 = arith.select %0, %sum, %1 : f32",
        "%real = arith.subf %2, %bias_ : f32",
    ],
}


@pytest.mark.parametrize("code", ["binary", "ternary"])
@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("seed", range(2))
def test_is_the_code_of_every_sum(tmp_path: Path, epilogue: str, code: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    scale = float(np.float32(random.uniform(0.01, 3)))
    weight_scale = random.uniform(0.001, 2, (1, CHANNELS)).astype(np.float32)
    # Half of the biases meet a sum exactly, up to an ulp: there the order of roundings decides.
    sums = random.integers(-DEPTH, DEPTH + 1, CHANNELS).astype(np.float32) * np.float32(scale) * weight_scale[0]
    bias = np.where(random.random(CHANNELS) < 0.5, random.normal(0, 20, CHANNELS).astype(np.float32), np.nextafter(-sums, np.float32(1)))
    values = {"bias": bias, "mean": -sums[::-1].copy(), "factor": random.normal(0, 1, CHANNELS).astype(np.float32)}
    used = {name: value.astype(np.float32) for name, value in values.items() if any(f"%{name}_" in line for line in EPILOGUES[epilogue])}
    model = build(tmp_path, code, EPILOGUES[epilogue], used, weight_scale, scale)
    folded = model.transform(FOLD)
    (contract,) = re.findall(r"lowbit\.contract.*?lowbit\.yield[^\n]*", folded._native.print(False), re.DOTALL)
    assert "f32" not in contract and "i32" in contract
    x = rows()
    expected = model.compile("reference")(x=x)["y"]
    assert len(np.unique(expected)) == (2 if code == "binary" else 3) - (epilogue == "ReLU")
    np.testing.assert_array_equal(folded.compile("reference")(x=x)["y"], expected)
    np.testing.assert_array_equal(model.compile("host")(x=x)["y"], expected)


def net(kind: str, folder: Path) -> tuple[lowbit.Module, np.ndarray]:
    """A binary net on codes, as calibration leaves it, and what it reads."""
    data, random = qat_digits.get_rows(), np.random.default_rng(0)
    if kind == "MLP":
        layers = digits.train_on(data.x[:640], data.y[:640], 0)
        model, x = digits.load(folder, layers, qat_digits.BATCH, False), data.x
    else:
        parameters = digits_cnn.initialize(random, qat_digits.FILTERS)
        for bias in parameters[1::2]:
            bias += random.normal(0, 0.3, bias.shape).astype(np.float32)
        model, x = digits_cnn.load(folder, qat_digits.BATCH, parameters, False), digits_cnn.images(data.x)
    scheme = next(each for each in qat_digits.SCHEMES if each.net == kind and each.activation == "binary")
    batches = [{"x": each} for each in np.split(x[: qat_digits.BATCH * 4], 4)]
    return model.quantize(scheme.recipe, model.calibrate(batches, recipe=scheme.recipe, progress=False)), x[: qat_digits.BATCH]


@pytest.mark.parametrize("kind", ["MLP", "CNN"])
def test_no_float_is_left_between_binary_layers(tmp_path: Path, kind: str) -> None:
    model, x = net(kind, tmp_path)
    text = model.transform(FOLD)._native.print(False)
    first, *between, last = [match.start() for match in re.finditer(r"lowbit\.contract", text)]
    assert len(between) == 1
    code = text[first:last].splitlines()
    assert not [line for line in code if re.search(r"\b(arith|math|lowbit\.quantize|lowbit\.dequantize)\S* .*f32", line)]
    assert not [line for line in code[:-1] if "f32" in line and "tensor.empty" not in line], code
    np.testing.assert_array_equal(model.compile("host")(x=x)["y"], model.compile("reference")(x=x)["y"])
