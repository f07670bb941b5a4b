"""ONNX's node tests on kernels of a GPU, in the simulator: what `host` computes, `gpu-sim` computes, too.

Of the tests of quantization operators all, bit for bit; of the others a choice, or all with LOWBIT_CONFORMANCE=all.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from lowbit.errors import Error
from lowbit.frontends import ImportFailure, import_onnx
from onnx_cases import Case, collect, collect_all
from test_onnx_quantization import QUANT_RUN, run, same_bits

pytestmark = pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")
TARGET = "gpu-sim"  # of an sm_90a
QUANTIZED = collect()

# One of each kind that once had no kernel, and of what models of language are made of.
CHOSEN = [
    "argmax_default_axis_example_select_last_index",
    "attention_4d_gqa",
    "blackmanwindow",
    "cast_FLOAT_to_FLOAT16",
    "einsum_batch_matmul",
    "expand_dim_changed",
    "gather_elements_0",
    "gathernd_example_float32",
    "gelu_tanh_1",
    "isnan",
    "layer_normalization_4d_axis3",
    "lstm_bidirectional",
    "maxpool_2d_pads",
    "maxpool_with_argmax_2d_precomputed_pads",
    "nllloss_NCd1d2_with_weight",
    "resize_upsample_scales_nearest",
    "rnn_seq_length",
    "rotary_embedding",
    "sce_mean",
    "tan",
    "where_long_example",
]

# What stays an error on a GPU (docs/gpu-kernels.md).
REFUSALS = ("has a loop of dynamic size", "is left for the host", "is no instruction of a GPU")


@pytest.mark.parametrize("case", QUANTIZED, ids=[case.name for case in QUANTIZED])
def test_quantization(case: Case, tmp_path: Path) -> None:
    found = run(import_onnx(case.model.SerializeToString()), case.inputs, TARGET, tmp_path)
    for name, expected in case.outputs.items():
        assert same_bits(found[name], expected), f"{name}: {found[name]}, expected {expected}"


def is_near(found: np.ndarray, expected: np.ndarray) -> bool:
    """Within the bound of ONNX's own test runner."""
    found = np.ascontiguousarray(found).reshape(-1).view(expected.dtype).reshape(found.shape)
    if expected.dtype.kind in "biu":
        return np.array_equal(found, expected)
    return np.allclose(found.astype(np.float64), expected.astype(np.float64), rtol=1e-3, atol=1e-7, equal_nan=True)


def matches(found: dict[str, np.ndarray], case: Case) -> bool:
    return all(found[name].shape == value.shape and is_near(found[name], value) for name, value in case.outputs.items())


IS_WHOLE = os.environ.get("LOWBIT_CONFORMANCE") == "all"
OTHERS = collect_all(None if IS_WHOLE else [f"test_{name}" for name in CHOSEN])


@pytest.mark.parametrize("case", OTHERS, ids=[case.name for case in OTHERS])
def test_node(case: Case, tmp_path: Path) -> None:
    try:
        text = import_onnx(case.model.SerializeToString())
        on_host = run(text, case.inputs, "host", tmp_path) if IS_WHOLE else case.outputs
    except (Error, ImportFailure, AssertionError) as error:
        assert IS_WHOLE, error
        pytest.skip("is not imported, or not compiled for the host")
    if IS_WHOLE and not matches(on_host, case):
        pytest.skip("the host computes something else")
    try:
        found = run(text, case.inputs, TARGET, tmp_path)
    except AssertionError as error:
        assert IS_WHOLE, error
        assert any(refusal in str(error) for refusal in REFUSALS), error
        pytest.xfail(str(error).splitlines()[0])
    assert matches(found, case)


def test_none_is_missing() -> None:
    assert len(QUANTIZED) >= 45
    assert len(OTHERS) >= len(CHOSEN)
