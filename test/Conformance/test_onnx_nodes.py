"""ONNX's node tests of other operators than those of quantization, on the host: what is imported is compiled, and computes what ONNX says.

A choice, one of each kind that once was refused; all with LOWBIT_CONFORMANCE=all, where what cannot be imported is skipped.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from lowbit.errors import Error
from lowbit.frontends import ImportFailure, import_onnx
from onnx_cases import collect_all
from test_onnx_gpu import is_near
from test_onnx_quantization import QUANT_RUN, run

pytestmark = pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")

CHOSEN = [
    "averagepool_2d_ceil",
    "averagepool_2d_ceil_last_window_starts_on_pad",
    "gru_seq_length",
    "lstm_bidirectional",
    "maxpool_with_argmax_2d_precomputed_pads",
    "rnn_seq_length",
]
IS_WHOLE = os.environ.get("LOWBIT_CONFORMANCE") == "all"
CASES = collect_all(None if IS_WHOLE else [f"test_{name}" for name in CHOSEN])


@cache
def import_case(number: int) -> str:
    return import_onnx(CASES[number].model.SerializeToString())


@pytest.mark.parametrize("target", ["reference", "host"])
@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_node(number: int, target: str, tmp_path: Path) -> None:
    case = CASES[number]
    try:
        text = import_case(number)
    except (Error, ImportFailure) as error:
        assert IS_WHOLE, error
        pytest.skip(f"is not imported: {str(error).splitlines()[0]}")
    found = run(text, case.inputs, target, tmp_path)
    for name, expected in case.outputs.items():
        assert found[name].shape == expected.shape
        assert is_near(found[name], expected), f"{name}: {found[name]}, expected {expected}"


def test_none_is_missing() -> None:
    assert len(CASES) >= len(CHOSEN)
