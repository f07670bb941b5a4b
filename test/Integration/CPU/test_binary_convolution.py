"""Run twins of convolutions of signs: every target gives the bits of the reference lowering, which are numpy's."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sweeps import QUANT_OPT, SIMULATED, TARGETS, Part, Sweep, sweep_fixture, write_sweep
from test_binary import CODE


@dataclass
class Case:
    """One convolution: image, channels in and out, window, its step and spread, and how the left codes come: given, or of padded reals."""

    size: tuple[int, int]
    channels: tuple[int, int]
    window: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    batch: int = 1
    pad: int = 0
    border: float = 0.0
    scale: float = 1.0
    outputs_first: bool = False
    codes: bool = False
    """Whether the result is signs again."""


def convolve(case: Case, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The sums, tap by tap; kernel: [window, window, channels, outputs]."""
    height, width = result_size(case)
    total = np.zeros((case.batch, height, width, case.channels[1]), np.int64)
    for i in range(case.window[0]):
        for j in range(case.window[1]):
            top, left = i * case.dilation, j * case.dilation
            taps = image[:, top : top + (height - 1) * case.stride + 1 : case.stride, left : left + (width - 1) * case.stride + 1 : case.stride]
            total += taps @ kernel[i, j]
    return total


def result_size(case: Case) -> tuple[int, int]:
    """Height and width."""
    return tuple((n + 2 * case.pad - (w - 1) * case.dilation - 1) // case.stride + 1 for n, w in zip(case.size, case.window, strict=True))


def write_case(i: int, case: Case, rng: np.random.Generator, image: np.ndarray | None = None) -> Part:
    """A given `image` is the last result."""
    (height, width), (channels, outputs), pad, batch = case.size, case.channels, case.pad, case.batch
    source = f"%r{i - 1}"
    if image is None:
        image, source = rng.normal(size=(batch, height, width, channels)).astype(np.float32), f"%a{i}"
    kernel = rng.choice([-1, 1], (*case.window, channels, outputs))
    factor, bias = rng.uniform(0.5, 1, outputs).astype(np.float32), rng.normal(size=outputs).astype(np.float32)
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=case.border)
    with np.errstate(divide="ignore"):
        signs = np.where(padded / np.float32(case.scale) >= 0, 1, -1)
    expected = convolve(case, signs, kernel).astype(np.float32) * factor + bias
    codes = (kernel < 0).astype(np.uint8)
    axes = "(o, i, j, c)" if case.outputs_first else "(i, j, c, o)"
    if case.outputs_first:
        codes = np.ascontiguousarray(codes.transpose(3, 0, 1, 2))
    shapes = {name: "x".join(map(str, shape)) for name, shape in
              (("given", image.shape), ("wide", padded.shape), ("weights", codes.shape), ("out", expected.shape))}
    place = ", ".join(f"{axis} * {case.stride} + {tap} * {case.dilation}" for axis, tap in (("h", "i"), ("w", "j")))
    maps = [f"(n, {place}, c)", axes, "(n, h, w, o)", "(o)", "(o)"]
    text = f"""  %k{i} = arith.constant dense_resource<k{i}> : tensor<{shapes["weights"]}x{CODE}>
  %border{i} = arith.constant {case.border:.8e} : f32
  %scale{i} = arith.constant dense<{case.scale:.8e}> : tensor<f32>
  %x{i} = tensor.pad {source} low[0, {pad}, {pad}, 0] high[0, {pad}, {pad}, 0] {{
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %border{i} : f32
  }} : tensor<{shapes["given"]}xf32> to tensor<{shapes["wide"]}xf32>
  %q{i} = lowbit.quantize %x{i}, %scale{i} <#lowbit.binary> : (tensor<{shapes["wide"]}xf32>, tensor<f32>) -> tensor<{shapes["wide"]}x{CODE}>
  %init{i} = tensor.empty() : tensor<{shapes["out"]}xf32>
  %r{i} = lowbit.contract [{", ".join(f"affine_map<(n, h, w, o, i, j, c) -> {result}>" for result in maps)}]
    lhs(%q{i} <#lowbit.binary> : tensor<{shapes["wide"]}x{CODE}>) rhs(%k{i} <#lowbit.binary> : tensor<{shapes["weights"]}x{CODE}>)
    outs(%init{i} : tensor<{shapes["out"]}xf32>) epilogue(%f{i}, %b{i} : tensor<{outputs}xf32>, tensor<{outputs}xf32>) {{
  ^bb0(%sum: i32, %factor: f32, %bias: f32):
    %real = arith.sitofp %sum : i32 to f32
    %scaled = arith.mulf %real, %factor : f32
    %biased = arith.addf %scaled, %bias : f32
    lowbit.yield %biased : f32
  }} -> tensor<{shapes["out"]}xf32>
"""
    result = f"%r{i} : tensor<{shapes['out']}xf32>"
    if case.codes:
        text += f"""  %one{i} = arith.constant dense<1.0> : tensor<f32>
  %t{i} = lowbit.quantize %r{i}, %one{i} <#lowbit.binary> : (tensor<{shapes["out"]}xf32>, tensor<f32>) -> tensor<{shapes["out"]}x{CODE}>
  %p{i} = lowbit.to_bits %t{i} : tensor<{shapes["out"]}x{CODE}> -> tensor<1x{shapes["out"].rpartition("x")[0]}x{-(-outputs // 32)}xi32> of #lowbit.binary
"""
        result = f"%p{i} : tensor<1x{shapes['out'].rpartition('x')[0]}x{-(-outputs // 32)}xi32>"
        bits = np.pad(expected < 0, ((0, 0),) * 3 + ((0, -outputs % 32),))
        expected = np.packbits(bits, axis=-1, bitorder="little").view(np.int32)[None]
    values = {f"a{i}": image, f"f{i}": factor, f"b{i}": bias}
    if source != f"%a{i}":
        del values[f"a{i}"]
    types = {name: f"tensor<{'x'.join(map(str, array.shape))}xf32>" for name, array in values.items()}
    return Part(text, result, types, values, expected, [f'k{i}: "0x01000000{codes.tobytes().hex()}"'])


