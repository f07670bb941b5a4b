"""Every algorithm on a net for handwritten digits: none is worse than nearest by what it makes small, and the models still know digits.

Accuracies are of test rows that nothing here is chosen by; the table over ten seeds is that of scripts/digits.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import digits
import numpy as np
import pytest
from digits_quantized import ALGORITHMS, Net, recipe, weight
from linear import load as linear

ROOT = Path(__file__).parents[2]
ROWS = 449  # a third of the training rows


@pytest.fixture(scope="module", params=[0, 1])
def net(request: pytest.FixtureRequest) -> Net:
    return Net(request.param)


# Per cent of the test rows at least, with weights of 3 bits: nearest has 93.3 and 96.4 on the two nets, and 97.6 and 98.0 are float's.
ALONE = {
    "rotate": 93,
    "equalize": 94,
    "smooth-quant": 95,
    "awq": 94,
    "scale-search": 93,
    "hqq": 93,
    "gptq": 96,
    "adaround": 96,
    "comq": 95.5,
    "bias-correction": 96,
    "low-rank": 95,
}


def test_algorithms_are_those_of_the_documents() -> None:
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    table = text[text.index("| `use` |") : text.index("Each is the pass `lowbit-ptq-NAME`")]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) - {"use"} == set(ALONE)


@pytest.mark.parametrize("algorithm", ALONE)
def test_alone(algorithm: str, net: Net) -> None:
    document = recipe(3, None, [algorithm])
    stats = net.model.calibrate(net.samples, recipe=document, axes="channel", progress=False)
    assert digits.accuracy(net.model.quantize(document, stats=stats)) >= ALONE[algorithm]


def errors(folder: Path, reals: np.ndarray, algorithms: list[Any], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a layer of 3-bit weights alone is off by: its outputs for `x` [rows, N], and its weight [K, N], as its outputs for zero and for units tell."""
    module = linear(folder, reals, ROWS)
    document = {"version": 1, "name": "layer", "algorithms": algorithms, "rules": [{"weight": weight(3)}]}
    stats = module.calibrate(digits.batches(x, ROWS), recipe=document, moments=["*"], progress=False)
    quantized = module.quantize(document, stats=stats)
    probes = np.concatenate([np.zeros((1, len(reals))), np.eye(len(reals)), x]).astype(np.float32)
    answers = digits.run(quantized, probes).astype(np.float64)
    zero, units, outputs = np.split(answers, [1, 1 + len(reals)])
    return x.astype(np.float64) @ reals - outputs, reals - (units - zero)


MEASURES = {
    "scale-search": lambda outputs, weights: (weights**2).sum(0),
    "hqq": lambda outputs, weights: (np.abs(weights) ** 0.7).sum(0),
    "bias-correction": lambda outputs, weights: (outputs.mean(0) ** 2).sum(),
    **dict.fromkeys(["smooth-quant", "awq", "gptq", "adaround", "comq", "low-rank"], lambda outputs, weights: (outputs**2).sum()),
}


def test_no_layer_is_worse_than_nearest(tmp_path: Path) -> None:
    x = digits.load_split()[0]
    for layer, (reals, bias) in enumerate(digits.train(0)):
        nearest = errors(tmp_path, reals, [], x)
        for algorithm, measure in MEASURES.items():
            before, after = measure(*nearest), measure(*errors(tmp_path, reals, [algorithm], x))
            assert (after <= before * (1 + 1e-5)).all(), f"fc{layer}, {algorithm}: {before} -> {after}"
            # These have something to gain everywhere here.
            if algorithm in ("scale-search", "hqq", "gptq", "adaround", "comq", "bias-correction"):
                assert np.sum(after) < np.sum(before) * 0.99, f"fc{layer}, {algorithm}: {before} -> {after}"
        x = np.maximum(x @ reals + bias, 0)


@pytest.mark.parametrize(("algorithm", "moved"), [("equalize", 4), ("rotate", 1)])
def test_pairs_and_rotations_get_better_or_stay(algorithm: str, moved: int, tmp_path: Path) -> None:
    net = Net(0)
    document = recipe(3, 3, [algorithm])
    document["rules"][0]["activation"] = {"format": "uint<3>", "zero": "i8", "mode": "static", "observer": "minmax"}
    net.model.save(tmp_path / "m.mlir")
    net.model.calibrate(net.samples, recipe=document, progress=False).save(tmp_path / "s.json")
    (tmp_path / "r.json").write_text(json.dumps(document))
    passes = f"--lowbit-quantize=recipe={tmp_path / 'r.json'} stats={tmp_path / 's.json'}"
    command = [str(ROOT / "build/bin/quant-opt"), str(tmp_path / "m.mlir"), passes, "--remarks-filter=lowbit", "-o", "/dev/null"]
    remarks = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    changes = [(float(a), float(b)) for a, b in re.findall(rf"{algorithm}: .* ([\d.]+) -> ([\d.]+)", remarks)]
    assert len(changes) >= moved and all(after < before for before, after in changes)


def test_all_together(net: Net) -> None:
    """Within a tolerance of what ten nets have on average: 97.5, 96.7, 93.0, and 97.1 at 2.5 bits."""
    for bits, least in ((4, 96.5), (3, 95.5), (2, 91)):
        assert digits.accuracy(net.quantize(bits, bits, ALGORITHMS)) >= least, f"W{bits}A{bits}"
    assert digits.accuracy(net.quantize(2, 2, ALGORITHMS)) > digits.accuracy(net.quantize(2, 2, [])) + 3


def test_bits_for_each_layer(net: Net) -> None:
    model, chosen = net.search(2.5)
    assert chosen["bits"] <= 2.5 and set(chosen["sites"]) == {"fc0", "fc1", "fc2"}
    assert digits.accuracy(model) >= 96


@pytest.mark.parametrize("observer", ["mse", "entropy", "percentile<99.9>"])
def test_observers_without_a_format(observer: str) -> None:
    """Smoothing and reports ask for ranges of channels for no format in particular."""
    net, document = Net(0), recipe(8, 8, [{"use": "smooth-quant", "strength": "0.5"}])
    document["rules"][0]["activation"]["observer"] = observer
    stats = net.model.calibrate(net.samples, recipe=document, axes="channel", progress=False)
    quantized = net.model.quantize(document, stats=stats)
    assert digits.accuracy(quantized) >= digits.accuracy(net.model) - 1.5
    ranges = [site["range"] for site in quantized.report()["sites"] if "range" in site]
    assert len(ranges) == 3 and all(low < 1e-3 < high for low, high in ranges)
