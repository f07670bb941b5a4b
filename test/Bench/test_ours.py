"""What scripts/bench times of ours: the texts compile, and their results are right, at the smallest sizes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from bench import ours
from bench.binary import BinaryCase
from bench.compare import Prepared
from bench.convolution import ConvCase
from bench.grouped import GroupedCase
from bench.matmul import FloatCase, Int8Case
from bench.native import Unavailable
from bench.ours import convolution, grouped, matmul

FEW = GroupedCase(2, 256, 64, 32)
TERNARY = GroupedCase(2, 256, 64, 0, ternary=True)
CONV, STRIDED = ConvCase(6, 3, 16, 3), ConvCase(6, 3, 16, 3, 2)
BITS = BinaryCase(3, 16, 64)
CASES: dict[str, tuple[Callable[[], Prepared], Callable[[np.ndarray], bool]]] = {
    **{
        f"int8 signed={signed}": (lambda case=case: matmul.int8_matmul(case), case.check)
        for signed in (True, False)
        if (case := Int8Case(3, 32, 16, signed))
    },
    **{
        f"float {case}": (lambda case=case: matmul.float_matmul(case), case.check)
        for case in (FloatCase(3, 16, 8, False), FloatCase(3, 16, 8, True, constant=False), FloatCase(3, 16, 8, False, False, True))
    },
    **{f"int4 {lhs}": (lambda lhs=lhs: grouped.grouped_matmul(FEW, "int4", lhs), FEW.check) for lhs in ("dynamic", "codes", "f32", "bf16")},
    "ternary": (lambda: grouped.grouped_matmul(TERNARY, "ternary", "dynamic"), TERNARY.check),
    "bits": (lambda: matmul.binary_matmul(BITS), BITS.check),
    "signs": (lambda: matmul.binary_matmul(BITS, from_float=True), BITS.check),
    "convolution": (lambda: convolution.convolution(CONV), CONV.check),
    "strided convolution": (lambda: convolution.convolution(STRIDED), STRIDED.check),
}


@pytest.mark.parametrize("name", CASES)
def test_results(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (convolution, grouped, matmul):
        monkeypatch.setattr(module, "require_kernel", lambda text: None)
    make, check = CASES[name]
    prepared = make()
    prepared.call.owner()
    assert check(prepared.result())


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (0, 'm.mlir:7:8: remark: [Missed] contract | Category:lowbit | Function=main | Reason="odd"', "the reference lowering, not timed: odd"),
        (1, "m.mlir:1:1: error: wrong", "it does not compile: m.mlir:1:1: error: wrong"),
    ],
)
def test_reference_lowering_is_not_timed(monkeypatch: pytest.MonkeyPatch, code: int, text: str, reason: str) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **named: subprocess.CompletedProcess(arguments, code, "", text))
    with pytest.raises(Unavailable, match=re.escape(reason)):
        ours.require_kernel("")
