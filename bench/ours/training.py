"""Lowbit's side of a step of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.compare import Prepared
from bench.native import Unavailable
from bench.timing import NativeCall
from bench.training import RATE, TrainingCase


def training_step(case: TrainingCase, folder: Path) -> Prepared:
    """Forward, backward and Adam in one compiled function; parameters and moments change in place."""
    import lowbit
    from lowbit import qat
    from lowbit.qat.fit import Run

    try:
        model = lowbit.load(str(case.save(folder)))
        stats = None if case.recipe is None else model.calibrate([{"x": case.x}], recipe=case.recipe, progress=False)
        plan = qat.prepare(model, case.recipe, stats)
        step = plan.compile_step(plan.add_gradients(loss=case.loss), optimizer="adam", scale_rate=0.1, clip=0.0, target="host")
    except lowbit.Error as failure:
        raise Unavailable(str(failure).splitlines()[0]) from failure
    run = Run(step, plan.initial)
    run.data["x"][...], run.data["labels"][...] = case.x, case.labels
    run.step(RATE)
    first = np.array(run.loss)
    call = NativeCall(run._call.function, run._call.context, run)
    return Prepared(call, 32, lambda: first, includes="forward, backward, Adam")
