"""Roundings that are learned block by block, on the digits."""

from __future__ import annotations

import sys
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat

sys.path.insert(0, str(Path(__file__).parents[1] / "PTQ"))
import digits

RECIPE = {"version": 1, "name": "w2", "algorithms": ["scale-search"], "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}
ROWS = 64


def entropy(model: lowbit.Module) -> float:
    """The mean cross entropy of the training rows."""
    x, _, y, _ = digits.load_split()
    chances = digits.softmax(digits.run(model, x).astype(np.float64))
    return float(-np.log(chances[np.arange(len(x)), y]).mean())


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("blocks", [None, ["fc[01]", "fc2"]])
def test_blocks_and_entropy_are_better_than_nearest(tmp_path: Path, seed: int, blocks: list[str] | None) -> None:
    module = digits.load(tmp_path, digits.train(seed), ROWS)
    x = digits.load_split()[0]
    result = qat.reconstruct(module, {"x": x}, RECIPE, blocks=blocks, steps=400, seed=seed, progress=False)
    nearest = module.quantize(RECIPE)
    print([(b.before, b.after) for b in result.blocks], entropy(module), entropy(nearest), entropy(result.module))
    print(digits.accuracy(module), digits.accuracy(nearest), digits.accuracy(result.module))
    assert [block.sites for block in result.blocks] == ([("fc0",), ("fc1",), ("fc2",)] if blocks is None else [("fc0", "fc1"), ("fc2",)])
    assert all(block.kept and block.after < block.before for block in result.blocks)
    assert entropy(result.module) < entropy(nearest)
    assert all(site.quantized for site in result.module.sites)
