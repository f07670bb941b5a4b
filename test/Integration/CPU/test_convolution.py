"""Run twins of convolutions of codes: every target gives the bits of the reference lowering, which are numpy's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sweeps import SIMULATED, TARGETS, Part, Sweep, literal, random_codes, run, sweep_fixture


@dataclass
class Case:
    """One convolution: batch, image, channels in and out, window, its step and spread, and how its operands come."""

    size: tuple[int, int]
    channels: tuple[int, int]
    window: tuple[int, int]
    stride: int = 1
    dilation: int = 1
    batch: int = 1
    lhs: str = "uint"
    pad: int = 0
    zero: int = 0
    outputs_first: bool = False
    codes: bool = False
    constant: bool = True
    right_zeros: bool = False
    channels_first: bool = False

    def arrange(self, array: np.ndarray) -> np.ndarray:
        """An image or a result with its channels where the case has them; they are given last."""
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if self.channels_first else array

    def order(self, batch: object, height: object, width: object, channels: object) -> list:
        """Anything there is for each axis, in the order of the axes."""
        return [batch, channels, height, width] if self.channels_first else [batch, height, width, channels]


def convolve(case: Case, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The sums, tap by tap; kernel: [window, window, channels, outputs]."""
    height, width = result_size(case)
    total = np.zeros((case.batch, height, width, case.channels[1]), np.int64)
    for i in range(case.window[0]):
        for j in range(case.window[1]):
            top, left = i * case.dilation, j * case.dilation
            taps = image[:, top : top + (height - 1) * case.stride + 1 : case.stride, left : left + (width - 1) * case.stride + 1 : case.stride]
            total += taps.astype(np.int64) @ kernel[i, j]
    return total


