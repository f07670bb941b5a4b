"""Batch norm in training: gradients through the batch's statistics, running averages, freezing, and the folded model that is deployed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from batch_norm_model import build
from lowbit import qat
from lowbit.cli import main
from lowbit.errors import Error
from lowbit.module import Module
from qat_digits import Scheme

BATCH, CLASSES, EPSILON = 8, 4, 1e-5
NORMED = {"layer.gamma", "layer.mean", "layer.variance"}


def data(model: lowbit.Module, rows: int = BATCH) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    x = random.standard_normal((rows, *model.inputs[0].shape[1:])).astype(np.float32)
    return {"x": x, "labels": random.integers(0, CLASSES, rows).astype(np.int32)}


def call(function: Any, parameters: dict[str, np.ndarray], given: dict[str, np.ndarray], frozen: float) -> dict[str, np.ndarray]:
    values = {**parameters, **given, "frozen": np.float32(frozen)}
    return {name: np.array(value) for name, value in function(**{port.name: values[port.name] for port in function.inputs}).items()}


def stirred(plan: qat.Plan) -> dict[str, np.ndarray]:
    """Parameters that are not where they started, so that no ratio is one."""
    random = np.random.default_rng(11)
    moved = {name: value * random.uniform(0.7, 1.4, value.shape) for name, value in plan.initial.items()}
    return {name: value.astype(np.float32) for name, value in moved.items()}


@pytest.mark.parametrize("kind", ["Conv", "depthwise", "Gemm"])
def test_frozen_is_the_imported_model(tmp_path: Path, kind: str) -> None:
    model, _ = build(tmp_path, kind, bias=True)
    plan, given = qat.prepare(model, None, batch_norm=True), data(model)
    assert plan.normalizes and set(plan.initial) >= NORMED
    training = plan.training.compile("reference")
    (name,) = (port.name for port in model.outputs)
    expected = model.compile("reference")(x=given["x"])[name]
    np.testing.assert_allclose(call(training, plan.initial, given, 1.0)[name], expected, rtol=1e-4, atol=1e-4)
    # The batch's own statistics are others.
    assert np.abs(call(training, plan.initial, given, 0.0)[name] - expected).max() > 0.1
    # With other values, too, the deployed model is the frozen one.
    parameters = stirred(plan)
    deployed = plan.finish(parameters)
    assert "rsqrt" not in deployed._native.print(False)
    frozen = call(training, parameters, given, 1.0)[name]
    np.testing.assert_allclose(deployed.compile("reference")(x=given["x"])[name], frozen, rtol=1e-4, atol=1e-4 * np.abs(frozen).max())


def gradients(plan: qat.Plan) -> Any:
    return plan.add_gradients(loss="cross_entropy").compile("reference")


@pytest.mark.parametrize("frozen", [0.0, 1.0])
def test_gradients_beside_finite_differences(tmp_path: Path, frozen: float) -> None:
    model, _ = build(tmp_path, "Gemm", bias=False)
    plan, given = qat.prepare(model, None, batch_norm=True), data(model)
    function, parameters = gradients(plan), stirred(plan)
    found = call(function, parameters, given, frozen)
    random = np.random.default_rng(0)
    checked = {name for name in parameters if f"gradient.{name}" in found}
    assert checked == set(parameters) - {"layer.mean", "layer.variance"}
    for name in checked:
        direction = random.standard_normal(parameters[name].shape)
        step = 2e-3 / np.linalg.norm(direction)
        ends = [{**parameters, name: (parameters[name] + sign * step * direction).astype(np.float32)} for sign in (1, -1)]
        high, low = (float(call(function, each, given, frozen)["loss"]) for each in ends)
        slope = float((found[f"gradient.{name}"].astype(np.float64) * direction).sum())
        assert (high - low) / (2 * step) == pytest.approx(slope, rel=0.03, abs=0.03), name


@pytest.mark.parametrize("kind", ["Conv", "Gemm"])
def test_gradients_beside_torch(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch")
    model, _ = build(tmp_path, kind, bias=False)
    plan, given = qat.prepare(model, None, batch_norm=True), data(model)
    parameters = stirred(plan)
    found = call(gradients(plan), parameters, given, 0.0)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
    x, labels = torch.tensor(given["x"]), torch.tensor(given["labels"]).long()
    y = torch.nn.functional.conv2d(x, leaves["layer.weight"]) if kind == "Conv" else x @ leaves["layer.weight"]
    normed = torch.nn.functional.batch_norm(y, None, None, leaves["layer.gamma"], leaves["layer.bias"], training=True, eps=EPSILON)
    scores = torch.relu(normed).flatten(1) @ leaves["last.weight"] + leaves["last.bias"]
    loss = torch.nn.functional.cross_entropy(scores, labels)
    loss.backward()
    assert float(found["loss"]) == pytest.approx(loss.item(), rel=1e-5)
    for name, leaf in leaves.items():
        if name in ("layer.mean", "layer.variance"):
            assert leaf.grad is None and f"gradient.{name}" not in found
            continue
        expected = leaf.grad.numpy()
        # Where r is 1 in exact arithmetic, weights and sums are multiplied and divided by it.
        np.testing.assert_allclose(found[f"gradient.{name}"], expected, atol=1e-4 * np.abs(expected).max(), rtol=1e-3)


def test_averages_move_until_they_are_frozen(tmp_path: Path) -> None:
    model, _ = build(tmp_path, "Gemm", bias=False)
    given = data(model)
    once = qat.fit(model, given, None, epochs=1, rate=1e-9, momentum=0.25, seed=1, progress=False)
    initial, after = once.plan.initial, once.parameters
    y = given["x"].astype(np.float64) @ initial["layer.weight"]
    for name, batch in (("layer.mean", y.mean(0)), ("layer.variance", y.var(0) + EPSILON)):
        np.testing.assert_allclose(after[name], 0.75 * initial[name] + 0.25 * batch, rtol=1e-4, atol=1e-5)
    frozen = qat.fit(model, given, None, epochs=3, rate=1e-9, momentum=0.25, freeze_batch_norm=1, seed=1, progress=False)
    for name in ("layer.mean", "layer.variance"):
        assert frozen.parameters[name].tobytes() == after[name].tobytes()
    moving = qat.fit(model, given, None, epochs=3, rate=1e-9, momentum=0.25, seed=1, progress=False)
    assert np.abs(moving.parameters["layer.mean"] - after["layer.mean"]).max() > 1e-3


@pytest.mark.parametrize("weight", ["int<8>", "int<4>", "ternary"])
def test_trained_on_codes_and_deployed_folded(tmp_path: Path, weight: str) -> None:
    recipe = Scheme("", "CNN", weight, "int<8>", 0).recipe
    model, _ = build(tmp_path, "Conv", bias=True)
    given = data(model, 64)
    options = {"epochs": 6, "rate": 3e-3, "freeze_batch_norm": 3, "progress": False}
    trained = qat.fit(model, given, recipe, valid=given, **options)
    assert trained.history[-1].loss < trained.history[0].loss
    assert NORMED <= set(trained.parameters)
    text = trained.module._native.print(False)
    assert "rsqrt" not in text and "lowbit.batch_norm" not in text and text.count("lowbit.contract") == 2
    part = {name: array[:BATCH] for name, array in given.items()}
    deployed = trained.module.compile()(x=part["x"])
    frozen = call(trained.plan.training.compile("reference"), trained.parameters, part, 1.0)
    for name, value in deployed.items():
        np.testing.assert_allclose(value, frozen[name], rtol=1e-3, atol=2e-3 * np.abs(value).max())


def test_resumes_to_the_same_bits(tmp_path: Path) -> None:
    model, _ = build(tmp_path, "Gemm", bias=False)
    given, kept = data(model, 32), tmp_path / "c.npz"
    options: dict[str, Any] = {"rate": 1e-2, "schedule": "constant", "freeze_batch_norm": 3, "progress": False}
    whole = qat.fit(model, given, "w8a8", epochs=5, **options)
    qat.fit(model, given, "w8a8", epochs=2, checkpoint=kept, **options)
    resumed = qat.fit(model, given, "w8a8", epochs=5, checkpoint=kept, resume=True, **options)
    for name, value in whole.parameters.items():
        assert resumed.parameters[name].tobytes() == value.tobytes(), name


@pytest.mark.parametrize(("rule", "weight"), [("twn", "ternary"), ("xnor", "binary")])
def test_weights_are_parametrized_with_their_ratio(tmp_path: Path, rule: str, weight: str) -> None:
    """The deployed model, on codes, is the frozen step: the rule is of the weight times gamma over the deviation."""
    recipe = Scheme("", "CNN", weight, "int<8>", 0).recipe
    model, _ = build(tmp_path, "Conv", bias=True)
    given = data(model, 64)
    options = {"epochs": 6, "rate": 3e-3, "freeze_batch_norm": 3, "progress": False, "parametrization": rule}
    trained = qat.fit(model, given, recipe, valid=given, **options)
    assert trained.history[-1].valid < trained.history[0].valid
    plan, parameters = trained.plan, trained.parameters
    derived = plan.derive(parameters)
    ratio = parameters["layer.gamma"] / np.sqrt(parameters["layer.variance"])
    folded = parameters["layer.weight"] * (ratio[:, None, None, None] if parameters["layer.weight"].ndim == 4 else ratio)
    if rule == "xnor":
        np.testing.assert_allclose(derived["layer.weight"], folded, rtol=1e-4, atol=1e-6)
        scale = np.abs(folded).mean((1, 2, 3))
        np.testing.assert_allclose(derived["layer.weight_scale"].ravel(), scale, rtol=1e-4)
    else:
        assert np.abs(derived["layer.weight"] - folded).max() > 1e-3
    (name,) = (port.name for port in model.outputs)
    first = {key: value[:BATCH] for key, value in given.items()}
    frozen = call(plan.training.compile("reference"), {key: value.copy() for key, value in parameters.items()}, first, 1.0)[name]
    found = trained.module.compile("reference")(x=first["x"])[name]
    same = np.isclose(found, frozen, rtol=1e-3, atol=2e-3 * np.abs(frozen).max())
    assert same.mean() > 0.97


def test_parts_have_statistics_of_their_own(tmp_path: Path) -> None:
    """Two parts of a step: gradients are the means of both, running averages of both's; frozen, they stay."""
    model, _ = build(tmp_path, "Gemm", bias=False)
    given = data(model, 2 * BATCH)
    options: dict[str, Any] = {"optimizer": "sgd", "schedule": "constant", "momentum": 0.25, "progress": False, "rate": 1e-2}
    with ThreadPoolExecutor(2) as pool:
        trained = qat.fit(model, lambda _: [given], None, epochs=1, executor=pool, shards=2, **options)
        frozen = qat.fit(model, lambda _: [given], None, epochs=3, executor=pool, shards=2, freeze_batch_norm=1, **options)
    with ThreadPoolExecutor(1) as pool:
        again = qat.fit(model, lambda _: [given], None, epochs=1, executor=pool, shards=2, **options)
    initial, function = trained.plan.initial, gradients(trained.plan)
    parts = []
    for half in (slice(0, BATCH), slice(BATCH, 2 * BATCH)):
        copies = {name: value.copy() for name, value in initial.items()}
        parts.append({**call(function, copies, {name: rows[half] for name, rows in given.items()}, 0.0), **{n: copies[n] for n in NORMED}})
    for name, value in trained.parameters.items():
        assert value.tobytes() == again.parameters[name].tobytes()
        if name in ("layer.mean", "layer.variance"):
            expected = (parts[0][name] + parts[1][name]) / 2
            assert np.abs(parts[0][name] - parts[1][name]).max() > 1e-3
            assert frozen.parameters[name].tobytes() == value.tobytes()
        else:
            expected = initial[name] - 1e-2 * (parts[0][f"gradient.{name}"] + parts[1][f"gradient.{name}"]) / 2
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_refusals(tmp_path: Path) -> None:
    model, _ = build(tmp_path, "Gemm", bias=False)
    given = data(model, 16)
    with pytest.raises(Error, match="freeze_batch_norm is -1; expected at least 0"):
        qat.fit(model, given, None, freeze_batch_norm=-1, progress=False)
    with pytest.raises(Error, match="momentum is 0; expected the share of a batch"):
        qat.fit(model, given, None, momentum=0, progress=False)
    for rule in ("ttq", "dorefa"):
        recipe = Scheme("", "MLP", "ternary", "int<8>", 0).recipe
        with pytest.raises(Error, match="which batch norm multiplies, by a scale that is trained; expected a rule whose scale follows"):
            qat.fit(model, given, recipe, parametrization=rule, progress=False)
    with pytest.raises(Error, match="`momentum` is 2.* expected a momentum above 0 and at most 1"):
        Module(qat.prepare(model, None).forward._native, "main").transform("lowbit-train-batch-norm{momentum=2}")


def test_the_command_freezes_it_too(tmp_path: Path) -> None:
    model, _ = build(tmp_path, "Gemm", bias=False)
    given = data(model, 16)
    model.save(tmp_path / "m.mlir")
    np.savez(tmp_path / "train.npz", **given)
    course = ["--epochs", "2", "--rate", "0.01", "--freeze-batch-norm", "1", "--momentum", "0.25"]
    assert not main(["train", str(tmp_path / "m.mlir"), "--data", str(tmp_path / "train.npz"), "-o", str(tmp_path / "q.mlir"), *course])
    options: dict[str, Any] = {"epochs": 2, "rate": 0.01, "freeze_batch_norm": 1, "momentum": 0.25, "progress": False}
    qat.fit(lowbit.load(tmp_path / "m.mlir"), given, None, **options).module.save(tmp_path / "expected.mlir")
    assert (tmp_path / "q.mlir").read_bytes() == (tmp_path / "expected.mlir").read_bytes()
