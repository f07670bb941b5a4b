"""Gradients have the same bits whatever is kept for the backward pass and whatever is computed again. On a host, where products and sums that
meet in one loop are contracted, they have them up to roundings."""

from __future__ import annotations

import re
from pathlib import Path

import digits_cnn
import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.models.char_lm import Size, build
from training_model import RECIPE, make_data, write_net

Inputs = dict[str, np.ndarray]


def make_plan(kind: str, folder: Path) -> tuple[qat.Plan, Inputs]:
    """A model with fake quantization, and what it reads."""
    random = np.random.default_rng(0)
    if kind == "MLP":
        model, x = lowbit.load(write_net(folder / "m.mlir")), {"x": make_data(8)["x"]}
    elif kind == "CNN":
        model, x = digits_cnn.load(folder, 8), {"x": random.uniform(0, 1, (8, 8, 8, 1)).astype(np.float32)}
    else:
        size = Size(batch=2, length=16, width=32, heads=2, characters=20)
        (folder / "m.mlir").write_text(build(size))
        model, x = lowbit.load(folder / "m.mlir"), {"ids": random.integers(0, 20, (2, 16)).astype(np.int32)}
    recipe = {
        **RECIPE,
        "rules": [{"weight": {"format": "int<3>"}, "activation": {"format": "int<8>", "mode": "static", "observer": "minmax"}}],
    }
    return qat.prepare(model, recipe, model.calibrate([x], recipe=recipe, progress=False)), x


@pytest.mark.parametrize("kind", ["MLP", "CNN", "transformer"])
def test_gradients_have_the_same_bits(tmp_path: Path, kind: str) -> None:
    plan, inputs = make_plan(kind, tmp_path)
    found, counts = [], []
    for rematerialize in ("never", "cost", "always"):
        module = plan.add_gradients(loss="squared_error", rematerialize=rematerialize)
        counts.append(module._native.print(False).count("lowbit.rematerialized"))
        gradients = {target: module.compile(target) for target in ("reference", "host")}
        labels = next(port for port in gradients["host"].inputs if port.name == "labels")
        values = {**plan.initial, **inputs, "labels": np.random.default_rng(1).normal(0, 1, tuple(labels.shape)).astype(np.float32)}
        found.append({target: function(**values) for target, function in gradients.items()})
    assert counts[0] == 0 and counts[2] > counts[1]
    for each in found[1:]:
        for target, outputs in each.items():
            for name, value in found[0][target].items():
                assert np.abs(value).max() > 0
                if target == "reference":
                    np.testing.assert_array_equal(value.view(np.int32), outputs[name].view(np.int32), name)
                else:
                    np.testing.assert_allclose(outputs[name], value, rtol=1e-4, atol=1e-6 * np.abs(value).max(), err_msg=name)


def workspace(module: lowbit.Module) -> int:
    alone = "symbol-privatize{exclude=loss_gradients},symbol-dce"
    sizes = re.findall(r"workspace = (\d+)", module._native.transform(f"{alone},lowbit-compile").print(True))
    return int(sizes[0]) if sizes else 0


def test_a_budget_is_kept_and_saves_memory(tmp_path: Path) -> None:
    """A chain of elementwise ops, whose values are as large as each other; transpositions keep them apart."""
    lines = ['func.func @main(%h0: tensor<64x64xf32> {lowbit.name = "w", lowbit.parameter = "weight"}) -> tensor<64x64xf32> {']
    lines += ["%e = tensor.empty() : tensor<64x64xf32>"]
    for i in range(8):
        lines += [
            f"%h{i + 1} = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ({'j, i' if i % 2 else 'i, j'})>],",
            f'iterator_types = ["parallel", "parallel"]}} ins(%h{i} : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {{',
            "^bb0(%a: f32, %o: f32):\n%t = math.tanh %a : f32\nlinalg.yield %t : f32\n} -> tensor<64x64xf32>",
        ]
    (tmp_path / "m.mlir").write_text("\n".join([*lines, "return %h8 : tensor<64x64xf32>", "}"]))
    model = lowbit.load(tmp_path / "m.mlir").transform("lowbit-add-loss{loss=squared_error}")
    kept = model.transform("lowbit-differentiate{function=loss}")
    small = model.transform("lowbit-differentiate{function=loss budget=40000}")
    assert small._native.print(False).count("lowbit.rematerialized") > kept._native.print(False).count("lowbit.rematerialized")
    results = [lowbit.Module(each._native, "loss_gradients").compile("reference") for each in (kept, small)]
    random = np.random.default_rng(0)
    values = {"w": random.normal(0, 1, (64, 64)).astype(np.float32), "labels": random.normal(0, 1, (64, 64)).astype(np.float32)}
    first, second = (each(**values)["gradient.w"] for each in results)
    np.testing.assert_array_equal(first, second)
    assert workspace(small) < workspace(kept)
