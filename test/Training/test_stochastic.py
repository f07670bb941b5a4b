"""Stochastic rounding beside a generator in numpy, to the bit; the deployed model rounds to nearest."""

from __future__ import annotations

import os
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit import qat
from training_model import RECIPE, make_data, write_net

MULTIPLIER, WEYL = 0xD256D193, 0x9E3779B9


def philox(low: np.ndarray, high: int, key: int) -> np.ndarray:
    """The first word of Philox 2x32-10 (Salmon et al., 2011)."""
    low, high_word, mask = low.astype(np.uint64), np.uint64(high & 0xFFFFFFFF), np.uint64(0xFFFFFFFF)
    high_words = np.full_like(low, high_word)
    for i in range(10):
        product = low * np.uint64(MULTIPLIER)
        low, high_words = (product >> np.uint64(32)) ^ np.uint64((key + i * WEYL) & 0xFFFFFFFF) ^ high_words, product & mask
    return low.astype(np.uint32)


def test_the_generator_is_the_published_one() -> None:
    """Known answers of its authors' library."""
    assert philox(np.array([0]), 0, 0)[0] == 0xFF1DAE59
    assert philox(np.array([0xFFFFFFFF]), 0xFFFFFFFF, 0xFFFFFFFF)[0] == 0x2C3F628B
    assert philox(np.array([0x243F6A88]), 0x85A308D3, 0x13198A2E)[0] == 0xDD7CE038


def make_rounding(folder: Path, text: str) -> lowbit.Module:
    kind = "tensor<64x48xf32>"
    (folder / "m.mlir").write_text(f"""
func.func @main(%w: {kind} {{lowbit.name = "fc.weight", lowbit.parameter = "weight"}}, %s: tensor<1x48xf32> {{lowbit.name = "s"}})
    -> ({kind} {{lowbit.name = "q"}}) {{
  %q = lowbit.fake_quant %w, %s <#lowbit.{text}, block = [0, 1]> : ({kind}, tensor<1x48xf32>) -> {kind}
  return %q : {kind}
}}""")
    return lowbit.load(folder / "m.mlir").transform("lowbit-add-dither")


@pytest.mark.parametrize(("text", "gap", "low", "high"), [("int<4>", 1, -8, 7), ("ternary", 1, -1, 1), ("binary", 2, -1, 1)])
@pytest.mark.parametrize("target", ["reference", "host"])
def test_bits(tmp_path: Path, target: str, text: str, gap: int, low: int, high: int) -> None:
    random = np.random.default_rng(1)
    function = make_rounding(tmp_path, text).compile(target)
    w = random.uniform(0.9 * low, 0.9 * high, (64, 48)).astype(np.float32)
    s = np.full((1, 48), 1.0, np.float32)
    means, steps = [], 200 if target == "host" else 3
    for step in range(1, steps + 1):
        words = philox(np.arange(w.size), step, 77)
        uniform = ((words >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
        moved = w + (uniform.reshape(w.shape) - np.float32(0.5)) * np.float32(gap) * s
        rounded = np.where(moved >= 0, 1, -1) if text == "binary" else np.clip(np.rint(moved), low, high)
        found = np.array(function(**{"fc.weight": w, "s": s, "noise": np.array([77, step], np.int32)})["q"])
        np.testing.assert_array_equal(found, rounded)
        means.append(found)
    # In the mean of many steps, the value itself.
    error = np.mean(means, 0) - w
    assert np.abs(error).max() < 5 * gap / 2 / np.sqrt(steps) and abs(error.mean()) < 4 * gap / 2 / np.sqrt(steps * w.size)


def test_the_same_seed_and_step_give_the_same_bits(tmp_path: Path) -> None:
    """On any number of threads; another seed gives others. What is deployed, and what validation measures, is rounded to nearest."""
    model, valid = lowbit.load(write_net(tmp_path / "m.mlir", (96, 160, 96, 10), batch=64)), make_data(256, 96, 10)
    threads = (1, 1, 2) if len(os.sched_getaffinity(0)) > 1 else (1, 1)
    runs = [qat.fit(model, valid, RECIPE, epochs=2, stochastic="*", threads=n, valid=valid, progress=False) for n in threads]
    for other in runs[1:]:
        assert all(runs[0].parameters[name].tobytes() == other.parameters[name].tobytes() for name in other.parameters)
    nearest = qat.fit(model, valid, RECIPE, epochs=2, progress=False)
    assert not np.array_equal(nearest.parameters["fc0.weight"], runs[0].parameters["fc0.weight"])
    deployed = runs[0].module.compile()
    logits = np.concatenate([np.array(deployed(x=valid["x"][i : i + 64])["y"]) for i in range(0, 256, 64)]).astype(np.float64)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    assert runs[0].history[-1].valid == pytest.approx(-np.log(chances[np.arange(256), valid["labels"]]).mean(), rel=1e-4)


def test_resumed_has_the_same_bits(tmp_path: Path) -> None:
    model, path = lowbit.load(write_net(tmp_path / "m.mlir")), tmp_path / "c.npz"
    options = {"stochastic": ["*.weight"], "progress": False, "schedule": "constant"}
    whole = qat.fit(model, make_data(), RECIPE, epochs=2, **options)
    qat.fit(model, make_data(), RECIPE, epochs=1, checkpoint=path, **options)
    with pytest.warns(UserWarning, match="resumed with epochs 2"):
        resumed = qat.fit(model, make_data(), RECIPE, epochs=2, checkpoint=path, resume=True, **options)
    assert all(whole.parameters[name].tobytes() == resumed.parameters[name].tobytes() for name in whole.parameters)
    with pytest.raises(lowbit.Error, match="its stochastic differs"):
        qat.fit(model, make_data(), RECIPE, epochs=2, checkpoint=path, resume=True, progress=False, stochastic=["*"])
