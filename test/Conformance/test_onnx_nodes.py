"""ONNX's node tests of other operators than those of quantization, on CPUs: one of each kind that once was refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from lowbit.frontends import import_onnx
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
CASES = {case.name: case for case in collect_all([f"test_{name}" for name in CHOSEN])}


@cache
def import_case(name: str) -> str:
    return import_onnx(CASES[name].model.SerializeToString())


@pytest.mark.parametrize("target", ["reference", "host"])
@pytest.mark.parametrize("name", CHOSEN)
def test_node(name: str, target: str, tmp_path: Path) -> None:
    case = CASES[f"test_{name}"]
    found = run(import_case(case.name), case.inputs, target, tmp_path)
    for output, expected in case.outputs.items():
        assert found[output].shape == expected.shape
        assert is_near(found[output], expected), f"{output}: {found[output]}, expected {expected}"
