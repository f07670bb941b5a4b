"""Parametrizations of weights beside the formulas of their papers; what is trained is what is deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.cli import main
from training_model import RECIPE, make_data, write_net

SHAPE = (6, 8)
FORMATS = {"twn": "ternary", "ttq": "ternary", "xnor": "binary", "dorefa": "int<3>"}
# Groups of four rows in each column; a scale for each column; one for all.
BLOCKS = {"group": ([3, 1], (2, 8)), "column": ([0, 1], (1, 8)), "all": (None, ())}


def recipe(weight: str) -> dict[str, Any]:
    activation = {"format": "uint<4>", "mode": "static", "observer": "minmax"}
    return {
        "version": 1,
        "name": "t",
        "algorithms": [],
        "rules": [{"weight": {"format": weight, "per": "channel"}, "activation": activation}],
    }


def blocks(w: np.ndarray, name: str) -> np.ndarray:
    """The weights that share a scale, along the last axis; the axes before it are those of the scales."""
    rows, columns = SHAPE
    if name == "group":
        return w.reshape(2, rows // 2, columns).transpose(0, 2, 1)
    return w.T[None] if name == "column" else w.reshape(-1)


def unblock(values: np.ndarray, name: str) -> np.ndarray:
    if name == "group":
        return values.transpose(0, 2, 1).reshape(SHAPE)
    return values[0].T if name == "column" else values.reshape(SHAPE)


def reference(rule: str, w: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rounded weights, and scales, of weights by block and scales `[…, 1]`."""
    size = np.abs(w)
    if rule == "xnor":
        scale = size.mean(-1, keepdims=True)
        return np.where(w >= 0, scale, -scale), scale
    if rule == "dorefa":
        largest = 3
        bound = np.tanh(w) / np.abs(np.tanh(w)).max(-1, keepdims=True)
        return np.rint(bound * largest) * scale, scale
    threshold = 0.7 * size.mean(-1, keepdims=True) if rule == "twn" else 0.05 * size.max(-1, keepdims=True)
    if rule == "twn":
        scale = (size * (size > threshold)).sum(-1, keepdims=True) / (size > threshold).sum(-1, keepdims=True)
    return np.sign(w) * (size > threshold) * scale, scale


def write(folder: Path, rule: str, block: list[int] | None, scales: tuple[int, ...]) -> lowbit.Module:
    """The sum of the rounded weights, each by its own factor."""
    kind, scheme = "tensor<6x8xf32>", f"<#lowbit.{FORMATS[rule]}{'' if block is None else f', block = {block}'}>"
    scale = f"tensor<{''.join(f'{n}x' for n in scales)}f32>"
    (folder / "m.mlir").write_text(f"""
func.func @main(%w: {kind} {{lowbit.name = "w", lowbit.parameter = "weight"}}, %s: {scale} {{lowbit.name = "s", lowbit.parameter = "scale"}},
                %c: {kind} {{lowbit.name = "c"}}) -> (tensor<f32> {{lowbit.name = "loss"}}, {kind} {{lowbit.name = "q"}}) {{
  %none = arith.constant 0.0 : f32
  %q = lowbit.fake_quant %w, %s {scheme} : ({kind}, {scale}) -> {kind} by #lowbit.lsq
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%none : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                        iterator_types = ["reduction", "reduction"]}} ins(%q, %c : {kind}, {kind}) outs(%f : tensor<f32>) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %n = arith.addf %o, %p : f32
    linalg.yield %n : f32
  }} -> tensor<f32>
  return %r, %q : tensor<f32>, {kind}
}}""")
    return lowbit.load(folder / "m.mlir").transform(f"lowbit-parametrize-weights{{rules={rule}}},lowbit-differentiate{{function=main}}")


