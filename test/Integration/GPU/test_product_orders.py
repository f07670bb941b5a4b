"""Products of small floats and with weights of few bits: kernels in the simulator and the loops of `reference:ARCH` agree in all bits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import float8
import lowbit
import ml_dtypes
import numpy as np
import pytest
from float8 import E4M3, E5M2
from products import BIN
from test_float8 import contraction
from test_levels_compiled import CODEBOOK, Case, hexadecimal

TARGETS = {"sm_80": "gpu-sim:sm_80", "sm_90a": "gpu-sim"}


def compare(model: lowbit.Module, inputs: dict[str, np.ndarray], chip: str) -> np.ndarray:
    """The result, which is equal on both."""
    found, want = (model.compile(target)(**inputs)["y"] for target in (TARGETS[chip], f"reference:{chip}"))
    np.testing.assert_array_equal(found, want)
    return found


# Groups of 16 and more, none; numbers less zero points, bits that are moved, sums of two and three halves; both halves.
CASES = [
    (Case("nvfp4", "float<f4E2M1FN>", 16, "f8E4M3FN", "f16"), "sm_90a"),
    (Case("mxfp4", "float<f4E2M1FN>", 32, "f8E8M0FNU", "bf16"), "sm_80"),
    (Case("nf4", "codebook<nf4>", 64, "f16", "f16"), "sm_80"),
    (Case("nf4 bf16", "codebook<nf4>", 64, "f16", "bf16"), "sm_90a"),
    (Case("few levels", CODEBOOK, 0, "f32", "f16", high=7), "sm_90a"),
    (Case("numbers less zero points", "uint<4>", 64, "f16", "f16", zeros="i8"), "sm_80"),
    (Case("numbers", "uint<4>", 0, "f32", "bf16"), "sm_90a"),
    (Case("codes", "uint<4>", 64, "f32"), "sm_90a"),
    (Case("nf4 f32", "codebook<nf4>", 64, "f16", "f32"), "sm_90a"),
    (Case("numbers f32", "uint<4>", 0, "f32", "f32"), "sm_80"),
]


@pytest.mark.parametrize(("case", "chip"), CASES, ids=lambda part: part.name if isinstance(part, Case) else part)
def test_few_bits(case: Case, chip: str, tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text(case.function())
    inputs = case.arguments()
    if case.lhs:  # of which dots are not exact
        number = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32}[case.lhs]
        inputs["a"] = (np.random.default_rng(1).normal(size=(case.m, case.k)) * 4).astype(number)
    if case.lhs == "f32":  # parts of what is very large or small, and of what has none
        inputs["a"][0, :8] = [3.4e38, -3.4e38, 1e-45, -1e-39, 1e-30, 0, -0.0, 2.0**-133]
        inputs["a"][1:3, 5] = [np.inf, np.nan]
    assert compare(lowbit.load(tmp_path / "m.mlir"), inputs, chip).shape == (case.m, case.n)


@pytest.mark.parametrize("chip", ["sm_89", "sm_90a"])
def test_float8(chip: str, tmp_path: Path) -> None:
    """A reduction of some parts and a rest, of any codes, NaN and infinities among them. By mma.sync, whose order is another one, where there is no wgmma."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (size, 301)).astype(np.uint8).view(kind) for size, kind in ((19, E5M2), (34, E4M3)))
    a[3:], b[5:] = (np.where(np.isfinite(side.astype(np.float32)), side, np.zeros_like(side)) for side in (a[3:], b[5:]))
    source, formed = tmp_path / "m.mlir", tmp_path / "formed.mlir"
    source.write_text(contraction((E5M2, E4M3), (19, 34, 301)))
    inputs = {"a": a, "b": b, "s": np.float32(0.5)}
    found = lowbit.load(source).compile(f"gpu-sim:{chip}" if chip == "sm_89" else "gpu-sim")(**inputs)["y"]
    subprocess.run([BIN / "quant-opt", source, f"--lowbit-form-kernel-ops=target=nvptx:{chip}", "-o", formed], check=True)
    np.testing.assert_array_equal(found, lowbit.load(formed).compile("reference")(**inputs)["y"])
    sums = (float8.warp_sums if chip == "sm_89" else float8.warpgroup_sums)(a[3:], b[5:])
    np.testing.assert_array_equal(found[3:, 5:], sums * np.float32(0.5) * np.float32(0.5))


