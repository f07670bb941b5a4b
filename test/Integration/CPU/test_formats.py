"""Every number format end to end: tables, linear layers and convolutions quantized by recipes, compiled and run.

Products of integer codes have the bits of the reference lowering. All are what numpy makes of the recipe, within the rounding of f32 sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from numpy_formats import Scheme, dequantize, dequantize_table, dequantize_weight

ROWS, DEPTH, COLUMNS, WORDS, SIDE, FILTERS = 6, 64, 37, 20, 7, 16
TEXT = f"""
func.func @main(%ids: tensor<{ROWS}xi64> {{lowbit.name = "ids"}}, %x: tensor<{ROWS}x{DEPTH}xf32> {{lowbit.name = "x"}},
                %image: tensor<1x32x{SIDE}x{SIDE}xf32> {{lowbit.name = "image"}})
    -> (tensor<{ROWS}x{DEPTH}xf32> {{lowbit.name = "rows"}}, tensor<{ROWS}x{COLUMNS}xf32> {{lowbit.name = "linear"}},
        tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32> {{lowbit.name = "conv"}}) {{
  %zero = arith.constant 0.0 : f32
  %table = arith.constant dense_resource<table> : tensor<{WORDS}x{DEPTH}xf32>
  %weight = arith.constant dense_resource<weight> : tensor<{DEPTH}x{COLUMNS}xf32>
  %filter = arith.constant dense_resource<filter> : tensor<{FILTERS}x32x3x3xf32>
  %e0 = tensor.empty() : tensor<{ROWS}x{DEPTH}xf32>
  %rows = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%ids : tensor<{ROWS}xi64>) outs(%e0 : tensor<{ROWS}x{DEPTH}xf32>) {{
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 1 : index
    %element = tensor.extract %table[%row, %column] : tensor<{WORDS}x{DEPTH}xf32>
    linalg.yield %element : f32
  }} -> tensor<{ROWS}x{DEPTH}xf32>
  %e1 = tensor.empty() : tensor<{ROWS}x{COLUMNS}xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<{ROWS}x{COLUMNS}xf32>) -> tensor<{ROWS}x{COLUMNS}xf32>
  %linear = linalg.matmul ins(%x, %weight : tensor<{ROWS}x{DEPTH}xf32>, tensor<{DEPTH}x{COLUMNS}xf32>)
    outs(%z1 : tensor<{ROWS}x{COLUMNS}xf32>) -> tensor<{ROWS}x{COLUMNS}xf32>
  %e2 = tensor.empty() : tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>) -> tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>
  %conv = linalg.conv_2d_nchw_fchw ins(%image, %filter : tensor<1x32x{SIDE}x{SIDE}xf32>, tensor<{FILTERS}x32x3x3xf32>)
    outs(%z2 : tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>) -> tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>
  return %rows, %linear, %conv : tensor<{ROWS}x{DEPTH}xf32>, tensor<{ROWS}x{COLUMNS}xf32>, tensor<1x{FILTERS}x{SIDE - 2}x{SIDE - 2}xf32>
}}
"""
SCORES = """
func.func @main(%q: tensor<3x9x32xf32> {lowbit.name = "q"}, %k: tensor<3x11x32xf32> {lowbit.name = "k"}) -> (tensor<3x9x11xf32> {lowbit.name = "scores"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x9x11xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<3x9x11xf32>) -> tensor<3x9x11xf32>
  %scores = linalg.batch_matmul indexing_maps = [affine_map<(h, i, j, d) -> (h, i, d)>, affine_map<(h, i, j, d) -> (h, j, d)>, affine_map<(h, i, j, d) -> (h, i, j)>]
      ins(%q, %k : tensor<3x9x32xf32>, tensor<3x11x32xf32>) outs(%z : tensor<3x9x11xf32>) -> tensor<3x9x11xf32>
  return %scores : tensor<3x9x11xf32>
}
"""
INTEGERS = [*(f"int<{width}>" for width in (8, 6, 5, 4, 3, 2)), *(f"uint<{width}>" for width in (8, 6, 5, 4, 3, 2)), "ternary", "binary"]
FLOATS = ["codebook<nf4>", *(f"float<{name}>" for name in ("f8E4M3FN", "f8E5M2", "f6E2M3FN", "f6E3M2FN", "f4E2M1FN"))]
TOKEN = {"format": "uint<8>", "zero": "i8", "per": "token", "mode": "dynamic"}
TENSOR = {"format": "uint<8>", "zero": "i8", "per": "tensor", "mode": "dynamic"}
STATIC = {"format": "uint<8>", "zero": "i8", "per": "tensor", "mode": "static"}


@dataclass(frozen=True)
class Case:
    """The weights' format, who shares a scale, and what activations are: `float`, `dynamic` or `static`."""

    form: str
    share: str
    activations: str = "float"

    @property
    def weight(self) -> Scheme:
        shares = {
            "tensor": {},
            "channel": {"per": "channel"},
            "groups": {"per": "channel", "group": 32, "scale": "f16"},
            "mx": {"per": "channel", "group": 32, "scale": "f8E8M0FNU"},
            "nv": {"per": "channel", "group": 16, "scale": "f8E4M3FN", "tensor_scale": True},
        }
        return {"format": self.form, **shares[self.share]} | ({"zero": "i8"} if self.form.startswith("uint") else {})

    @property
    def is_exact(self) -> bool:
        return self.activations != "float" and self.form in INTEGERS


