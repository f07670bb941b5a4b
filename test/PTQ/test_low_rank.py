"""Low-rank compensation against the eigenvectors of numpy, and what it costs in bytes."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest
from linear import load, quantize

DEPTH, COLUMNS, RANK = 48, 40, 4
SCHEME = {"format": "int<3>", "per": "channel", "group": 16}


def draw() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    weight = rng.normal(size=(DEPTH, COLUMNS)).astype(np.float32)
    x = rng.normal(size=(4 * DEPTH, DEPTH)) @ (rng.normal(size=(DEPTH, DEPTH)) * np.exp(-np.arange(DEPTH) / 6.0)[:, None])
    return weight, x.astype(np.float32)


@pytest.mark.parametrize(("algorithms", "stored", "tolerance"), [([], "f32", 1e-4), (["gptq"], "bf16", 2e-2), ([], "f16", 2e-3)])
def test_twin(algorithms: list[str], stored: str, tolerance: float, tmp_path: Path) -> None:
    weight, x = draw()
    plain = quantize(tmp_path, weight, SCHEME, algorithms, x).astype(np.float64)
    found = quantize(tmp_path, weight, SCHEME, [*algorithms, {"use": "low-rank", "rank": RANK, "type": stored, "iterations": 40}], x)
    error = weight - plain
    kept = np.linalg.eigh(error.T @ (x.astype(np.float64).T @ x) @ error)[1][:, -RANK:]
    np.testing.assert_allclose(found, plain + error @ kept @ kept.T, atol=tolerance)


def test_cost_and_targets(tmp_path: Path) -> None:
    weight, x = draw()
    module = load(tmp_path, weight, DEPTH)
    activation = {"format": "int<8>", "per": "token", "mode": "dynamic"}
    recipe = {"version": 1, "name": "t", "algorithms": ["gptq"], "rules": [{"weight": SCHEME, "activation": activation}]}
    stats = module.calibrate([{"x": part} for part in x.reshape(-1, DEPTH, DEPTH)], recipe=recipe, progress=False)
    plain = module.quantize(recipe, stats=stats)
    recipe["algorithms"] = ["gptq", {"use": "low-rank", "rank": RANK, "type": "f32"}]
    thin = module.quantize(recipe, stats=stats)
    assert thin.nbytes == plain.nbytes + 4 * RANK * (DEPTH + COLUMNS)

    def error(quantized: lowbit.Module, target: str) -> float:
        part = x[:DEPTH]
        return float(np.linalg.norm(quantized.compile(target=target)(x=part)["y"] - part @ weight))

    for target in ("host", "reference"):
        assert error(thin, target) < 0.8 * error(plain, target)
    np.testing.assert_allclose(error(thin, "host"), error(thin, "reference"), rtol=1e-4)
