"""Products of 8-bit codes with constant 8-bit weights, to 32-bit sums."""

from __future__ import annotations

from functools import partial

from bench.compare import Options, compare
from bench.matmul import Int8Case
from bench.ours import matmul as ours
from bench.peers import iree, onednn, onnxruntime, openvino
from bench.report import Report

TITLE = "int8: constant weights, s8 or u8 activations, 32-bit sums"
ROWS = (1, 16, 128, 512)
SHAPES = ((384, 384), (1536, 384), (384, 1536), (4096, 4096))
PEERS = {
    "lowbit": ours.int8_matmul,
    "onednn": onednn.int8_matmul,
    "openvino": openvino.int8_matmul,
    "onnxruntime": onnxruntime.int8_matmul,
    "iree": iree.int8_matmul,
}


def run(report: Report, options: Options) -> None:
    """All sizes, both signs of activations."""
    for n, k in SHAPES:
        for m in ROWS:
            for signed in (True, False):
                case = Int8Case(m, n, k, signed)
                types = f"{'s8' if signed else 'u8'} x s8 -> s32"
                makers = {name: partial(make, case) for name, make in PEERS.items()}
                fields = {"M": m, "N": n, "K": k, "lhs": types[:2]}
                compare(report, options, fields, types, makers, case.operations, "vpdpbusd", n * k, check=case.check)