CASES = [
    *(Case(form, "groups") for form in (*INTEGERS, *FLOATS)),
    *(Case(form, "mx") for form in FLOATS[1:]),
    *(Case(form, "nv") for form in ("float<f4E2M1FN>", "int<4>")),
    *(Case(form, "groups", "dynamic") for form in INTEGERS),
    *(Case(form, "mx", "dynamic") for form in FLOATS[1:]),
    *(Case(form, "channel", "static") for form in INTEGERS),
    *(Case(form, "tensor", "dynamic") for form in ("int<8>", "uint<4>", "ternary", "codebook<nf4>")),
    Case("float<f4E2M1FN>", "nv", "dynamic"),
    Case("codebook<nf4>", "groups", "static"),
]


def hexadecimal(array: np.ndarray) -> str:
    return f'"0x04000000{np.ascontiguousarray(array).tobytes().hex()}"'


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Constants and inputs. Weights are small, and some of their rows smaller by far, as scales of 8 bits find them."""
    rng = np.random.default_rng(7)
    rows = np.where(np.arange(DEPTH) // 16 % 2 == 0, 1e-3, 1e-5)
    return {
        "table": rng.normal(size=(WORDS, DEPTH)).astype(np.float32),
        "weight": (rng.normal(size=(DEPTH, COLUMNS)) * rows[:, None]).astype(np.float32),
        "filter": rng.normal(size=(FILTERS, 32, 3, 3)).astype(np.float32),
        "ids": rng.integers(0, WORDS, ROWS),
        "x": rng.normal(size=(ROWS, DEPTH)).astype(np.float32),
        "image": rng.normal(size=(1, 32, SIDE, SIDE)).astype(np.float32) + np.float32(0.5),
    }


@pytest.fixture(scope="module")
def module(arrays: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    path = tmp_path_factory.mktemp("formats") / "m.mlir"
    resources = ", ".join(f"{name}: {hexadecimal(arrays[name])}" for name in ("table", "weight", "filter"))
    path.write_text(f"{TEXT}{{-# dialect_resources: {{ builtin: {{ {resources} }} }} #-}}\n")
    return lowbit.load(path)


def get_inputs(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[name] for name in ("ids", "x", "image")}


def write_recipe(case: Case) -> tuple[dict[str, Any], Scheme]:
    """The recipe, and the scheme of filters, whose window no group divides."""
    filters = {key: case.weight[key] for key in ("format", "zero") if key in case.weight} | {"per": "channel"}
    linear: dict[str, Any] = {"kind": "linear", "weight": case.weight}
    conv: dict[str, Any] = {"kind": "conv", "weight": filters}
    if case.activations != "float":
        linear["activation"] = TOKEN if case.activations == "dynamic" else STATIC
        conv["activation"] = TENSOR if case.activations == "dynamic" else STATIC
    table = {"kind": "embedding", "weight": case.weight}
    return {"version": 1, "name": "formats", "rules": [table, linear, conv]}, filters


def expect(case: Case, filters: Scheme, arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each output what numpy says, and the sum of magnitudes that it is rounded from."""
    rows = dequantize_table(arrays["table"], case.weight)[arrays["ids"]]
    x, image = arrays["x"], arrays["image"]
    if case.activations != "float":
        x = dequantize(x, TOKEN, 1 if case.activations == "dynamic" else None)
        image = dequantize(image, TENSOR, None)
    kernel = dequantize(arrays["filter"].reshape(FILTERS, -1), filters, 1).reshape(arrays["filter"].shape).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(image[0].astype(np.float64), (3, 3), axis=(1, 2))
    weight = dequantize_weight(arrays["weight"], case.weight).astype(np.float64)
    return {
        "rows": (rows, np.abs(rows)),
        "linear": (x @ weight, np.abs(x) @ np.abs(weight)),
        "conv": tuple(np.einsum("chwij,fcij->fhw", f(windows), f(kernel))[None] for f in (np.asarray, np.abs)),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.form}-{case.share}-{case.activations}")