def result_size(case: Case) -> tuple[int, int]:
    """Height and width."""
    return tuple((n + 2 * case.pad - (w - 1) * case.dilation - 1) // case.stride + 1 for n, w in zip(case.size, case.window, strict=True))


def tensor(array: np.ndarray) -> str:
    return f"tensor<{'x'.join(map(str, array.shape))}x{'f32' if array.dtype == np.float32 else 'i8'}>"


def write_epilogue(case: Case, i: int) -> tuple[str, str]:
    """The operands and the region: bias, and a second operand that is like the result."""
    height, width = result_size(case)
    shape = "x".join(map(str, case.order(case.batch, height, width, case.channels[1])))
    return shape, f"""epilogue(%bias{i}, %more{i} : tensor<{case.channels[1]}xf32>, tensor<{shape}xf32>) {{
  ^bb0(%sum: f32, %b: f32, %m: f32):
    %biased = arith.addf %sum, %b : f32
    %added = arith.addf %biased, %m : f32
    lowbit.yield %added : f32
  }}"""


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    (height, width), (channels, outputs), pad = case.size, case.channels, case.pad
    dtype = np.uint8 if case.lhs == "uint" else np.int8
    image = random_codes(rng, dtype, (case.batch, height, width, channels))
    kernel = random_codes(rng, np.int8, (*case.window, channels, outputs))
    scales = rng.uniform(0.0001, 0.001, (1, 1, 1, outputs)).astype(np.float32)
    right = rng.integers(-9, 9, (1, 1, 1, outputs)).astype(np.int8) if case.right_zeros else np.zeros((1, 1, 1, outputs), np.int8)
    shape, epilogue = write_epilogue(case, i)
    values = {f"a{i}": case.arrange(image), f"bias{i}": rng.normal(size=outputs).astype(np.float32)}
    values[f"more{i}"] = rng.normal(size=tuple(map(int, shape.split("x")))).astype(np.float32)
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=case.zero)
    sums = convolve(case, padded.astype(np.int64) - case.zero, kernel.astype(np.int64) - right)
    expected = case.arrange((sums.astype(np.float32) * np.float32(0.5)) * scales.ravel() + values[f"bias{i}"]) + values[f"more{i}"]
    axes, block = "(i, j, c, o)", "[0, 0, 0, 1]"
    if case.outputs_first:
        kernel, scales, right = (np.ascontiguousarray(array.transpose(3, 0, 1, 2)) for array in (kernel, scales, right))
        axes, block = "(o, i, j, c)", "[1, 0, 0, 0]"
    if case.channels_first:
        kernel, scales, right = (np.ascontiguousarray(array.transpose(3, 2, 0, 1)) for array in (kernel, scales, right))
        axes, block = "(o, c, i, j)", "[1, 0, 0, 0]"
    values[f"sk{i}"] = scales
    weights = f"  %k{i} = arith.constant {literal(kernel)} : {tensor(kernel)}\n"
    if not case.constant:
        weights, values[f"k{i}"] = "", kernel
    if case.right_zeros:
        values[f"zk{i}"] = right
    zeros = (f"zeros %zk{i} ", ", zero = i8", f", {tensor(right)}") if case.right_zeros else ("", "", "")
    types = {name: tensor(array) for name, array in values.items()}
    place = [f"{axis} * {case.stride} + {tap} * {case.dilation}" for axis, tap in (("h", "i"), ("w", "j"))]
    result_axes = f"({', '.join(case.order('n', 'h', 'w', 'o'))})"
    maps = [f"({', '.join(case.order('n', *place, 'c'))})", axes, result_axes, "(o)", result_axes]
    border, padded = ", ".join(map(str, case.order(0, pad, pad, 0))), case.arrange(padded)
    code = np.array(case.zero).astype(dtype).view(np.int8)
    text = f"""{weights}  %border{i} = arith.constant {code} : i8
  %x{i} = tensor.pad %a{i} low[{border}] high[{border}] {{
  ^bb0(%n: index, %h: index, %w: index, %c: index):
    tensor.yield %border{i} : i8
  }} : {tensor(values[f"a{i}"])} to {tensor(padded)}
  %sx{i} = arith.constant dense<0.5> : tensor<1x1x1x1xf32>
  %zx{i} = arith.constant dense<{code}> : tensor<1x1x1x1xi8>
  %init{i} = tensor.empty() : tensor<{shape}xf32>
  %r{i} = lowbit.contract [{", ".join(f"affine_map<(n, h, w, o, i, j, c) -> {result}>" for result in maps)}]
    lhs(%x{i} scales %sx{i} zeros %zx{i} <#lowbit.{case.lhs}<8>, block = [0, 0, 0, 0], zero = i8>
        : {tensor(padded)}, tensor<1x1x1x1xf32>, tensor<1x1x1x1xi8>)
    rhs(%k{i} scales %sk{i} {zeros[0]}<#lowbit.int<8>, block = {block}{zeros[1]}> : {tensor(kernel)}, {tensor(scales)}{zeros[2]})
    outs(%init{i} : tensor<{shape}xf32>) {epilogue} -> tensor<{shape}xf32>
"""
    if case.codes:
        text += f"""  %one{i} = arith.constant dense<1.0> : tensor<f32>
  %q{i} = lowbit.quantize %r{i}, %one{i} <#lowbit.int<8>> : (tensor<{shape}xf32>, tensor<f32>) -> tensor<{shape}xi8>
"""
        return Part(text, f"%q{i} : tensor<{shape}xi8>", types, values, np.clip(np.rint(expected), -128, 127).astype(np.int8))
    return Part(text, f"%r{i} : tensor<{shape}xf32>", types, values, expected)


