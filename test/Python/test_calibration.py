"""Calibration: the same data give the same file however they are divided; ranges are numpy's; bad data are refused."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lowbit
import numpy as np
import pytest

MODEL = """
func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}) -> (tensor<4x6xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense<0.5> : tensor<8x6xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32> loc("query")
  return %y : tensor<4x6xf32>
}
"""
SAMPLES = np.random.default_rng(7).standard_normal((23, 4, 8), dtype=np.float32) ** 3
BATCHES = [{"x": sample} for sample in SAMPLES]


def load(folder: Path, text: str = MODEL) -> lowbit.Module:
    path = folder / "m.mlir"
    path.write_text(text)
    return lowbit.load(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    return load(tmp_path_factory.mktemp("model"))


def saved(stats: lowbit.Statistics, folder: Path) -> bytes:
    path = folder / "s.json"
    stats.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("observer", ["minmax", "percentile<99.9>", "entropy", "mse"])
def test_divided_data_give_the_same_file(model: lowbit.Module, observer: str, tmp_path: Path) -> None:
    whole = saved(model.calibrate(BATCHES, observer), tmp_path)
    assert saved(model.calibrate(iter(BATCHES), observer, progress=False), tmp_path) == whole
    with ThreadPoolExecutor(3) as executor:
        assert saved(model.calibrate(BATCHES, observer, executor=executor), tmp_path) == whole
    left, middle, right = (model.calibrate(BATCHES[part], observer) for part in (slice(0, 5), slice(5, 6), slice(6, None)))
    assert saved((left + middle) + right, tmp_path) == whole
    assert saved(left + (middle + right), tmp_path) == whole
    assert saved(right + left + middle, tmp_path) == whole


def test_moving_average_keeps_the_order_of_shards(model: lowbit.Module, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as executor:
        first = saved(model.calibrate(BATCHES, "moving_average<0.8>", executor=executor), tmp_path)
        assert saved(model.calibrate(BATCHES, "moving_average<0.8>", executor=executor), tmp_path) == first


def test_a_file_that_is_read_is_written_alike(model: lowbit.Module, tmp_path: Path) -> None:
    whole = saved(model.calibrate(BATCHES, "percentile"), tmp_path)
    assert saved(lowbit.Statistics.load(tmp_path / "s.json"), tmp_path) == whole


def test_counts_and_ranges_of_a_site(model: lowbit.Module, tmp_path: Path) -> None:
    stats = model.calibrate(BATCHES)
    assert stats.runs == len(SAMPLES)
    assert stats.sites == ["query"]
    (site,) = json.loads(saved(stats, tmp_path))["sites"]
    assert sum(sum(run[1:]) for run in site["histogram"]["counts"]) == SAMPLES.size
    assert site["histogram"]["range"] == [SAMPLES.min(), SAMPLES.max()]


def scale_of(model: lowbit.Module, observer: str, folder: Path) -> float:
    """The scale that a static rule with one symmetric range a tensor gets."""
    rule = {
        "kind": "linear",
        "weight": {"format": "int<8>", "per": "channel"},
        "activation": {"format": "int<8>", "per": "tensor", "mode": "static"},
    }
    (folder / "r.json").write_text(json.dumps({"version": 1, "name": "test", "rules": [rule]}))
    model.calibrate(BATCHES, observer).save(folder / "s.json")
    options = f"recipe={folder / 'r.json'} stats={folder / 's.json'}"
    assigned = str(model.transform(f"lowbit-name-sites,lowbit-assign-schemes{{{options}}}"))
    match = re.search(r"scale = ([-+.\de]+) : f32", assigned)
    assert match, assigned
    return float(match.group(1))


@pytest.mark.parametrize("percent", [80.0, 99.0, 99.9, 100.0])
def test_percentiles_are_numpys(model: lowbit.Module, percent: float, tmp_path: Path) -> None:
    magnitudes = np.abs(SAMPLES)
    bin_width = 2 * 2.0 ** np.ceil(np.log2(magnitudes.max())) / 4096
    clip = scale_of(model, f"percentile<{percent}>", tmp_path) * 127
    assert abs(clip - np.percentile(magnitudes, percent)) <= bin_width


def test_mse_finds_numpys_best_clip(model: lowbit.Module, tmp_path: Path) -> None:
    largest = np.abs(SAMPLES).max()

    def error(clip: float) -> float:
        scale = clip / 127
        return float(((np.clip(np.round(SAMPLES / scale), -128, 127) * scale - SAMPLES) ** 2).sum())

    best = min(error(largest * ratio) for ratio in np.linspace(0.05, 1, 400))
    assert error(scale_of(model, "mse", tmp_path) * 127) <= best * 1.05


def test_axes_and_sites_are_chosen(model: lowbit.Module, tmp_path: Path) -> None:
    whole = json.loads(saved(model.calibrate(BATCHES, axes="token", sites=["qu*"]), tmp_path))
    (site,) = whole["sites"]
    assert site["axes"] == [0]
    rows = SAMPLES.transpose(1, 0, 2).reshape(4, -1)
    np.testing.assert_array_equal(site["states"], np.stack([rows.min(1), rows.max(1)], 1))
    with pytest.raises(lowbit.Error, match="pattern `key` matches no activation"):
        model.calibrate(BATCHES, sites=["key"])
    with pytest.raises(lowbit.Error, match="unknown axes `row`"):
        model.calibrate(BATCHES, axes="row")


@pytest.mark.parametrize(
    ("batches", "observer", "reason"),
    [
        ([], "minmax", "expected at least one batch"),
        ([{"x": SAMPLES[0] * np.nan}], "minmax", "site `query` has NaN at .* in run 0"),
        ([{"x": SAMPLES[0]}, {"x": SAMPLES[0] + np.inf}], "minmax", "site `query` has infinity at .* in run 1"),
        ([{"x": SAMPLES[0].T}], "minmax", "batch 0: .*`x`"),
        ([{"y": SAMPLES[0]}], "minmax", "batch 0: .*`"),
        ([[SAMPLES[0]]], "minmax", 'batch 0: inputs are of type list; expected arrays by name, {"x": array}'),
        (BATCHES, "median", "unknown observer `median`"),
        (BATCHES, "percentile<0.5>", "unknown observer `percentile<0.5>`"),
        (BATCHES, "percentile<99.9, bins = 100>", "unknown observer"),
    ],
)
def test_what_is_refused(model: lowbit.Module, batches: list, observer: str, reason: str) -> None:
    with pytest.raises(lowbit.Error, match=reason):
        model.calibrate(batches, observer)


def test_statistics_of_another_model_are_refused(model: lowbit.Module, tmp_path: Path) -> None:
    stats = model.calibrate(BATCHES)
    for text in (MODEL.replace('"query"', '"key"'), MODEL.replace("4x6", "4x5").replace("8x6", "8x5")):
        with pytest.raises(lowbit.Error, match="statistics are of another model"):
            load(tmp_path, text).quantize("w8a8", stats)
        other = load(tmp_path, text).calibrate(BATCHES)
        with pytest.raises(lowbit.Error, match="different models"):
            stats + other


def test_statistics_of_another_observer_are_not_added(model: lowbit.Module) -> None:
    with pytest.raises(lowbit.Error, match="is observed by"):
        model.calibrate(BATCHES, "entropy") + model.calibrate(BATCHES, "mse")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Unexpected EOF"),
        ("[" * 100_000, "nested more than 16 deep"),
        ('{"kind":"recipe"}', "not statistics"),
        ('{"kind":"lowbit statistics","version":99}', "version 99 is newer than 1"),
        ('{"kind":"lowbit statistics","version":1,"version":1}', "is given twice"),
    ],
)
def test_broken_files_are_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(lowbit.Error, match=reason):
        lowbit.Statistics.load(tmp_path / "s.json")


def test_a_file_cut_anywhere_is_refused(model: lowbit.Module, tmp_path: Path) -> None:
    whole = saved(model.calibrate(BATCHES[:2], "percentile<99.9, bins = 64>"), tmp_path)
    for size in range(0, len(whole) - 2, 7):
        (tmp_path / "s.json").write_bytes(whole[:size])
        with pytest.raises(lowbit.Error):
            lowbit.Statistics.load(tmp_path / "s.json")
