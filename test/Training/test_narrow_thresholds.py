"""Layers of few-bit integers, with zero points and without: codes of sums by thresholds, on a host as by the reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from training_model import write_net

SIZES, BATCH = (20, 70, 33, 5), 9


@pytest.mark.parametrize("weight", ["int<2>", "int<4>", "ternary"])
@pytest.mark.parametrize("zero", [None, "i8"])
@pytest.mark.parametrize("activation", ["int<2>", "uint<2>", "int<3>", "uint<3>", "int<4>", "uint<4>"])
def test_codes_are_those_of_the_reference(tmp_path: Path, activation: str, zero: str | None, weight: str) -> None:
    model = lowbit.load(write_net(tmp_path / "m.mlir", SIZES, BATCH))
    scheme: dict[str, Any] = {"format": activation, "mode": "static", "observer": "minmax"}
    if zero:
        scheme["zero"] = zero
    rules = [{"weight": {"format": weight, "per": "channel"}, "activation": scheme}]
    recipe = {"version": 1, "name": "t", "algorithms": [], "rules": rules}
    x = np.random.default_rng(1).normal(0, 1, (BATCH, SIZES[0])).astype(np.float32)
    quantized = model.quantize(recipe, model.calibrate([{"x": x}], recipe=recipe, progress=False))
    expected = quantized.compile("reference")(x=x)["y"]
    assert len(np.unique(expected)) > 5
    np.testing.assert_array_equal(quantized.compile("host")(x=x)["y"], expected)
    # ReLU takes the codes below zero away, if there are any and zero is one.
    codes = {"int<2>": 2, "uint<2>": 4, "int<3>": 4}.get(activation, 8) if zero is None else {"int<2>": 4, "uint<2>": 4}.get(activation, 8)
    folded = quantized.transform("lowbit-fuse-quantize,lowbit-fold-thresholds")
    contracts = re.findall(r"lowbit\.contract.*?lowbit\.yield[^\n]*", folded._native.print(False), re.DOTALL)
    assert len(contracts) == 3
    for contract in contracts[:2]:
        assert ("f32" not in contract) == (codes <= 4)
        assert ("zeros" in contract) == (zero is not None)
    np.testing.assert_array_equal(folded.compile("reference")(x=x)["y"], expected)
