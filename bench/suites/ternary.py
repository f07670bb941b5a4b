"""Products of real activations with constant ternary weights, one scale a column (ggml: one for 256 weights)."""

from __future__ import annotations

from functools import partial

from bench.compare import Options, compare
from bench.grouped import GroupedCase
from bench.ours import grouped as ours
from bench.peers import ggml
from bench.report import Report

TITLE = "ternary: f32 activations, quantized in the call, constant weights of -1, 0, 1"
ROWS = (1, 16, 128)
SHAPES = ((4096, 4096), (11008, 4096))


def run(report: Report, options: Options) -> None:
    """All sizes; one row with weights from memory too."""
    for n, k in SHAPES:
        for m in ROWS:
            for cold in (False, True) if m == 1 else (False,):
                _compare(report, options, GroupedCase(m, n, k, 0, ternary=True), cold)


def _compare(report: Report, options: Options, case: GroupedCase, cold: bool) -> None:
    makers = {
        "lowbit": partial(ours.grouped_matmul, case, "ternary", "dynamic"),
        "lowbit given codes": partial(ours.grouped_matmul, case, "ternary", "codes"),
        "ggml tq1_0": partial(ggml.matmul, case, "tq1_0"),
        "ggml tq2_0": partial(ggml.matmul, case, "tq2_0"),
    }
    # Five weights a byte are the fewest bits that any of these takes.
    fields, weight_bytes = {"M": case.m, "N": case.n, "K": case.k}, case.n * case.k / 5
    types = "f32 as s8 x ternary -> f32"
    compare(report, options, fields, types, makers, case.operations, "vpdpbusd", weight_bytes, cold=cold, check=case.check)
