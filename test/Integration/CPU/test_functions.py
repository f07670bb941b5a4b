"""Functions of f32 against those of twice as many bits, in units in the last place; the same bits on every machine."""

from __future__ import annotations

import math

import lowbit
import numpy as np
import pytest

# The function, what NumPy has for it in f64, and the largest error in units in the last place.
FUNCTIONS = {
    "sin": (np.sin, 1.0),
    "cos": (np.cos, 1.0),
    "tan": (np.tan, 2.0),
    "asin": (np.arcsin, 0.5001),
    "acos": (np.arccos, 0.5001),
    "atan": (np.arctan, 0.5001),
    "sinh": (np.sinh, 0.5001),
    "cosh": (np.cosh, 0.5001),
    "asinh": (np.arcsinh, 0.5001),
    "acosh": (np.arccosh, 0.5001),
    "atanh": (np.arctanh, 0.5001),
    "cbrt": (np.cbrt, 0.5001),
    "exp2": (np.exp2, 0.5001),
    "log2": (np.log2, 0.5001),
    "log10": (np.log10, 0.5001),
    "erfc": (np.vectorize(math.erfc, otypes=[float]), 0.5001),
}
SPECIAL = np.array([0, 1, 0.5, 2, 1e-45, 1e-38, 3.4028235e38, np.inf, np.nan, np.pi / 2, np.pi, 0.78539816], np.float32)


def make_sweep() -> np.ndarray:
    """Every magnitude of f32, what models have most, and the floats next to multiples of a quarter turn, of which huge ones are the worst."""
    random = np.random.default_rng(9)
    bits = np.linspace(0, 0x7F7FFFFF, 12001, dtype=np.int64).astype(np.uint32).view(np.float32)
    near = random.normal(size=12000) * 4
    turns = np.round(np.exp(random.uniform(0, 60, 12000))) * (np.pi / 2)
    worst = [16367173 * 2.0**72]  # of all floats nearest to a multiple of a quarter turn (Muller, Elementary Functions, 11.3)
    values = np.concatenate([SPECIAL, bits, near, turns, worst]).astype(np.float32)
    return np.concatenate([values, -values])


def make_module() -> str:
    kind = f"tensor<{make_sweep().size}xf32>"
    ops = "\n".join(f"    %{name} = math.{name} %a : f32" for name in FUNCTIONS)
    results = ", ".join(f'{kind} {{lowbit.name = "{name}"}}' for name in FUNCTIONS)
    names, kinds = ", ".join(f"%{name}" for name in FUNCTIONS), ", ".join([kind] * len(FUNCTIONS))
    count, scalars = len(FUNCTIONS), ", ".join(["f32"] * len(FUNCTIONS))
    return f"""
#map = affine_map<(i) -> (i)>
func.func @main(%x: {kind} {{lowbit.name = "x"}}) -> ({results}) {{
  %e = tensor.empty() : {kind}
  %y:{count} = linalg.generic {{indexing_maps = [{", ".join(["#map"] * (count + 1))}], iterator_types = ["parallel"]}}
      ins(%x : {kind}) outs({", ".join(["%e"] * count)} : {kinds}) {{
  ^bb0(%a: f32, {", ".join(f"%o{i}: f32" for i in range(count))}):
{ops}
    linalg.yield {names} : {scalars}
  }} -> ({kinds})
  return {", ".join(f"%y#{i}" for i in range(count))} : {kinds}
}}"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, np.ndarray]]:
    path = tmp_path_factory.mktemp("functions") / "functions.mlir"
    path.write_text(make_module())
    module = lowbit.load(path)
    return {target: module.compile(target)(x=make_sweep()) for target in ("host", "gpu-sim", "reference:sm_90a")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_units_in_the_last_place(found: dict[str, dict[str, np.ndarray]], name: str) -> None:
    function, most = FUNCTIONS[name]
    x = make_sweep()
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    for target, results in found.items():
        y = results[name]
        np.testing.assert_array_equal(np.isnan(y), np.isnan(rounded), target)
        number = ~np.isnan(rounded)
        np.testing.assert_array_equal(np.signbit(y)[number], np.signbit(rounded)[number], target)
        finite = np.isfinite(rounded) & np.isfinite(y)
        np.testing.assert_array_equal(y[~finite & number], rounded[~finite & number], target)
        ulps = np.abs(y[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite])).astype(np.float64)
        assert ulps.max() <= most, (target, ulps.max(), x[finite][ulps.argmax()])


def test_machines_agree_on_every_bit(found: dict[str, dict[str, np.ndarray]]) -> None:
    for name in FUNCTIONS:
        for target in ("gpu-sim", "host"):
            np.testing.assert_array_equal(found[target][name], found["reference:sm_90a"][name], f"{target}: {name}")
