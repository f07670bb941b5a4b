"""Two threads against one, on two cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from bench.compare import Options, Prepared, compare
from bench.matmul import Int8Case
from bench.minilm import Size
from bench.ours import matmul
from bench.report import Report
from bench.suites import model

TITLE = "threads: int8 on two cores against one; how many times as fast is the ratio of `lowbit, 1 thread`"
THREADS = (2, 1)


def run(report: Report, options: Options) -> None:
    """A model and large products; the process may use all cores meanwhile."""
    pinned = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        for m in (128, 512):
            case = Int8Case(m, 4096, 4096, signed=True)
            fields = {"case": f"product M {m}, N 4096, K 4096"}
            _compare(report, options, fields, partial(matmul.int8_matmul, case), case.operations, 4096 * 4096)
        for batch in (1, 8):
            size = Size(batch, 128, report.path.parent / "models")
            fields = {"case": f"MiniLM w8a8-dynamic, batch {batch}"}
            _compare(report, options, fields, partial(model.ours, size, "w8a8-dynamic"), size.operations, 11e6)
    finally:
        os.sched_setaffinity(0, pinned)


def _compare(
    report: Report, options: Options, fields: dict[str, str], make: Callable[..., Prepared], operations: float, weight_bytes: float
) -> None:
    makers = {f"lowbit, {threads} thread{'s' if threads > 1 else ''}": partial(make, threads=threads) for threads in THREADS}
    compare(report, options, fields, "s8 x s8", makers, operations, "vpdpbusd", weight_bytes)
