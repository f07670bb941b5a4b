"""A whole training step of a transformer as kernels of a GPU, in its simulator: the course of the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lowbit
import numpy as np
import pytest
from lowbit import qat
from lowbit.models.char_lm import Size, build
from training_model import RECIPE

SIZE = Size(batch=2, length=16, width=32, heads=2, layers=1, characters=20)


def test_a_transformer_takes_the_hosts_course(tmp_path: Path) -> None:
    """Embeddings, causal attention, layer norms and GELU, forward and backward, and Adam's updates. Floats take the host's course. With codes, of which one
    next to the middle between two may become either, another order of sums takes another course; the one with the kernels' order has the same bits.
    """
    (tmp_path / "m.mlir").write_text(build(SIZE))
    model = lowbit.load(tmp_path / "m.mlir")
    ids = np.random.default_rng(0).integers(0, SIZE.characters, (8, SIZE.length + 1)).astype(np.int32)
    data = {"ids": ids[:, :-1], "labels": ids[:, 1:].astype(np.int64)}
    rules = [{"weight": {"format": "int<8>"}, "activation": {"format": "int<8>", "mode": "static", "observer": "minmax"}}]

    def fit(recipe: dict[str, Any] | None, target: str) -> qat.Trained:
        return qat.fit(model, data, recipe, target=target, epochs=2, rate=0.01, clip=1.0, progress=False)

    host, device = (fit(None, target) for target in ("host", "gpu-sim"))
    assert host.history[1].loss < host.history[0].loss
    for here, there in zip(host.history, device.history, strict=True):
        assert here.loss == pytest.approx(there.loss, rel=1e-5)
    for name, value in host.parameters.items():
        # A bias of keys adds the same to all scores of a row: its gradient is zero but for roundings, which Adam makes steps of.
        if not name.endswith("key.bias"):
            np.testing.assert_allclose(device.parameters[name], value, rtol=1e-4, atol=1e-5, err_msg=name)

    plain, device = (fit({**RECIPE, "rules": rules}, target) for target in ("reference:sm_90a", "gpu-sim"))
    assert [epoch.loss for epoch in plain.history] == [epoch.loss for epoch in device.history]
    for name, value in plain.parameters.items():
        np.testing.assert_array_equal(device.parameters[name].view(np.int32), value.view(np.int32), err_msg=name)
