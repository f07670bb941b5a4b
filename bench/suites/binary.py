"""Products of bits, given packed, beside the same product written by hand and with 8-bit codes."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.binary import BinaryCase, pack
from bench.compare import Options, Prepared, compare
from bench.convolution import ConvCase
from bench.matmul import Int8Case
from bench.ours import convolution, matmul
from bench.peers import handwritten, larq
from bench.report import Report

TITLE = "binary: products of packed bits to 32-bit sums, and ResNet-18's convolutions from f32 to f32 or signs"
ROWS = (1, 16, 128, 512)
SHAPES = ((1024, 1024), (4096, 4096))
CONVOLUTIONS = ((56, 64), (28, 128), (14, 256), (7, 512))


def run(report: Report, options: Options) -> None:
    """All sizes."""
    for n, k in SHAPES:
        for m in ROWS:
            case = BinaryCase(m, n, k)
            makers = {
                "lowbit": partial(matmul.binary_matmul, case),
                "lowbit from f32": partial(matmul.binary_matmul, case, from_float=True),
                "by hand": partial(handwritten.binary_matmul, case),
                "lowbit int8": lambda case=case: _unchecked(matmul.int8_matmul(Int8Case(case.m, case.n, case.k, signed=False))),
            }
            fields = {"M": m, "N": n, "K": k}
            compare(report, options, fields, "b1 x b1 -> s32", makers, case.operations, "xor+vpopcntq+add", n * k / 8, check=case.check)
    for signs in (False, True):
        for size, channels in CONVOLUTIONS:
            _compare_convolution(report, options, ConvCase(size, channels, channels, 3), signs)


def _compare_convolution(report: Report, options: Options, case: ConvCase, signs: bool) -> None:
    """To f32, and to packed signs as the next layer takes them; Larq's layer, alone, ends in f32."""
    rng = np.random.default_rng(0)
    image = rng.standard_normal((case.size, case.size, case.channels)).astype(np.float32)
    codes = rng.integers(0, 2, (3, 3, case.channels, case.outputs), np.uint8)
    factor = rng.uniform(0.5, 1, case.outputs).astype(np.float32)

    def check(result: np.ndarray) -> bool:
        # Away from the border: three rows of pixels make one.
        windows = np.lib.stride_tricks.sliding_window_view(np.where(image < 0, -1.0, 1.0)[2:5], (3, 3), (0, 1))[0]
        sums = np.einsum("wcij,ijco->wo", windows, 1 - 2.0 * codes)
        if signs:
            return np.array_equal(result.view(np.uint8).reshape(case.size, case.size, -1)[3, 1:-1], pack(sums < 0))
        return np.array_equal(result[3, 1:-1], sums.astype(np.float32) * factor)

    makers = {
        "lowbit": partial(convolution.binary_convolution, case, image, codes, factor, signs),
    }
    if not signs:
        makers["larq"] = partial(larq.binary_convolution, case)
    fields = {"conv": case.name} | ({"result": "signs"} if signs else {})
    compare(report, options, fields, f"f32 as b1 x b1 -> {'b1' if signs else 'f32'}", makers, case.operations, "xor+vpopcntq+add", codes.size / 8, check=check)


def _unchecked(prepared: Prepared) -> Prepared:
    prepared.result = None  # other numbers
    return prepared