def test_format(module: lowbit.Module, arrays: dict[str, np.ndarray], case: Case) -> None:
    recipe, filters = write_recipe(case)
    stats = module.calibrate([get_inputs(arrays)], recipe=recipe, progress=False) if case.activations == "static" else None
    quantized = module.quantize(recipe, stats=stats)
    found, reference = (quantized.compile(target=target)(**get_inputs(arrays)) for target in ("host", "reference"))
    for name, (expected, magnitude) in expect(case, filters, arrays).items():
        if case.is_exact or name == "rows":
            assert found[name].tobytes() == reference[name].tobytes(), name
        np.testing.assert_array_less(np.abs(found[name] - expected), 4e-6 * magnitude + 1e-12, err_msg=name)


def test_tensor_scale_keeps_small_groups(module: lowbit.Module, arrays: dict[str, np.ndarray]) -> None:
    """Groups whose scale is below the smallest f8E4M3FN keep three digits or none."""
    weights = {}
    for share in ("alone", "beside"):
        scheme = Case("float<f4E2M1FN>", "nv").weight | {"tensor_scale": share == "beside"}
        recipe = {"version": 1, "name": share, "rules": [{"kind": "linear", "weight": scheme}, {"keep": "not looked at"}]}
        function = module.quantize(recipe).compile()
        inputs = get_inputs(arrays) | {"x": np.zeros((ROWS, DEPTH), np.float32)}
        inputs["x"][np.arange(ROWS), np.arange(ROWS) + 16] = 1
        weights[share] = function(**inputs)["linear"]
    small = arrays["weight"][16 : 16 + ROWS]
    assert not weights["alone"].any()
    assert np.linalg.norm(weights["beside"] - small) < 0.15 * np.linalg.norm(small)


FORMS = ["int<8>", "uint<8>", "int<6>", "uint<4>", "int<4>", "float<f8E4M3FN>", "codebook<nf4>"]


@pytest.mark.parametrize(("form", "per"), [*((form, "token") for form in FORMS), ("int<8>", "tensor"), ("uint<8>", "tensor")])
def test_products_of_activations(tmp_path: Path, form: str, per: str) -> None:
    """Both sides of attention's products get codes at run time: a scale for each query and each key, or one a side."""
    (tmp_path / "m.mlir").write_text(SCORES)
    rng = np.random.default_rng(11)
    q, k = (rng.normal(size=(3, rows, 32)).astype(np.float32) for rows in (9, 11))
    scheme = {"format": form, "per": per, "mode": "dynamic"} | ({"zero": "i8"} if form.startswith("uint") else {})
    module = lowbit.load(tmp_path / "m.mlir").quantize(
        {"version": 1, "name": "scores", "rules": [{"kind": "attention", "activation": scheme}]}
    )
    found, reference = (module.compile(target=target)(q=q, k=k)["scores"] for target in ("host", "reference"))
    left, right = (dequantize(side, scheme, 2 if per == "token" else None).astype(np.float64) for side in (q, k))
    magnitude = np.abs(left) @ np.abs(right).transpose(0, 2, 1)
    if form in INTEGERS:
        assert found.tobytes() == reference.tobytes()
    np.testing.assert_array_less(np.abs(found - left @ right.transpose(0, 2, 1)), 4e-6 * magnitude)
