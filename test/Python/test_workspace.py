"""A call allocates nothing: buffers are views of a workspace that the caller hands in."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import lowbit
import numpy as np
import pytest

# Two linears with a function between them: the first one's result is a buffer of the function's own.
MODEL = """
func.func @main(%x: tensor<256x32xf32> {lowbit.name = "x"}) -> (tensor<256x48xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.02> : tensor<32x40xf32>
  %v = arith.constant dense<0.5> : tensor<40x48xf32>
  %h = tensor.empty() : tensor<256x40xf32>
  %h0 = linalg.fill ins(%zero : f32) outs(%h : tensor<256x40xf32>) -> tensor<256x40xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<256x32xf32>, tensor<32x40xf32>) outs(%h0 : tensor<256x40xf32>) -> tensor<256x40xf32>
  %1 = linalg.exp ins(%0 : tensor<256x40xf32>) outs(%h : tensor<256x40xf32>) -> tensor<256x40xf32>
  %e = tensor.empty() : tensor<256x48xf32>
  %e0 = linalg.fill ins(%zero : f32) outs(%e : tensor<256x48xf32>) -> tensor<256x48xf32>
  %2 = linalg.matmul ins(%1, %v : tensor<256x40xf32>, tensor<40x48xf32>) outs(%e0 : tensor<256x48xf32>) -> tensor<256x48xf32>
  return %2 : tensor<256x48xf32>
}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    path = tmp_path_factory.mktemp("workspace") / "m.mlir"
    path.write_text(MODEL)
    return lowbit.load(path)


@pytest.mark.parametrize("target", ["reference", "host", "x86-64-avx2", "generic"])
@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_code_allocates_nothing(model: lowbit.Module, target: str, threads: int) -> None:
    for quantized in (model, model.quantize("w8a8-dynamic")):
        lowered = str(quantized.transform(f"lowbit-compile{{target={target} threads={threads}}}"))
        assert re.search(r"workspace = [1-9][0-9]* : i64", lowered)
        assert not re.search(r"@(malloc|free|aligned_alloc)\b", lowered)


@pytest.mark.parametrize("threads", [1, 2])
def test_calls_at_once_do_not_share_a_workspace(model: lowbit.Module, threads: int) -> None:
    function = model.quantize("w8a8-dynamic").compile("host", threads=threads)
    inputs = [np.random.default_rng(seed).standard_normal((256, 32)).astype(np.float32) for seed in range(4)]
    expected = [function(x)["y"] for x in inputs]

    def call(i: int) -> bool:
        return all(np.array_equal(function(inputs[i])["y"], expected[i]) for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(4)))
