"""Second moments of windows, and GPTQ on convolutions, beside numpy; what has no moments says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from digits import constant, tensor
from digits_cnn import im2col
from test_gptq import gptq

CHANNELS, OUTPUTS = 3, 5


@dataclass(frozen=True)
class Case:
    """A convolution; images are [n, 9, 8, 3], or [n, 3, 9, 8] where `channels_first`."""

    kernel: tuple[int, int]
    stride: int
    dilation: int
    pad: int
    channels_first: bool

    @property
    def inputs(self) -> int:
        return self.kernel[0] * self.kernel[1] * CHANNELS

    def order(self, x: np.ndarray) -> np.ndarray:
        """Images or kernels with their channels where the op has them."""
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if self.channels_first else x

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Windows [rows, K] of images [n, h, w, c]; K in the order of the axes of the weight."""
        windows = im2col(x, self.kernel, self.stride, self.dilation, self.pad)
        if self.channels_first:
            windows = windows.transpose(0, 1, 2, 5, 3, 4)
        return windows.reshape(-1, self.inputs).astype(np.float64)


CASES = [
    Case((3, 3), 1, 1, 1, False),
    Case((3, 2), 2, 1, 1, False),
    Case((2, 3), 1, 2, 0, False),
    Case((3, 3), 1, 1, 1, True),
    Case((2, 2), 2, 2, 1, True),
    Case((1, 1), 1, 1, 0, False),
]


def load(folder: Path, case: Case, weight: np.ndarray, rows: int) -> lowbit.Module:
    """`rows` images at a time; `weight` [kh, kw, C, F]."""
    kernel = np.ascontiguousarray(weight.transpose(3, 2, 0, 1)) if case.channels_first else weight
    x = np.zeros((rows, 9, 8, CHANNELS), np.float32)
    counts = im2col(x, case.kernel, case.stride, case.dilation, case.pad).shape[1:3]
    given, out = case.order(x).shape, case.order(np.zeros((rows, *counts, OUTPUTS))).shape
    pads = [0, 0, case.pad, case.pad] if case.channels_first else [0, case.pad, case.pad, 0]
    wide = tensor(*(size + 2 * pad for size, pad in zip(given, pads, strict=True)))
    name = "conv_2d_nchw_fchw" if case.channels_first else "conv_2d_nhwc_hwcf"
    (folder / "m.mlir").write_text(f"""
func.func @main(%x: {tensor(*given)} {{lowbit.name = "x"}}) -> ({tensor(*out)} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
{constant("w", kernel)}
  %p = tensor.pad %x low{pads} high{pads} {{
  ^bb0(%n: index, %i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  }} : {tensor(*given)} to {wide}
  %e = tensor.empty() : {tensor(*out)}
  %z = linalg.fill ins(%zero : f32) outs(%e : {tensor(*out)}) -> {tensor(*out)}
  %y = linalg.{name} {{dilations = dense<{case.dilation}> : tensor<2xi64>, strides = dense<{case.stride}> : tensor<2xi64>}}
    ins(%p, %w : {wide}, {tensor(*kernel.shape)}) outs(%z : {tensor(*out)}) -> {tensor(*out)} loc("conv")
  return %y : {tensor(*out)}
}}
""")
    return lowbit.load(folder / "m.mlir")


def matrix(case: Case, weight: np.ndarray) -> np.ndarray:
    """`weight` [kh, kw, C, F] as [K, F]."""
    return (weight.transpose(2, 0, 1, 3) if case.channels_first else weight).reshape(case.inputs, OUTPUTS)


def read_weight(case: Case, model: lowbit.Module) -> np.ndarray:
    """[K, F] that a convolution of float activations computes with: one image for each input, read where all of a window lies inside."""
    function, columns = model.compile(target="reference"), []
    rows = model.inputs[0].shape[0]
    assert rows == case.inputs
    x, position = np.zeros((rows, 9, 8, CHANNELS), np.float32), 0
    order = np.arange(case.inputs).reshape(*case.kernel, CHANNELS)
    if case.channels_first:
        order = np.arange(case.inputs).reshape(CHANNELS, *case.kernel).transpose(1, 2, 0)
    for i in range(case.kernel[0]):
        for j in range(case.kernel[1]):
            position = case.stride - case.pad
            for c in range(CHANNELS):
                x[order[i, j, c], position + i * case.dilation, position + j * case.dilation, c] = 1
    y = function(x=case.order(x))["y"]
    columns = y[:, :, 1, 1] if case.channels_first else y[:, 1, 1]
    return columns.copy()