@pytest.mark.parametrize("block", sorted(BLOCKS))
@pytest.mark.parametrize("rule", sorted(FORMATS))
def test_values_and_gradients(tmp_path: Path, rule: str, block: str) -> None:
    random = np.random.default_rng(3)
    shares, shape = BLOCKS[block]
    model = write(tmp_path, rule, shares, shape)
    w, c = (random.standard_normal(SHAPE).astype(np.float32) for _ in range(2))
    s = random.uniform(0.2, 0.5, shape).astype(np.float32)
    function = lowbit.Module(model._native, "main_gradients").compile("reference")
    names = {port.name for port in function.inputs}
    found = {name: np.array(value) for name, value in function(**{n: v for n, v in {"w": w, "s": s, "c": c}.items() if n in names}).items()}
    wide, factors = blocks(w.astype(np.float64), block), blocks(c.astype(np.float64), block)
    values, scale = reference(rule, wide, s.astype(np.float64).reshape(*wide.shape[:-1], 1))
    np.testing.assert_allclose(found["q"], unblock(values, block), rtol=2e-6, atol=1e-7)

    # Straight through the rounding, by what the weight was multiplied by before; XNOR's scale passes on a share to all besides.
    size, codes = np.abs(wide), values / scale
    along = (factors * codes).sum(-1, keepdims=True)
    if rule == "xnor":
        expected = factors + np.sign(wide) / wide.shape[-1] * along
    elif rule == "dorefa":
        expected = factors * scale * 3 * (1 - np.tanh(wide) ** 2) / np.abs(np.tanh(wide)).max(-1, keepdims=True)
    else:
        threshold = 0.7 * size.mean(-1, keepdims=True) if rule == "twn" else 0.05 * size.max(-1, keepdims=True)
        expected = factors * scale / (2 * threshold)
    np.testing.assert_allclose(found["gradient.w"], unblock(expected, block), rtol=1e-4, atol=1e-5)
    if rule in ("ttq", "dorefa"):
        np.testing.assert_allclose(found["gradient.s"].reshape(-1), along.reshape(-1), rtol=1e-4, atol=1e-5)
    else:
        assert "gradient.s" not in found


