"""Second moments of calibration beside numpy, however the data are split."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lowbit
import numpy as np
import pytest
from linear import load as linear

ROWS, INPUTS = 4, 6


def batches(count: int) -> list[dict[str, np.ndarray]]:
    """Random batches of one input."""
    random = np.random.default_rng(7)
    return [{"x": random.standard_normal((ROWS, INPUTS)).astype(np.float32)} for _ in range(count)]


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    """A linear layer."""
    return linear(tmp_path, np.random.default_rng(1).standard_normal((INPUTS, 3)).astype(np.float32), ROWS)


def load(path: Path) -> dict[str, np.ndarray]:
    """The arrays beside statistics."""
    return dict(np.load(f"{path}.moments.npz"))


def test_moments_are_those_of_numpy(model: lowbit.Module, tmp_path: Path) -> None:
    data = batches(5)
    model.calibrate(data, moments=["*"], progress=False).save(tmp_path / "s.json")
    arrays, rows = load(tmp_path / "s.json"), np.concatenate([batch["x"] for batch in data]).astype(np.float64)
    assert arrays["fc/rows"] == len(rows)
    np.testing.assert_allclose(arrays["fc/sums"], rows.sum(0), rtol=1e-12)
    np.testing.assert_allclose(arrays["fc/products"], rows.T @ rows, rtol=1e-12)


def test_an_executor_changes_no_byte(model: lowbit.Module, tmp_path: Path) -> None:
    data = batches(50)
    model.calibrate(data, moments=["*"], progress=False).save(tmp_path / "one.json")
    with ThreadPoolExecutor(3) as executor:
        model.calibrate(data, moments=["*"], executor=executor, progress=False).save(tmp_path / "many.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "many.json").read_bytes()
    assert (tmp_path / "one.json.moments.npz").read_bytes() == (tmp_path / "many.json.moments.npz").read_bytes()


def test_moments_are_merged_and_read_again(model: lowbit.Module, tmp_path: Path) -> None:
    data = batches(6)
    parts = [model.calibrate(part, moments=["*"], progress=False) for part in (data[:2], data[2:])]
    (parts[0] + parts[1]).save(tmp_path / "sum.json")
    lowbit.Statistics.load(tmp_path / "sum.json").save(tmp_path / "again.json")
    rows = np.concatenate([batch["x"] for batch in data]).astype(np.float64)
    np.testing.assert_allclose(load(tmp_path / "sum.json")["fc/products"], rows.T @ rows, rtol=1e-12)
    assert (tmp_path / "sum.json.moments.npz").read_bytes() == (tmp_path / "again.json.moments.npz").read_bytes()


def test_saving_without_moments_removes_older_ones(model: lowbit.Module, tmp_path: Path) -> None:
    model.calibrate(batches(1), moments=["*"], progress=False).save(tmp_path / "s.json")
    model.calibrate(batches(1), progress=False).save(tmp_path / "s.json")
    assert not (tmp_path / "s.json.moments.npz").exists()


def test_masked_rows_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text("""
func.func @main(%x: tensor<4x6xf32> {lowbit.name = "x"}, %mask: tensor<4xi64> {lowbit.name = "mask"}) -> tensor<4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<1.0> : tensor<6x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x6xf32>, tensor<6x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]} ins(%r, %mask : tensor<4x3xf32>, tensor<4xi64>) outs(%e : tensor<4x3xf32>) {
  ^bb0(%a: f32, %m: i64, %o: f32):
    %f = arith.sitofp %m : i64 to f32
    %p = arith.mulf %a, %f : f32
    linalg.yield %p : f32
  } -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}
""")
    model = lowbit.load(tmp_path / "m.mlir")
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    x[3] = 1e6  # padding
    batch = {"x": x, "mask": np.array([1, 1, 1, 0])}
    model.calibrate([batch], moments=["*"], mask="mask", progress=False).save(tmp_path / "s.json")
    rows = x[:3].astype(np.float64)
    np.testing.assert_array_equal(load(tmp_path / "s.json")["fc/products"], rows.T @ rows)
    assert "1e+06" not in (tmp_path / "s.json").read_text().lower() and "1000000" not in (tmp_path / "s.json").read_text()
    with pytest.raises(lowbit.Error, match="mask `masks` is no input; inputs are `x` `mask`"):
        model.calibrate([batch], mask="masks", progress=False)
