"""Powers of floats against those of twice as many bits, rounded: on every machine the same."""

from __future__ import annotations

import lowbit
import numpy as np
import pytest

SPECIAL = np.array([0, 1, 2, 3, 0.5, 2.5, 1e-38, 1e-45, 3e38, 16777217, 2147483648, 1e30, np.inf, np.nan], np.float32)


def make_operands() -> tuple[np.ndarray, np.ndarray]:
    """Every pair of special numbers of both signs; numbers near 1 and far from it; a step's corrections (0.999 to the step)."""
    special = np.concatenate([SPECIAL, -SPECIAL])
    x, y = (axis.ravel() for axis in np.meshgrid(special, special))
    random = np.random.default_rng(5)
    near = random.uniform(0.5, 2, 20000), random.uniform(-160, 160, 20000)
    far = np.exp(random.uniform(-80, 80, 20000)), random.uniform(-3, 3, 20000)
    whole = random.normal(size=5000) * 4, random.integers(-40, 40, 5000)
    steps = np.repeat([0.9, 0.999], 5000), np.tile(np.arange(1, 5001), 2)
    bases, exponents = zip(near, far, whole, steps, strict=True)
    return np.concatenate([x, *bases]).astype(np.float32), np.concatenate([y, *exponents]).astype(np.float32)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    kind = f"tensor<{make_operands()[0].size}xf32>"
    path = tmp_path_factory.mktemp("power") / "power.mlir"
    path.write_text(f"""
#map = affine_map<(i) -> (i)>
func.func @main(%x: {kind} {{lowbit.name = "x"}}, %y: {kind} {{lowbit.name = "y"}}) -> ({kind} {{lowbit.name = "z"}}) {{
  %e = tensor.empty() : {kind}
  %z = linalg.generic {{indexing_maps = [#map, #map, #map], iterator_types = ["parallel"]}} ins(%x, %y : {kind}, {kind}) outs(%e : {kind}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.powf %a, %b : f32
    linalg.yield %0 : f32
  }} -> {kind}
  return %z : {kind}
}}""")
    return lowbit.load(path)


@pytest.mark.parametrize("target", ["host", "generic", "gpu-sim"])
def test_powers_are_those_of_c(module: lowbit.Module, target: str) -> None:
    x, y = make_operands()
    found = module.compile(target)(x=x, y=y)["z"]
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
        rounded = exact.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    np.testing.assert_array_equal(np.signbit(found)[~np.isnan(rounded)], np.signbit(rounded)[~np.isnan(rounded)])
    finite = np.isfinite(rounded) & np.isfinite(found)
    np.testing.assert_array_equal(found[~finite & ~np.isnan(rounded)], rounded[~finite & ~np.isnan(rounded)])
    assert finite.sum() > 50000
    # Rounded from f64: at most half a unit in the last place, but for what f64 itself loses. Subnormal numbers, too.
    ulps = np.abs(found[finite] - exact[finite]) / np.spacing(np.abs(rounded[finite])).astype(np.float64)
    assert ulps.max() < 0.5001, (ulps.max(), x[finite][ulps.argmax()], y[finite][ulps.argmax()])