def perceptron(element: str) -> str:
    """Two layers with a ReLU between them."""
    rng = np.random.default_rng(3)

    def weights(rows: int, columns: int) -> str:
        number = {"f16": np.float16, "f32": np.float32}[element]
        return f"arith.constant {hexadecimal((rng.normal(size=(rows, columns)) / 8).astype(number))} : tensor<{rows}x{columns}x{element}>"

    return f"""
func.func @main(%x: tensor<9x128x{element}> {{lowbit.name = "x"}}) -> (tensor<9x40x{element}> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : {element}
  %w0 = {weights(128, 192)}
  %w1 = {weights(192, 40)}
  %e0 = tensor.empty() : tensor<9x192x{element}>
  %z0 = linalg.fill ins(%zero : {element}) outs(%e0 : tensor<9x192x{element}>) -> tensor<9x192x{element}>
  %h = linalg.matmul ins(%x, %w0 : tensor<9x128x{element}>, tensor<128x192x{element}>) outs(%z0 : tensor<9x192x{element}>)
    -> tensor<9x192x{element}> loc("up")
  %r = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}}
    ins(%h : tensor<9x192x{element}>) outs(%e0 : tensor<9x192x{element}>) {{
  ^bb0(%a: {element}, %o: {element}):
    %m = arith.maximumf %a, %zero : {element}
    linalg.yield %m : {element}
  }} -> tensor<9x192x{element}>
  %e1 = tensor.empty() : tensor<9x40x{element}>
  %z1 = linalg.fill ins(%zero : {element}) outs(%e1 : tensor<9x40x{element}>) -> tensor<9x40x{element}>
  %y = linalg.matmul ins(%r, %w1 : tensor<9x192x{element}>, tensor<192x40x{element}>) outs(%z1 : tensor<9x40x{element}>)
    -> tensor<9x40x{element}> loc("down")
  return %y : tensor<9x40x{element}>
}}
"""


def float8_recipe() -> dict[str, object]:
    """Both sides in 8-bit floats; weights with a scale for every 64 neighbours."""
    weight = {"format": "float<f8E4M3FN>", "per": "channel", "group": 64}
    return {
        "version": 1,
        "name": "fp8",
        "rules": [{"kind": "linear", "weight": weight, "activation": {"format": "float<f8E4M3FN>", "mode": "dynamic", "per": "token"}}],
    }


MODELS = {
    "w4a16": ("w4a16", "f16", "lowbit.grouped_matmul"),
    "nf4": ("nf4", "f16", "lowbit.grouped_matmul"),
    "fp8": (float8_recipe(), "f32", "group 64"),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str, tmp_path: Path) -> None:
    """A model by a recipe, all of whose products have kernels."""
    recipe, element, word = MODELS[name]
    source = tmp_path / "q.mlir"
    (tmp_path / "m.mlir").write_text(perceptron(element))
    model = lowbit.load(tmp_path / "m.mlir").quantize(recipe)
    model.save(source, text=True)
    formed = subprocess.run(
        [BIN / "quant-opt", source, "--lowbit-form-kernel-ops=target=nvptx:sm_90a"], check=True, capture_output=True, text=True
    )
    assert formed.stdout.count(word) == 2
    assert "lowbit.contract" not in formed.stdout
    x = np.random.default_rng(1).normal(size=(9, 128)).astype(np.float16 if element == "f16" else np.float32)
    compare(model, {"x": x}, "sm_90a")
