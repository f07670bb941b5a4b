"""Products of real activations with constant 4-bit weights in groups, as language models have them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.compare import Options, Prepared, compare
from bench.grouped import GroupedCase
from bench.ours import grouped as ours
from bench.peers import ggml, onnxruntime, openvino, torch
from bench.report import Report

TITLE = "int4: f32 activations, constant 4-bit weights in groups"
ROWS = (1, 16, 128)
SHAPES = ((4096, 4096), (11008, 4096))
GROUPS = (32, 128)


LIMITS = {"s8": "vpdpbusd", "f32": "fma", "bf16": "vdpbf16ps"}


def run(report: Report, options: Options) -> None:
    """All sizes with activations quantized in the call; one row and many with activations kept in float."""
    for n, k in SHAPES:
        for group in GROUPS:
            for m in ROWS:
                case = GroupedCase(m, n, k, group)
                for activations in LIMITS if m != 16 else ("s8",):
                    for cold in (False, True) if m == 1 else (False,):
                        _compare(report, options, case, activations, cold)


def _compare(report: Report, options: Options, case: GroupedCase, activations: str, cold: bool) -> None:
    fields = {"M": case.m, "N": case.n, "K": case.k, "group": case.group, "activations": activations}
    makers = {"s8": _quantizing, "f32": _float, "bf16": _bfloat}[activations](case)
    weight_bytes = case.n * case.k * (4 + 16 / case.group) / 8
    types, limit = f"f32 as {activations} x 4 bits -> f32", LIMITS[activations]
    compare(report, options, fields, types, makers, case.operations, limit, weight_bytes, cold=cold, check=case.check)


def _quantizing(case: GroupedCase) -> dict[str, Callable[[], Prepared]]:
    makers = {
        "lowbit": partial(ours.grouped_matmul, case, "int4", "dynamic"),
        "lowbit given codes": partial(ours.grouped_matmul, case, "int4", "codes"),
        "onnxruntime": partial(onnxruntime.four_bit_matmul, case, 4),
        "openvino": partial(openvino.four_bit_matmul, case, True),
    }
    if case.group == 32:  # the only size that ggml has
        makers |= {
            "ggml q4_0 repacked": partial(ggml.matmul, case, "q4_0", "CPU_REPACK"),
            "ggml q4_K": partial(ggml.matmul, case, "q4_K"),
            "ggml q4_K repacked": partial(ggml.matmul, case, "q4_K", "CPU_REPACK"),
        }
    return makers


def _float(case: GroupedCase) -> dict[str, Callable[[], Prepared]]:
    return {
        "lowbit": partial(ours.grouped_matmul, case, "int4", "f32"),
        "openvino": partial(openvino.four_bit_matmul, case, False),
        "onnxruntime": partial(onnxruntime.four_bit_matmul, case, 0),
    }


def _bfloat(case: GroupedCase) -> dict[str, Callable[[], Prepared]]:
    return {
        "lowbit": partial(ours.grouped_matmul, case, "int4", "bf16"),
        "openvino": partial(openvino.four_bit_matmul, case, False, "bf16"),
        "torch": partial(torch.four_bit_matmul, case),
    }
