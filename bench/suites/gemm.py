"""Products in f32 and bf16: layers that are kept in float, and training, where both sides change."""

from __future__ import annotations

from functools import partial

from bench.compare import Options, compare
from bench.matmul import FloatCase
from bench.ours import matmul as ours
from bench.peers import onednn, torch
from bench.report import Report

TITLE = "gemm: f32 and bf16 products with f32 sums"
ROWS = (64, 128, 512)
SHAPES = ((384, 384), (1536, 384), (384, 1536))
RIGHT = {"constant": (True, False), "dynamic": (False, False), "dynamic, transposed": (False, True)}


def run(report: Report, options: Options) -> None:
    """All sizes, both types, every kind of right side."""
    for bf16 in (False, True):
        for right, (constant, transposed) in RIGHT.items():
            for n, k in SHAPES:
                for m in ROWS:
                    case = FloatCase(m, n, k, bf16, constant, transposed)
                    makers = {
                        "lowbit": partial(ours.float_matmul, case),
                        "onednn": partial(onednn.float_matmul, case),
                        "torch": partial(torch.float_matmul, case),
                    }
                    element, limit = ("bf16", "vdpbf16ps") if bf16 else ("f32", "fma")
                    fields = {"M": m, "N": n, "K": k, "element": element, "rhs": right}
                    types, weight_bytes = f"{element} x {element} -> f32", n * k * case.rhs.itemsize
                    compare(report, options, fields, types, makers, case.operations, limit, weight_bytes, check=case.check)