SWEEPS = {
    "windows": [Case((7, 6), (64, 19), window) for window in ((1, 1), (3, 3), (5, 1), (1, 4), (7, 6))],
    "steps": [Case((9, 8), (32, 17), window, stride, dilation) for window, stride, dilation in
              (((1, 1), 2, 1), ((3, 3), 2, 1), ((3, 2), 1, 2), ((2, 3), 2, 2), ((3, 3), 3, 1))],
    "channels": [Case((5, 6), (channels, outputs), (3, 3), pad=1) for channels, outputs in
                 ((1, 1), (3, 16), (31, 5), (32, 1), (33, 7), (64, 49), (96, 64), (160, 33))],
    "borders": [Case((5, 6), (channels, 9), (3, 3), batch=2, pad=1, border=border, scale=scale) for channels in (40, 64) for border, scale in
                ((0.0, 1.0), (1.0, 0.25), (-1.0, 3.0), (-0.5, 2.0), (-1e-30, 1e30))],
    "layouts": [Case((6, 5), (channels, 18), (3, 3), stride, pad=1, batch=2, outputs_first=True) for channels in (48, 64) for stride in (1, 2)],
    "wide": [Case((7, 6), (channels, 21), window, stride, dilation, 2, 1) for channels, window, stride, dilation in
             ((128, (3, 3), 1, 1), (128, (2, 3), 2, 1), (256, (3, 2), 1, 2), (128, (1, 1), 2, 1))],
    "signs": [Case((6, 5), (64, outputs), (3, 3), pad=1, border=1.0, codes=True) for outputs in (7, 32, 48, 64)],
}


sweep = sweep_fixture(SWEEPS, write_case)


@pytest.mark.parametrize("target", ["reference", *TARGETS, *SIMULATED])
def test_bits(sweep: Sweep, target: str) -> None:
    """The reference is numpy's integer arithmetic, and every target is the reference."""
    sweep.check_bits(target)


def write_chain(folder: Path, channels: int) -> Sweep:
    """Two convolutions, signs from one to the next and a border between them; `r0` is what the second gives."""
    rng = np.random.default_rng(channels)
    first = write_case(0, Case((7, 6), (64, channels), (3, 3), pad=1), rng)
    second = write_case(1, Case((7, 6), (channels, 33), (3, 3), 2, pad=1, border=-1.0), rng, first.expected)
    both = Part(first.text + second.text, second.result, {**first.types, **second.types}, first.inputs | second.inputs, second.expected,
                [*first.resources, *second.resources])
    return write_sweep(folder, [both])


@pytest.mark.parametrize("target", ["reference", *TARGETS, *SIMULATED])
@pytest.mark.parametrize("channels", [32, 40])
def test_chain(tmp_path: Path, target: str, channels: int) -> None:
    """What is left between two convolutions is signs."""
    write_chain(tmp_path, channels).check_bits(target)


@pytest.mark.parametrize("channels", [40, 64])
def test_kernel(tmp_path: Path, channels: int) -> None:
    """Nothing is left to the reference lowering, whether channels fill words or not."""
    write_sweep(tmp_path, [write_case(0, Case((5, 6), (channels, 9), (3, 3), pad=1), np.random.default_rng(0))])
    pipeline = "--pass-pipeline=builtin.module(lowbit-compile{target=x86-64-avx2})"
    command = [QUANT_OPT, tmp_path / "m.mlir", pipeline, "--remarks-filter=lowbit", "-o", tmp_path / "out.mlir"]
    remarks = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "[Passed] contract" in remarks
    assert "[Missed] contract" not in remarks
