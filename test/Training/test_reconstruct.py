"""Roundings that are learned block by block, on the digits; errors are computed again in numpy from what the models give."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat

sys.path.insert(0, str(Path(__file__).parents[1] / "PTQ"))
import digits
import digits_cnn

RECIPE = {"version": 1, "name": "w2", "algorithms": ["scale-search"], "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}
ROWS = 64
DYNAMIC = {"format": "uint<8>", "zero": "i8", "per": "token", "mode": "dynamic"}
STATIC = {"format": "int<8>", "mode": "static"}
SCHEMES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "zero points": ({"format": "uint<3>", "zero": "i8", "per": "channel", "group": 16}, None),
    "codes of activations": ({"format": "int<2>", "per": "channel"}, DYNAMIC),
    "static activations": ({"format": "ternary", "per": "channel"}, STATIC),
    "small floats": ({"format": "float<f4E2M1FN>", "per": "channel", "group": 16, "scale": "f8E8M0FNU"}, None),
}


def rows() -> np.ndarray:
    """The training rows that fill batches."""
    x = digits.load_split()[0]
    return x[: len(x) // ROWS * ROWS]


def entropy(model: lowbit.Module) -> float:
    """The mean cross entropy of the training rows."""
    x, _, y, _ = digits.load_split()
    chances = digits.softmax(digits.run(model, x).astype(np.float64))
    return float(-np.log(chances[np.arange(len(x)), y]).mean())


def error(model: lowbit.Module, other: lowbit.Module) -> float:
    """The mean squared difference of scores; that of the last linear, whose bias both have."""
    return float(((digits.run(model, rows()).astype(np.float64) - digits.run(other, rows())) ** 2).mean())


@pytest.mark.parametrize("blocks", [None, ["fc[01]", "fc2"]])
def test_blocks_and_entropy_are_better_than_nearest(tmp_path: Path, blocks: list[str] | None) -> None:
    module = digits.load(tmp_path, digits.train(0), ROWS)
    result = qat.reconstruct(module, {"x": digits.load_split()[0]}, RECIPE, blocks=blocks, steps=400, progress=False)
    nearest = module.quantize(RECIPE)
    assert [block.sites for block in result.blocks] == ([("fc0",), ("fc1",), ("fc2",)] if blocks is None else [("fc0", "fc1"), ("fc2",)])
    assert all(block.kept and block.after < 0.8 * block.before for block in result.blocks)
    assert error(module, result.module) == pytest.approx(result.blocks[-1].after, rel=1e-3)
    assert error(module, result.module) < 0.5 * error(module, nearest)
    assert entropy(result.module) < 0.5 * entropy(nearest)
    assert all(site.quantized for site in result.module.sites)


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme(tmp_path: Path, name: str) -> None:
    weight, activation = SCHEMES[name]
    rule = {"match": "fc[01]", "weight": weight, **({"activation": activation} if activation else {})}
    recipe = {"version": 1, "name": "t", "rules": [rule]}
    module, data = digits.load(tmp_path, digits.train(0, (64, 64, 32)), ROWS), {"x": digits.load_split()[0]}
    stats = module.calibrate([{"x": part} for part in rows().reshape(-1, ROWS, 64)], recipe=recipe, progress=False)
    result = qat.reconstruct(module, data, recipe, stats, blocks=["*"], steps=200, seed=3, progress=False)
    (block,) = result.blocks
    assert block.kept and block.sites == ("fc0", "fc1")
    # Sums of codes are exact where floats are not: a code of an activation may become its neighbour.
    close = 2e-2 if activation else 1e-3
    assert error(module, module.quantize(recipe, stats)) == pytest.approx(block.before, rel=close)
    assert error(module, result.module) == pytest.approx(block.after, rel=close)


def test_convolutions(tmp_path: Path) -> None:
    module = digits_cnn.load(tmp_path, ROWS)
    recipe = {"version": 1, "name": "t", "rules": [{"match": "conv*", "weight": {"format": "codebook<nf4>", "per": "channel"}}]}
    (block,) = qat.reconstruct(module, {"x": digits_cnn.images(rows())}, recipe, blocks=["conv*"], steps=200, progress=False).blocks
    assert block.kept and block.sites == ("conv0", "conv1") and block.after < 0.5 * block.before


def test_sites_of_no_block_are_as_quantize_leaves_them(tmp_path: Path) -> None:
    module = digits.load(tmp_path, digits.train(0), ROWS)
    result = qat.reconstruct(module, {"x": rows()}, RECIPE, blocks=["fc0"], steps=2, rate=1e-9, progress=False)
    assert list(result.parameters) == ["fc0.rounding"]
    np.testing.assert_array_equal(digits.run(result.module, rows()), digits.run(module.quantize(RECIPE), rows()))


def test_what_is_not_better_is_nearest(tmp_path: Path) -> None:
    module = digits.load(tmp_path, digits.train(0), ROWS)
    result = qat.reconstruct(module, {"x": rows()}, RECIPE, blocks=["*"], steps=2, rate=1e-9, progress=False)
    (block,) = result.blocks
    assert not block.kept and block.after == block.before
    np.testing.assert_array_equal(digits.run(result.module, rows()), digits.run(module.quantize(RECIPE), rows()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"rate": float("nan")}, "rate nan"),
        ({"blocks": []}, "there are no blocks"),
        ({"blocks": ["fc0", "other.*"]}, "no site whose weight becomes codes matches `other.*`"),
        ({"blocks": ["fc*", "fc2"]}, "site `fc2` is in two blocks, `fc\\*` and `fc2`"),
    ],
)
def test_errors(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    module = digits.load(tmp_path, digits.train(0), ROWS)
    with pytest.raises(lowbit.Error, match=message):
        qat.reconstruct(module, {"x": rows()}, RECIPE, progress=False, **options)