SWEEPS = {
    "windows": [Case((7, 6), (5, 19), window) for window in ((1, 1), (3, 3), (5, 1), (1, 4), (7, 6))],
    "steps": [Case((9, 8), (4, 17), window, stride, dilation) for window, stride, dilation in
              (((1, 1), 2, 1), ((3, 3), 2, 1), ((3, 2), 1, 2), ((2, 3), 2, 2), ((3, 3), 3, 1))],
    "channels": [Case((5, 6), (channels, outputs), (3, 3), pad=1) for channels, outputs in ((1, 1), (3, 16), (16, 1), (33, 7), (64, 49))],
    "borders": [Case((5, 6), (3, 9), (3, 3), 1, 1, 2, lhs, 1, zero, first) for lhs, zero, first in
                (("uint", 0, False), ("uint", 200, True), ("int", -7, False), ("int", 0, True))],
    "codes": [Case((6, 5), (7, 18), (3, 3), stride, 1, batch, "uint", 1, 9, codes=True) for stride, batch in ((1, 1), (2, 2))],
    # Channels that dot products divide: read where they lie, borders left out where they are zero.
    "in place": [Case((14, 14), (8, 32), (3, 3), pad=1), Case((9, 28), (4, 17), (3, 3), 1, 1, 2, pad=1), Case((7, 7), (8, 40), (5, 5), pad=2),
                 Case((8, 7), (4, 16), (3, 3), 2, pad=1), Case((9, 13), (12, 33), (3, 2), 1, 2, pad=2), Case((6, 5), (4, 16), (1, 3), pad=1),
                 Case((5, 5), (4, 16), (3, 3), pad=3), Case((8, 30), (64, 16), (3, 3), 2, 1, 3, pad=1, outputs_first=True, codes=True)],
    "in place, zero points": [Case((7, 6), (8, 20), (3, 3), stride, dilation, 2, lhs, 1, zero, codes=codes, constant=constant)
                              for stride, dilation, lhs, zero, codes, constant in
                              ((1, 1, "uint", 200, True, True), (2, 1, "int", -7, False, True), (1, 2, "int", 0, False, False),
                               (2, 2, "uint", 0, False, False), (1, 1, "uint", 3, False, False))],
    # Channels of whole copies, which GPUs read where they lie; tiles and windows end anywhere.
    "wide": [Case((9, 8), (16, 17), (3, 3), batch=2, pad=1), Case((7, 9), (48, 40), (3, 2), 2, 1, 2, pad=1, zero=3), Case((8, 7), (32, 9), (2, 3), 1, 2, 3, "int", 1, -5),
             Case((10, 10), (64, 70), (5, 5), 2, 1, 2, pad=2, codes=True), Case((6, 7), (16, 33), (6, 1), batch=3, right_zeros=True, zero=7),
             Case((13, 1), (80, 19), (3, 1), pad=1), Case((17, 13), (32, 24), (3, 3), batch=2, pad=1, outputs_first=True, constant=False)],
    "channels first": [Case(size, channels, window, stride, dilation, batch, lhs, pad, zero, False, codes, constant, channels_first=True)
                       for size, channels, window, stride, dilation, batch, lhs, pad, zero, codes, constant in
                       (((14, 14), (8, 16), (3, 3), 1, 1, 1, "uint", 1, 0, True, True), ((7, 6), (4, 9), (3, 3), 2, 1, 2, "int", 1, -7, False, True),
                        ((6, 5), (5, 7), (1, 1), 1, 1, 1, "uint", 0, 0, False, True), ((9, 8), (3, 18), (3, 2), 1, 2, 2, "uint", 2, 9, True, False))],
    "weights": [Case((6, 5), (7, 18), (2, 3), 1, 1, 2, lhs, 1, 3, first, False, constant, zeros) for lhs, first, constant, zeros in
                (("uint", False, False, True), ("int", True, False, False), ("uint", True, True, True))],
}


@dataclass
class Grouped:
    """Groups of channels with windows of their own: image, groups, channels in and out of each, and the rest as for `Case`."""

    size: tuple[int, int]
    groups: int
    channels: tuple[int, int] = (1, 1)
    window: tuple[int, int] = (3, 3)
    stride: int = 1
    dilation: int = 1
    batch: int = 1
    lhs: str = "uint"
    pad: int = 1
    zero: int = 0
    layout: str = "last"
    codes: bool = False
    constant: bool = True
    right_zeros: bool = False


