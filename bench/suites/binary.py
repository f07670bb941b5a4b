"""Products of bits, given packed, beside the same product written by hand and with 8-bit codes."""

from __future__ import annotations

from functools import partial

from bench import ours
from bench.binary import BinaryCase
from bench.compare import Options, compare
from bench.matmul import Int8Case
from bench.peers import handwritten
from bench.report import Report

TITLE = "binary: packed bits, constant weights, 32-bit sums"
ROWS = (1, 16, 128, 512)
SHAPES = ((1024, 1024), (4096, 4096))


def run(report: Report, options: Options) -> None:
    """All sizes."""
    for n, k in SHAPES:
        for m in ROWS:
            case = BinaryCase(m, n, k)
            makers = {
                "lowbit": partial(ours.binary_matmul, case),
                "lowbit from f32": partial(ours.binary_matmul, case, from_float=True),
                "by hand": partial(handwritten.binary_matmul, case),
                "lowbit int8": lambda case=case: _unchecked(ours.int8_matmul(Int8Case(case.m, case.n, case.k, signed=False))),
            }
            fields = {"M": m, "N": n, "K": k}
            compare(report, options, fields, "b1 x b1 -> s32", makers, case.operations, "xor+vpopcntq+add", n * k / 8, check=case.check)


def _unchecked(prepared):
    prepared.result = None  # other numbers
    return prepared
