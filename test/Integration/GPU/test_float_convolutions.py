"""Convolutions of f32 on a GPU's simulator: products of copied windows. Numbers are whole, so that sums are exact in any order."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

# Op, shapes of the image and the filter, strides and dilations along the image; kernels before the product and after it.
CASES = {
    "channels last": ("conv_2d_nhwc_hwcf", (2, 12, 11, 5), (3, 3, 5, 24), (1, 1), (1, 1), 1, 0),
    "channels first": ("conv_2d_nchw_fchw", (2, 3, 20, 17), (18, 3, 3, 5), (2, 1), (1, 2), 3, 1),
    "filters last": ("conv_2d_nhwc_fhwc", (1, 9, 9, 7), (70, 2, 2, 7), (2, 2), (1, 1), 2, 0),
    "a place": ("conv_2d_nhwc_hwcf", (1, 9, 13, 19), (1, 1, 19, 33), (1, 1), (1, 1), 0, 0),
    "every other place": ("conv_2d_nhwc_hwcf", (3, 9, 13, 19), (1, 1, 19, 33), (2, 2), (1, 1), 1, 0),
    "a patch each": ("conv_2d_nchw_fchw", (1, 3, 32, 32), (48, 3, 8, 8), (8, 8), (1, 1), 3, 1),
    "sound": ("conv_1d_ncw_fcw", (2, 16, 67), (32, 16, 5), (2,), (3,), 3, 1),
    "volumes": ("conv_3d_ndhwc_dhwcf", (1, 6, 7, 8, 4), (3, 2, 3, 4, 20), (1, 2, 1), (1, 1, 2), 1, 0),
}


def tensor(shape: tuple[int, ...]) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}f32>"


def write(path: Path, case: str) -> Path:
    """The convolution, from a bias for each channel of the result, and behind it a rectification."""
    op, image, filters, strides, dilations, _, _ = CASES[case]
    layout = op.split("_")[2]
    places, channel = [axis for axis, name in enumerate(layout) if name in "dhw"], layout.index("c")
    window = [axis for axis, name in enumerate(op.split("_")[3]) if name in "dhw"]
    result = list(image)
    result[channel] = filters[op.split("_")[3].index("f")]
    for axis, along, stride, dilation in zip(places, window, strides, dilations, strict=True):
        result[axis] = (image[axis] - dilation * (filters[along] - 1) - 1) // stride + 1
    x, w, y, bias = (tensor(tuple(shape)) for shape in (image, filters, result, result[channel : channel + 1]))
    rank, same = len(image), f"affine_map<({', '.join(layout)}) -> ({', '.join(layout)})>"
    steps = ", ".join(
        f"{name} = dense<[{', '.join(map(str, values))}]> : vector<{len(values)}xi64>"
        for name, values in (("strides", strides), ("dilations", dilations))
    )
    parallel = ", ".join(['"parallel"'] * rank)
    path.write_text(f"""
func.func @main(%x: {x} {{lowbit.name = "x"}}, %w: {w} {{lowbit.name = "w"}}, %b: {bias} {{lowbit.name = "b"}}) -> ({y} {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {y}
  %start = linalg.broadcast ins(%b : {bias}) outs(%e : {y}) dimensions = [{", ".join(str(axis) for axis in range(rank) if axis != channel)}]
  %c = linalg.{op} {{{steps}}} ins(%x, %w : {x}, {w}) outs(%start : {y}) -> {y}
  %r = linalg.generic {{indexing_maps = [{same}, {same}], iterator_types = [{parallel}]}} ins(%c : {y}) outs(%e : {y}) {{
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  }} -> {y}
  return %r : {y}
}}""")
    return path


@pytest.mark.parametrize("case", CASES)
def test_bits(tmp_path: Path, case: str) -> None:
    rng, model = np.random.default_rng(len(case)), lowbit.load(write(tmp_path / "m.mlir", case))
    op, image, filters, _, _, before, after = CASES[case]
    bias = filters[op.split("_")[3].index("f")]
    inputs = {name: rng.integers(-9, 10, shape).astype(np.float32) for name, shape in (("x", image), ("w", filters), ("b", (bias,)))}
    want = model.compile("reference")(**inputs)["y"]
    assert np.count_nonzero(want) > want.size / 4
    for target in ("gpu-sim", "gpu-sim:sm_75", "reference:sm_90a"):
        np.testing.assert_array_equal(model.compile(target)(**inputs)["y"], want, err_msg=target)
    # Bias and rectification are in the product's epilogue; what lies otherwise is turned before, and the result after it.
    kernels = [launch["kernel"].split("_")[0] for launch in model.report(target="nvptx:sm_90a")["gpu"]["launches"]]
    assert kernels == ["loops"] * before + ["matmul"] + ["loops"] * after