# Names of the axes of image, weights and result. Those named `flat` have a channel a group and no axis for it.
LAYOUTS = {"last": ("nhwgc", "gijco", "nhwgo"), "transposed": ("nhwgc", "gocij", "nhwgo"), "first": ("ngchw", "gocij", "ngohw"),
           "flat": ("nhwg", "ijg", "nhwg"), "flat, first": ("nghw", "gij", "nghw"), "flat, kernels first": ("nhwg", "gij", "nhwg")}

GROUPED = {
    "single channels": [Grouped((7, 6), groups, (1, 1), window, layout="flat") for groups, window in
                        ((1, (3, 3)), (3, (3, 3)), (16, (1, 1)), (21, (3, 3)), (64, (5, 4)), (100, (1, 3)), (33, (4, 1)))],
    "single channels, steps": [Grouped((9, 8), 20, (1, 1), window, stride, dilation, 2, layout="flat") for window, stride, dilation in
                               (((3, 3), 2, 1), ((3, 2), 1, 2), ((2, 3), 2, 2), ((3, 3), 3, 1))],
    "single channels, zero points": [Grouped((8, 15), 19, (1, 1), (3, 3), stride, 1, batch, lhs, 1, zero, layout, codes, constant, right)
                                     for stride, batch, lhs, zero, layout, codes, constant, right in
                                     ((1, 1, "uint", 200, "flat", True, True, False), (2, 2, "int", -7, "flat", False, True, True),
                                      (1, 1, "int", 0, "flat", True, False, True), (2, 1, "uint", 3, "flat", False, False, False))],
    "single channels, layouts": [Grouped((6, 7), groups, (1, 1), (3, 3), stride, 1, batch, lhs, 1, zero, layout, codes, constant)
                                 for layout in LAYOUTS for groups, stride, batch, lhs, zero, codes, constant in
                                 ((18, 1, 1, "uint", 9, True, True), (16, 2, 2, "int", 0, False, False))],
    "groups": [Grouped((6, 7), groups, channels, window, stride, dilation, batch, lhs, pad, zero, layout, codes, constant, right)
               for groups, channels, window, stride, dilation, batch, lhs, pad, zero, layout, codes, constant, right in
               ((3, (4, 16), (3, 3), 1, 1, 1, "uint", 1, 0, "last", True, True, False), (2, (5, 7), (3, 2), 2, 1, 2, "int", 1, -7, "last", False, True, True),
                (4, (8, 8), (1, 1), 1, 1, 1, "uint", 0, 0, "last", False, True, False), (3, (3, 17), (2, 3), 1, 2, 2, "uint", 2, 200, "last", False, False, False),
                (2, (4, 20), (3, 3), 1, 1, 1, "int", 1, 5, "transposed", True, True, True), (5, (1, 3), (3, 3), 1, 1, 1, "uint", 1, 0, "last", False, True, False),
                (3, (6, 1), (3, 3), 1, 1, 1, "uint", 1, 4, "last", False, True, False), (1, (6, 9), (3, 3), 1, 1, 1, "uint", 1, 4, "last", False, True, False))],
    "groups, channels first": [Grouped((6, 7), groups, channels, window, stride, 1, batch, lhs, 1, zero, "first", codes, constant)
                               for groups, channels, window, stride, batch, lhs, zero, codes, constant in
                               ((3, (4, 16), (3, 3), 1, 1, "uint", 0, True, True), (2, (8, 9), (3, 2), 2, 2, "int", -7, False, True),
                                (4, (3, 2), (1, 3), 1, 1, "uint", 3, True, False))],
}


