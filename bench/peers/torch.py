"""PyTorch in eager mode on one thread."""

from __future__ import annotations

import numpy as np

from bench.compare import Prepared
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
