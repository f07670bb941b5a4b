"""Training whose steps are kernels of a GPU, in its simulator: the same course as on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.cli import main
from training_model import RECIPE, make_data, write_net

ROWS = 24


def recipe(weight: str) -> dict[str, Any]:
    rules = [{"weight": {"format": weight}, "activation": {"format": "uint<4>", "mode": "static", "observer": "minmax"}}]
    return {**RECIPE, "rules": rules}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    return lowbit.load(write_net(tmp_path_factory.mktemp("net") / "net.mlir"))


def fit_both(model: lowbit.Module, what: Any, **options: Any) -> tuple[qat.Trained, qat.Trained]:
    settings = {"epochs": 2, "rate": 0.01, "progress": False, **options}
    host, device = (qat.fit(model, make_data(ROWS), what, target=target, **settings) for target in ("host", "gpu-sim"))
    for name, value in host.parameters.items():
        np.testing.assert_allclose(device.parameters[name], value, rtol=1e-5, atol=1e-6, err_msg=name)
    for here, there in zip(host.history, device.history, strict=True):
        assert here.loss == pytest.approx(there.loss, rel=1e-5)
    return host, device


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "sgd<momentum = 0.9>", "clip": 0.5},
        {"optimizer": "lamb<decay = 0.01>", "estimator": "pact,lsq"},
        {"average": 0.9, "estimator": "ste,lsq"},
        {"range_average": 0.9},
        {"stochastic": "*.weight"},
    ],
    ids=lambda options: "-".join(options) or "adam",
)
def test_a_course_is_the_hosts(model: lowbit.Module, options: dict[str, Any]) -> None:
    host, _ = fit_both(model, RECIPE, **options)
    first = qat.fit(model, make_data(ROWS), RECIPE, epochs=0, progress=False)
    assert any(np.abs(value - first.parameters[name]).max() > 1e-3 for name, value in host.parameters.items())


@pytest.mark.parametrize(("weight", "rule"), [("ternary", "twn"), ("ternary", "ttq"), ("binary", "xnor"), ("int<3>", "dorefa")])
def test_parametrizations(model: lowbit.Module, weight: str, rule: str) -> None:
    fit_both(model, recipe(weight), parametrization=rule)


def test_validation_and_a_teacher(model: lowbit.Module) -> None:
    host, device = fit_both(model, RECIPE, teacher=model, valid=make_data(16, seed=5), patience=2)
    assert [epoch.metric for epoch in host.history] == [epoch.metric for epoch in device.history]


def test_what_is_resumed_has_the_same_bits(model: lowbit.Module, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"progress": False, "target": "gpu-sim", "schedule": "constant"}
    whole = qat.fit(model, make_data(ROWS), RECIPE, epochs=2, **settings)
    qat.fit(model, make_data(ROWS), RECIPE, epochs=1, checkpoint=tmp_path / "c.npz", **settings)
    rest = qat.fit(model, make_data(ROWS), RECIPE, epochs=2, checkpoint=tmp_path / "c.npz", resume=True, **settings)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(rest.parameters[name], value, err_msg=name)


def test_the_command(model: lowbit.Module, tmp_path: Path) -> None:
    model.save(tmp_path / "m.mlir")
    np.savez(tmp_path / "train.npz", **make_data(16))
    common = ["train", str(tmp_path / "m.mlir"), "--data", str(tmp_path / "train.npz"), "--epochs", "1", "-o"]
    assert main([*common, str(tmp_path / "q.mlir"), "--target", "gpu-sim"]) == 0
    assert lowbit.load(tmp_path / "q.mlir").nbytes > 0


def test_arrays_that_are_updated_come_back(tmp_path: Path) -> None:
    """Of a call that is not bound, too."""
    (tmp_path / "m.mlir").write_text("""
    func.func @main(%x: tensor<4xf32> {lowbit.name = "x"}, %n: tensor<f32> {lowbit.name = "n"})
        -> (tensor<4xf32> {lowbit.name = "x", lowbit.updates = "x"}) {
      %v = tensor.extract %n[] : tensor<f32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<4xf32>) {
      ^bb0(%a: f32):
        %1 = arith.addf %a, %v : f32
        linalg.yield %1 : f32
      } -> tensor<4xf32>
      return %0 : tensor<4xf32>
    }""")
    function = lowbit.load(tmp_path / "m.mlir").compile("gpu-sim")
    x, n = np.arange(4, dtype=np.float32), np.full((), 2, np.float32)
    function(x=x, n=n)
    np.testing.assert_array_equal(x, [2, 3, 4, 5])
    bound = function.bind(x=x, n=n)
    bound()
    n[...] = 10
    bound()
    np.testing.assert_array_equal(x, [2, 3, 4, 5])  # stays on the device …
    bound.pull()
    np.testing.assert_array_equal(x, [14, 15, 16, 17])
    x[...] = 0  # … and is what it was there until it is taken there
    bound()
    bound.pull()
    np.testing.assert_array_equal(x, [24, 25, 26, 27])
    x[...] = 0
    bound.push()
    bound()
    bound.pull()
    np.testing.assert_array_equal(x, [10, 10, 10, 10])
    x.flags.writeable = False
    for target in ("host", "gpu-sim"):
        with pytest.raises(lowbit.Error, match=r"input `x` can only be read, and the function updates it"):
            lowbit.load(tmp_path / "m.mlir").compile(target)(x=x, n=n)