def write_grouped(i: int, case: Grouped, rng: np.random.Generator) -> Part:
    """Arrays are made with an axis for everything and then brought to the axes of the layout."""
    (height, width), (channels, outputs), pad = case.size, case.channels, case.pad
    dtype = np.uint8 if case.lhs == "uint" else np.int8
    image_axes, weight_axes, result_axes = LAYOUTS[case.layout]

    def arrange(array: np.ndarray, axes: str, wanted: str) -> np.ndarray:
        array = array.squeeze(tuple(k for k, name in enumerate(axes) if name not in wanted))
        kept = [name for name in axes if name in wanted]
        return np.ascontiguousarray(array.transpose([kept.index(name) for name in wanted]))

    image = random_codes(rng, dtype, (case.batch, height, width, case.groups, channels))
    kernel = random_codes(rng, np.int8, (case.groups, *case.window, channels, outputs))
    per_channel = (case.groups, 1, 1, 1, outputs)
    scales = rng.uniform(0.0001, 0.001, per_channel).astype(np.float32)
    right = rng.integers(-9, 9, per_channel).astype(np.int8) if case.right_zeros else np.zeros(per_channel, np.int8)
    bias = rng.normal(size=(case.groups, outputs)).astype(np.float32)
    border = np.pad(image, ((0, 0), (pad, pad), (pad, pad), (0, 0), (0, 0)), constant_values=case.zero)
    each = Case(case.size, case.channels, case.window, case.stride, case.dilation, case.batch, pad=pad)
    differences, taps = border.astype(np.int64) - case.zero, kernel.astype(np.int64) - right
    sums = np.stack([convolve(each, differences[..., g, :], taps[g]) for g in range(case.groups)], axis=3)
    more = rng.normal(size=sums.shape).astype(np.float32)
    real = (sums.astype(np.float32) * np.float32(0.5)) * scales.reshape(case.groups, outputs) + bias + more
    expected = arrange(real, "nhwgo", result_axes)

    bias_axes = "".join(name for name in "go" if name in result_axes)
    padded, image = arrange(border, "nhwgc", image_axes), arrange(image, "nhwgc", image_axes)
    kernel, scales, right = (arrange(array, "gijco", weight_axes) for array in (kernel, scales, right))
    values = {f"a{i}": image, f"sk{i}": scales, f"bias{i}": arrange(bias, "go", bias_axes), f"more{i}": arrange(more, "nhwgo", result_axes)}
    weights = f"  %k{i} = arith.constant {literal(kernel)} : {tensor(kernel)}\n"
    if not case.constant:
        weights, values[f"k{i}"] = "", kernel
    if case.right_zeros:
        values[f"zk{i}"] = right
    zeros = (f"zeros %zk{i} ", ", zero = i8", f", {tensor(right)}") if case.right_zeros else ("", "", "")
    place = {axis: f"{axis} * {case.stride} + {tap} * {case.dilation}" for axis, tap in (("h", "i"), ("w", "j"))}
    loops = ", ".join(name for name in "nhwgoijc" if name in image_axes + weight_axes + result_axes)
    axes = [[place.get(name, name) for name in image_axes], weight_axes, result_axes, bias_axes, result_axes]
    maps = ", ".join(f"affine_map<({loops}) -> ({', '.join(names)})>" for names in axes)
    block = [int(name in "go") for name in weight_axes]
    edges = ", ".join(str(pad if name in "hw" else 0) for name in image_axes)
    code, one, shape = np.array(case.zero).astype(dtype).view(np.int8), "x".join("1" * len(image_axes)), "x".join(map(str, expected.shape))
    types = {name: tensor(array) for name, array in values.items()}
    text = f"""{weights}  %border{i} = arith.constant {code} : i8
  %x{i} = tensor.pad %a{i} low[{edges}] high[{edges}] {{
  ^bb0({", ".join(f"%{name}: index" for name in image_axes)}):
    tensor.yield %border{i} : i8
  }} : {tensor(image)} to {tensor(padded)}
  %sx{i} = arith.constant dense<0.5> : tensor<{one}xf32>
  %zx{i} = arith.constant dense<{code}> : tensor<{one}xi8>
  %init{i} = tensor.empty() : tensor<{shape}xf32>
  %r{i} = lowbit.contract [{maps}]
    lhs(%x{i} scales %sx{i} zeros %zx{i} <#lowbit.{case.lhs}<8>, block = {[0] * len(image_axes)}, zero = i8>
        : {tensor(padded)}, tensor<{one}xf32>, tensor<{one}xi8>)
    rhs(%k{i} scales %sk{i} {zeros[0]}<#lowbit.int<8>, block = {block}{zeros[1]}> : {tensor(kernel)}, {tensor(scales)}{zeros[2]})
    outs(%init{i} : tensor<{shape}xf32>) epilogue(%bias{i}, %more{i} : {tensor(values[f"bias{i}"])}, tensor<{shape}xf32>) {{
  ^bb0(%sum: f32, %b: f32, %m: f32):
    %biased = arith.addf %sum, %b : f32
    %added = arith.addf %biased, %m : f32
    lowbit.yield %added : f32
  }} -> tensor<{shape}xf32>
"""
    if case.codes:
        text += f"""  %one{i} = arith.constant dense<1.0> : tensor<f32>
  %q{i} = lowbit.quantize %r{i}, %one{i} <#lowbit.int<8>> : (tensor<{shape}xf32>, tensor<f32>) -> tensor<{shape}xi8>
"""
        return Part(text, f"%q{i} : tensor<{shape}xi8>", types, values, np.clip(np.rint(expected), -128, 127).astype(np.int8))
    return Part(text, f"%r{i} : tensor<{shape}xf32>", types, values, expected)