def test_the_binary_scale_beside_differences(tmp_path: Path) -> None:
    """Signs stay the same over a small step, so that what changes is the scale."""
    random = np.random.default_rng(5)
    model = write(tmp_path, "xnor", [0, 1], (1, 8))
    function = lowbit.Module(model._native, "main_gradients").compile("reference")
    w = (random.choice([-1, 1], SHAPE) * random.uniform(0.5, 1.5, SHAPE)).astype(np.float32)
    c, s = random.standard_normal(SHAPE).astype(np.float32), np.ones((1, 8), np.float32)
    straight = np.array(function(w=w, s=s, c=c)["gradient.w"]) - c
    for index in ((0, 0), (3, 5), (5, 7)):
        sides = []
        for sign in (1, -1):
            moved = w.copy()
            moved[index] += sign * 0.125
            sides.append(float(function(w=moved, s=s, c=c)["loss"]))
        assert straight[index] == pytest.approx((sides[0] - sides[1]) / 0.25, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("rule", sorted(FORMATS))
def test_what_is_trained_is_deployed(tmp_path: Path, rule: str) -> None:
    """The step's forward pass, and the deployed model's, by the same parameters: up to the order of sums. It learns, too."""
    model, valid = lowbit.load(write_net(tmp_path / "m.mlir")), make_data(48, seed=3)
    options: dict[str, Any] = {"rate": 1e-2, "progress": False, "parametrization": rule}
    trained = qat.fit(model, make_data(), recipe(FORMATS[rule]), epochs=8, valid=valid, **options)
    assert trained.history[-1].metric > 85
    step = lowbit.Module(trained.plan.training._native, "main").compile()
    parts = [np.array(step(**trained.parameters, x=valid["x"][i : i + 8])["y"]) for i in range(0, 48, 8)]
    deployed = trained.module.compile()
    for i, part in enumerate(parts):
        np.testing.assert_allclose(deployed(x=valid["x"][8 * i : 8 * i + 8])["y"], part, rtol=1e-5, atol=1e-5)
    computes = rule in ("twn", "xnor")
    for name in ("fc0.weight_scale", "fc1.weight_scale"):
        assert np.array_equal(trained.parameters[name], trained.plan.initial[name]) == computes
        derived = trained.plan.derive(trained.parameters)[name]
        assert np.array_equal(derived, trained.parameters[name]) != computes


def test_by_pattern(tmp_path: Path) -> None:
    """One layer by a rule, the other as without any."""
    model = lowbit.load(write_net(tmp_path / "m.mlir"))
    trained = qat.fit(model, make_data(), recipe("ternary"), epochs=1, parametrization=["fc1.weight=twn<threshold = 0.6>"], progress=False)
    derived = trained.plan.derive(trained.parameters)
    assert np.array_equal(derived["fc0.weight"], trained.parameters["fc0.weight"])
    assert not np.array_equal(derived["fc1.weight"], trained.parameters["fc1.weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parametrization": "twn"}, r"no weight takes `twn`"),
        ({"parametrization": ["*.weight=twn"]}, r"rounds `fc0.weight` to #lowbit.int<3>, which `\*.weight=twn` does not fit"),
        ({"parametrization": "three"}, r"there is no parametrization `three`; expected one such as `xnor`"),
        ({"parametrization": ["fc9.*=dorefa"]}, r"no weight takes `fc9\.\*=dorefa`"),
        ({"parametrization": "dorefa", "parameters": ["*.weight"]}, r"by a scale that is no parameter"),
        ({"stochastic": ["fc9.*"]}, r"nothing that is rounded matches `fc9\.\*`"),
        ({"range_average": 1.0}, r"range_average is 1.0; expected a decay from 0"),
        ({"rates": {"fc9.*": 0.5}}, r"no parameter matches rate `fc9\.\*=0.5`"),
        ({"rates": {"fc0.*": -0.5}}, r"rate `fc0\.\*=-0.5`; expected PATTERN=FACTOR"),
        ({"optimizer": "lamb<beta1 = 1.5>"}, r"there is no optimizer `lamb<beta1 = 1.5>`"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    model = lowbit.load(write_net(tmp_path / "m.mlir"))
    with pytest.raises(lowbit.Error, match=message):
        qat.fit(model, make_data(), RECIPE, epochs=1, progress=False, **options)


def test_the_command_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What it writes is what `fit` gives for the same options."""
    monkeypatch.chdir(tmp_path)
    model = lowbit.load(write_net(Path("m.mlir")))
    np.savez(tmp_path / "d.npz", **make_data())
    (tmp_path / "r.json").write_text(json.dumps(recipe("ternary")))
    words = "train m.mlir --data d.npz --recipe r.json --epochs 1 -o q.mlir --optimizer lamb --rates fc0.bias=0 --parametrization fc0.*=twn"
    assert main([*words.split(), "--parametrization", "ttq<threshold = 0.1>", "--stochastic", "*.weight", "--range-average", "0.9"]) == 0
    trained = qat.fit(
        model,
        make_data(),
        recipe("ternary"),
        epochs=1,
        optimizer="lamb",
        rates={"fc0.bias": 0.0},
        parametrization=["fc0.*=twn", "ttq<threshold = 0.1>"],
        stochastic=["*.weight"],
        range_average=0.9,
        progress=False,
    )
    x = make_data()["x"][:8]
    found, expected = lowbit.load("q.mlir").compile()(x=x)["y"], trained.module.compile()(x=x)["y"]
    assert found.tobytes() == expected.tobytes()
    assert "bytes of constants" in capsys.readouterr().err


def test_floats_have_no_rounding(tmp_path: Path) -> None:
    model = lowbit.load(write_net(tmp_path / "m.mlir"))
    with pytest.raises(lowbit.Error, match="there is no recipe; give one"):
        qat.fit(model, make_data(), None, epochs=1, progress=False, stochastic="*")
