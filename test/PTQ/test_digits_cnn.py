"""Every algorithm of recipes on a trained convolutional net: what it says of each site, and what the net still gets right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from digits import load_split, run
from digits_cnn import forward, images, load, train

ROWS = 64
DYNAMIC = {"format": "uint<8>", "zero": "i8", "per": "tensor", "mode": "dynamic"}
STATIC4 = {"format": "uint<4>", "zero": "i8", "per": "tensor", "mode": "static"}
WEIGHT = {"format": "int<3>", "per": "channel"}

# Algorithms, activations, and for each site what the note of the last algorithm must say: a measure that falls, or why nothing is done.
IMPROVES = r"{0}: .* (?P<before>[-+.e\d]+) -> (?P<after>[-+.e\d]+)"
STAYS = r"{0}: stays as it was: "
EITHER = f"{IMPROVES}|{STAYS}"
PAIR = f"{IMPROVES}|{STAYS}the error of the pair"
ALL = dict.fromkeys(("conv0", "conv1", "fc"), IMPROVES)
CASES: dict[str, tuple[list[Any], dict[str, Any], dict[str, str]]] = {
    "scale-search": (["scale-search"], DYNAMIC, ALL),
    "scale-search, inverse": ([{"use": "scale-search", "weighting": "inverse"}], DYNAMIC, ALL),
    "hqq": (["hqq"], DYNAMIC, ALL),
    "gptq": (["gptq"], DYNAMIC, ALL),
    "adaround": (["adaround"], DYNAMIC, ALL),
    "bias-correction": (["bias-correction"], DYNAMIC, ALL),
    "low-rank": ([{"use": "low-rank", "rank": 2}], DYNAMIC, ALL),
    "awq": (["awq"], DYNAMIC, {"conv0": EITHER, "conv1": EITHER, "fc": EITHER}),
    "smooth-quant": (["smooth-quant"], STATIC4, {"conv0": EITHER, "conv1": IMPROVES, "fc": EITHER}),
    # The image is the first layer's only channel, and the last linear reads what was flattened: neither has a neighbour.
    "equalize": (["equalize"], DYNAMIC, {"conv0": PAIR, "conv1": PAIR, "fc": STAYS + "it forms no pair"}),
    "rotate": (["rotate"], STATIC4, {"conv0": STAYS + "it does not sum", "conv1": STAYS + "it does not sum"}),
}


def recipe(algorithms: list[Any], activation: dict[str, Any]) -> dict[str, Any]:
    """Weights of three bits everywhere."""
    return {"version": 1, "name": "t", "algorithms": algorithms, "rules": [{"weight": WEIGHT, "activation": activation}]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    return load(tmp_path_factory.mktemp("cnn"), ROWS)


def accuracy(quantized: lowbit.Module) -> float:
    """Per cent of the test images."""
    _, x, _, y = load_split()
    return float((run(quantized, images(x)).argmax(1) == y).mean() * 100)


def quantize(model: lowbit.Module, algorithms: list[Any], activation: dict[str, Any]) -> lowbit.Module:
    """Calibrated on training images, 20 batches of 64."""
    document = recipe(algorithms, activation)
    x, *_ = load_split()
    data = [{"x": part} for part in images(x[: 20 * ROWS]).reshape(20, ROWS, 8, 8, 1)]
    return model.quantize(document, stats=model.calibrate(data, recipe=document, progress=False))


@pytest.fixture(scope="module")
def nearest(model: lowbit.Module) -> dict[str, float]:
    """Accuracies without algorithms."""
    return {str(each): accuracy(quantize(model, [], each)) for each in (DYNAMIC, STATIC4)}


def test_the_float_model_is_the_net(model: lowbit.Module) -> None:
    _, x, _, y = load_split()
    expected = forward(train(), images(x))[-1]
    np.testing.assert_allclose(run(model, images(x)), expected, rtol=1e-3, atol=1e-3)
    assert (expected.argmax(1) == y).mean() > 0.95


@pytest.mark.parametrize("name", CASES)
def test_algorithm(name: str, model: lowbit.Module, nearest: dict[str, float], tmp_path: Path) -> None:
    algorithms, activation, expected = CASES[name]
    quantized = quantize(model, algorithms, activation)
    quantized.report(tmp_path / "r.json")
    rows = json.loads((tmp_path / "r.json").read_text())["sites"]
    notes = {row["site"]: "\n".join(row.get("algorithms", [])) for row in rows}
    for site, pattern in expected.items():
        found = re.match(pattern.format(name.split(",")[0]), notes[site])
        assert found, notes[site]
        if found.groupdict().get("after"):
            assert float(found["after"]) <= float(found["before"])  # in two digits, in which a small improvement is none
    # No algorithm makes the net worse by more than two images in a hundred, and most make it better.
    assert accuracy(quantized) >= nearest[str(activation)] - 2