sweep = sweep_fixture(
    SWEEPS | GROUPED, lambda i, case, rng: (write_grouped if isinstance(case, Grouped) else write_case)(i, case, rng)
)


@pytest.mark.parametrize("target", ["reference", *TARGETS, *SIMULATED])
def test_bits(sweep: Sweep, target: str) -> None:
    """The reference is numpy's int64 arithmetic, and every target is the reference."""
    sweep.check_bits(target)


@pytest.mark.parametrize("target", ["reference", *TARGETS, *SIMULATED])
@pytest.mark.parametrize(("stride", "lhs"), [(1, "uint"), (2, "uint"), (2, "int")])
def test_one_axis(tmp_path: Path, target: str, stride: int, lhs: str) -> None:
    """A row of places without an image around it."""
    rng = np.random.default_rng(stride)
    image, kernel = random_codes(rng, np.uint8 if lhs == "uint" else np.int8, (14, 8)), random_codes(rng, np.int8, (3, 8, 17))
    size = (14 + 2 - 3) // stride + 1
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%a: tensor<14x8xi8> {{lowbit.name = "a"}}, %k: tensor<3x8x17xi8> {{lowbit.name = "k"}}) -> (tensor<{size}x17xi32> {{lowbit.name = "r"}}) {{
  %zero = arith.constant 0 : i8
  %x = tensor.pad %a low[1, 0] high[1, 0] {{
  ^bb0(%w: index, %c: index):
    tensor.yield %zero : i8
  }} : tensor<14x8xi8> to tensor<16x8xi8>
  %init = tensor.empty() : tensor<{size}x17xi32>
  %r = lowbit.contract [affine_map<(w, o, j, c) -> (w * {stride} + j, c)>, affine_map<(w, o, j, c) -> (j, c, o)>, affine_map<(w, o, j, c) -> (w, o)>]
    lhs(%x <#lowbit.{lhs}<8>> : tensor<16x8xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x8x17xi8>) outs(%init : tensor<{size}x17xi32>) -> tensor<{size}x17xi32>
  return %r : tensor<{size}x17xi32>
}}
""")
    np.savez(tmp_path / "in.npz", a=image, k=kernel)
    padded = np.pad(image.astype(np.int64), ((1, 1), (0, 0)))
    expected = sum(padded[j : j + (size - 1) * stride + 1 : stride] @ kernel[j].astype(np.int64) for j in range(3))
    np.testing.assert_array_equal(run(tmp_path, target)["r"], expected)