def make_data(case: Case, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Images of which neighbours and channels go together, in batches of K; and a weight [kh, kw, C, F]."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((6 * case.inputs, 9, 8, CHANNELS)) @ (random.standard_normal((CHANNELS, CHANNELS)) + np.eye(CHANNELS))
    x = (x + np.roll(x, 1, 1) + 0.5 * np.roll(x, 1, 2)).astype(np.float32)
    return x, random.standard_normal((*case.kernel, CHANNELS, OUTPUTS)).astype(np.float32)


def calibrate(model: lowbit.Module, case: Case, x: np.ndarray, **options: Any) -> lowbit.Statistics:
    """Six batches."""
    return model.calibrate([{"x": part} for part in np.split(case.order(x), 6)], progress=False, **options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_moments_are_those_of_windows(case: Case, tmp_path: Path) -> None:
    x, weight = make_data(case)
    calibrate(load(tmp_path, case, weight, case.inputs), case, x, moments=["*"]).save(tmp_path / "s.json")
    arrays, rows = np.load(tmp_path / "s.json.moments.npz"), case.rows(x)
    assert arrays["conv/rows"] == len(rows)
    np.testing.assert_allclose(arrays["conv/sums"], rows.sum(0), rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(arrays["conv/products"], rows.T @ rows, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gptq_is_that_of_the_paper(case: Case, tmp_path: Path) -> None:
    x, weight = make_data(case)
    model, flat, rows = load(tmp_path, case, weight, case.inputs), matrix(case, weight), case.rows(x)
    rules = [{"kind": "conv", "weight": {"format": "int<4>", "per": "channel"}}]
    recipe = {"version": 1, "name": "t", "algorithms": [{"use": "gptq", "damping": 0.05}], "rules": rules}
    found = read_weight(case, model.quantize(recipe, stats=calibrate(model, case, x, recipe=recipe)))
    moments = rows.T @ rows
    scales = np.broadcast_to((np.abs(flat).max(0) / np.float32(7)).astype(np.float64), flat.shape)
    expected = gptq(flat, moments, scales, 7, 0.05, ordered=True)
    assert np.isclose(found, expected, rtol=1e-4, atol=1e-6).all(0).sum() >= OUTPUTS - 1

    def error(rounded: np.ndarray) -> float:
        return float(np.einsum("kn,kj,jn->", flat - rounded, moments, flat - rounded))

    plain = read_weight(case, model.quantize({**recipe, "algorithms": []}))
    assert error(found) == pytest.approx(error(expected), rel=0.02)
    assert error(found) < error(plain)


@pytest.mark.parametrize("case", [CASES[1], CASES[3]], ids=str)
def test_a_correction_of_few_outputs_is_a_convolution_too(case: Case, tmp_path: Path) -> None:
    x, weight = make_data(case)
    model = load(tmp_path, case, weight, case.inputs)
    recipe = {
        "version": 1,
        "name": "t",
        "algorithms": [{"use": "low-rank", "rank": 2, "type": "f32"}],
        "rules": [{"kind": "conv", "weight": {"format": "int<2>", "per": "channel"}}],
    }
    quantized = model.quantize(recipe, stats=calibrate(model, case, x, recipe=recipe))
    flat, rows, found = matrix(case, weight), case.rows(x), read_weight(case, quantized)
    plain = read_weight(case, model.quantize({**recipe, "algorithms": []}))
    # The best rank-2 product in the metric of the data leaves all but the two largest singular values of what rows lose.
    left = np.linalg.svd(rows @ (flat - plain), compute_uv=False)[2:]
    assert np.linalg.norm(rows @ (flat - found)) == pytest.approx(np.linalg.norm(left), rel=0.01)


def test_a_depthwise_convolution_says_that_it_has_no_moments(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    depthwise, pointwise = (random.standard_normal(shape).astype(np.float32) for shape in ((3, 3, 4), (1, 1, 4, 6)))
    strides = "dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>"
    x, between, out = tensor(1, 8, 8, 4), tensor(1, 6, 6, 4), tensor(1, 6, 6, 6)
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%x: {x} {{lowbit.name = "x"}}) -> ({out} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
{constant("d", depthwise)}
{constant("p", pointwise)}
  %e = tensor.empty() : {between}
  %z = linalg.fill ins(%zero : f32) outs(%e : {between}) -> {between}
  %b = linalg.depthwise_conv_2d_nhwc_hwc {{{strides}}} ins(%x, %d : {x}, {tensor(3, 3, 4)}) outs(%z : {between}) -> {between} loc("dw")
  %f = tensor.empty() : {out}
  %o = linalg.fill ins(%zero : f32) outs(%f : {out}) -> {out}
  %y = linalg.conv_2d_nhwc_hwcf {{{strides}}} ins(%b, %p : {between}, {tensor(1, 1, 4, 6)}) outs(%o : {out}) -> {out} loc("pw")
  return %y : {out}
}}
""")
    model = lowbit.load(tmp_path / "m.mlir")
    recipe = {
        "version": 1,
        "name": "t",
        "algorithms": ["hqq", "gptq"],
        "rules": [{"weight": {"format": "int<3>", "per": "channel"}}],
    }
    data = [{"x": random.standard_normal((1, 8, 8, 4)).astype(np.float32)} for _ in range(8)]
    quantized = model.quantize(recipe, stats=model.calibrate(data, recipe=recipe, progress=False))
    quantized.report(tmp_path / "r.json")
    notes = {row["site"]: row.get("algorithms", []) for row in json.loads((tmp_path / "r.json").read_text())["sites"]}
    assert any(note.startswith("gptq: stays as it was: it has no second moments: outputs of one group read inputs") for note in notes["dw"])
    assert any(note.startswith("gptq: ") and "output error" in note for note in notes["pw"])
    assert any(note.startswith("hqq: ") for note in notes["dw"])
