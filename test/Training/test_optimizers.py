"""Optimizers beside numpy, over several steps; rates by pattern; scales that follow what is seen."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat
from training_model import RECIPE, make_data, write_net

TEXT = """
func.func @loss_gradients(%w: tensor<3x4xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %b: tensor<4xf32> {lowbit.name = "b", lowbit.parameter = "other"},
                          %s: tensor<f32> {lowbit.name = "s", lowbit.parameter = "scale"}, %gw: tensor<3x4xf32> {lowbit.name = "gw"},
                          %gb: tensor<4xf32> {lowbit.name = "gb"}, %gs: tensor<f32> {lowbit.name = "gs"})
    -> (tensor<f32> {lowbit.name = "loss"}, tensor<3x4xf32> {lowbit.name = "gradient.w"}, tensor<4xf32> {lowbit.name = "gradient.b"},
        tensor<f32> {lowbit.name = "gradient.s"}) {
  return %gs, %gw, %gb, %gs : tensor<f32>, tensor<3x4xf32>, tensor<4xf32>, tensor<f32>
}
"""
NAMES = ("w", "b", "s")


def run(
    folder: Path, options: str, start: dict[str, np.ndarray], gradients: list[dict[str, np.ndarray]], rate: float
) -> dict[str, np.ndarray]:
    (folder / "m.mlir").write_text(TEXT)
    stepping = lowbit.load(folder / "m.mlir", entry="loss_gradients").transform(f"lowbit-add-optimizer{{{options}}}")
    step = lowbit.Module(stepping._native, "training_step").compile("host")
    arrays = {port.name: np.zeros(tuple(port.shape), port.dtype) for port in step.inputs}
    for name, value in start.items():
        arrays[name][...] = value
    arrays["rate"][...] = rate
    call = step.bind(**arrays)
    for count, each in enumerate(gradients, 1):
        arrays["step"][...] = count
        for name, value in each.items():
            arrays[f"g{name}"][...] = value
        call()
    return {name: arrays[name] for name in NAMES}


def make(seed: int, steps: int) -> tuple[dict[str, np.ndarray], list[dict[str, np.ndarray]]]:
    random = np.random.default_rng(seed)
    shapes = {"w": (3, 4), "b": (4,), "s": ()}
    start = {name: random.uniform(0.5, 1.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return start, [{name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(steps)]


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_lamb(tmp_path: Path, decay: float) -> None:
    """Algorithm 2 of its paper for the weight; the bias and the scale as Adam has them, neither decaying."""
    start, gradients = make(1, 5)
    found = run(tmp_path, f'optimizer="lamb<decay = {decay}>" scale-rate=0.5', start, gradients, 0.02)
    for name in NAMES:
        value, first, second = start[name].astype(np.float64), 0.0, 0.0
        for count, each in enumerate(gradients, 1):
            gradient = each[name].astype(np.float64)
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            change = first / (1 - 0.9**count) / (np.sqrt(second / (1 - 0.999**count)) + 1e-6)
            ratio = 1.0
            if name == "w":
                change = change + decay * value
                ratio = np.linalg.norm(value) / np.linalg.norm(change)
            value = value - 0.02 * (0.5 if name == "s" else 1.0) * ratio * change
        np.testing.assert_allclose(found[name], value, rtol=2e-5)


def test_lamb_moves_weights_that_are_zero(tmp_path: Path) -> None:
    """Where a norm is zero, the ratio is one: nothing is divided by it, and nothing stays at zero for good."""
    start, gradients = make(2, 1)
    start["w"][...] = 0
    found = run(tmp_path, "optimizer=lamb", start, gradients, 0.02)
    np.testing.assert_allclose(found["w"], -0.02 * np.sign(gradients[0]["w"]), rtol=1e-3)
    still = run(tmp_path, "optimizer=lamb", make(2, 1)[0], [{name: np.zeros_like(value) for name, value in start.items()}], 0.02)
    np.testing.assert_array_equal(still["w"], make(2, 1)[0]["w"])


@pytest.mark.parametrize("optimizer", ["sgd", "lamb"])
def test_rates(tmp_path: Path, optimizer: str) -> None:
    """The first that matches counts, beside the share of scales; by 0 a parameter stays."""
    start, gradients = make(3, 1)
    plain = run(tmp_path, f"optimizer={optimizer} scale-rate=0.5", start, gradients, 0.02)
    found = run(tmp_path, f'optimizer={optimizer} scale-rate=0.5 rates="w=0.25,s=0.5,?=0"', start, gradients, 0.02)
    for name, factor in {"w": 0.25, "b": 0.0, "s": 0.5}.items():
        np.testing.assert_allclose(found[name] - start[name], factor * (plain[name] - start[name]), rtol=1e-3, atol=1e-7)


def test_rates_of_a_training(tmp_path: Path) -> None:
    model = lowbit.load(write_net(tmp_path / "m.mlir"))
    trained = qat.fit(model, make_data(), RECIPE, epochs=1, rates={"fc0.*": 0.0}, progress=False)
    for name, value in trained.parameters.items():
        assert np.array_equal(value, trained.plan.initial[name]) == name.startswith("fc0."), name


def test_averages_of_ranges(tmp_path: Path) -> None:
    """Of the largest inputs of each batch, in the order that they were taken; weights and their scales are trained as ever."""
    model, data = lowbit.load(write_net(tmp_path / "m.mlir")), make_data(48)
    batches = [{name: array[i : i + 8] for name, array in data.items()} for i in range(0, 48, 8)]
    trained = qat.fit(model, batches, RECIPE, epochs=2, rate=1e-2, range_average=0.75, progress=False)
    scale = trained.plan.initial["fc0.activation_scale"].astype(np.float64)
    for _ in range(2):
        for batch in batches:
            scale = 0.75 * scale + 0.25 * np.abs(batch["x"]).max() / 15
    np.testing.assert_allclose(trained.parameters["fc0.activation_scale"], scale, rtol=1e-5)
    for name in ("fc1.activation_scale", "fc0.weight", "fc0.weight_scale"):
        assert not np.array_equal(trained.parameters[name], trained.plan.initial[name])


def test_averages_of_ranges_need_static_activations(tmp_path: Path) -> None:
    model = lowbit.load(write_net(tmp_path / "m.mlir"))
    dynamic = {**RECIPE, "rules": [{"weight": {"format": "int<3>"}, "activation": {"format": "int<8>", "mode": "dynamic"}}]}
    with pytest.raises(
        lowbit.Error, match="rounds no activation by a scale that is a parameter; expected static activations without zero points"
    ):
        qat.fit(model, make_data(), dynamic, epochs=1, range_average=0.9, progress=False)
