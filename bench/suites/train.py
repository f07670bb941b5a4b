"""A step of training: forward, backward and Adam, of floats and with fake quantization whose scales are trained."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.compare import Options, compare
from bench.ours import training as ours
from bench.peers import torch_training
from bench.report import Report
from bench.training import cases

TITLE = "train: one step, batches of 64 (16 x 64 tokens)"


def run(report: Report, options: Options) -> None:
    """All models. Losses of the first step must agree; with fake quantization, whose first scales differ, they need only be near."""
    for case in cases():
        found: list[float] = []

        def check(loss: np.ndarray, found: list[float] = found, near: float = 0.5 if case.weight_bits else 1e-4) -> bool:
            found.append(float(loss))
            return bool(np.isfinite(loss)) and abs(found[-1] - found[0]) <= near * abs(found[0])

        makers = {
            "lowbit": partial(ours.training_step, case, report.path.parent / "models"),
            "torch": partial(torch_training.training_step, case),
            "torch, fused Adam": partial(torch_training.training_step, case, fused=True),
        }
        compare(report, options, {"model": case.name, "scheme": case.types}, case.types, makers, case.operations, "fma", 1e3, check=check)
