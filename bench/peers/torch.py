"""PyTorch in eager mode on one thread."""

from __future__ import annotations

import numpy as np

from bench.compare import Prepared
from bench.grouped import GroupedCase
from bench.matmul import FloatCase
from bench.timing import PythonCall


def float_matmul(case: FloatCase) -> Prepared:
    """f32, or bf16 with a bf16 result (it has no product of bf16 with f32 results)."""
    import torch

    torch.set_num_threads(1)
    lhs, rhs = (torch.from_numpy(array.view(np.int16) if case.bf16 else array) for array in (case.lhs, case.rhs))
    if case.bf16:
        lhs, rhs = lhs.view(torch.bfloat16), rhs.view(torch.bfloat16)
    right = rhs.T if case.transposed else rhs
    out = torch.empty(case.m, case.n, dtype=lhs.dtype)
    call = PythonCall(lambda: torch.mm(lhs, right, out=out))
    return Prepared(call, 8 * case.rhs.itemsize, None if case.bf16 else out.numpy, torch.__version__, "product only")


def four_bit_matmul(case: GroupedCase) -> Prepared:
    """bf16 activations; weights in its own layout, a scale and an offset in bf16 a group."""
    import torch

    torch.set_num_threads(1)
    codes, scales = case.quantized(-8, 7, np.float32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(torch.from_numpy(case.repeat(codes).astype(np.int32) + 8), 2)
    pairs = torch.from_numpy(np.stack([case.repeat(scales).T, np.zeros((scales.shape[1], case.n), np.float32)], 2)).to(torch.bfloat16)
    lhs = torch.from_numpy(case.lhs).to(torch.bfloat16)
    function = torch.ops.aten._weight_int4pack_mm_for_cpu

    def call() -> torch.Tensor:
        return function(lhs, packed, case.group, pairs)

    return Prepared(PythonCall(call), 4 + 32 / case.group, lambda: call().float().numpy(), torch.__version__, "bf16 activations given")
