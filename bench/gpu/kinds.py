"""For each kind of product: random inputs, what the result is by its definition, and what PyTorch has for it. Runs without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.gpu.cases import Case

Arrays = dict[str, Any]
STEP, GROUP = 0.05, 128  # as in models.py


def random_codes(shape: tuple[int, ...], low: int, high: int, kind: Any) -> Any:
    """Whole numbers from `low` to `high`, each as likely."""
    return torch.randint(low, high + 1, shape, dtype=torch.int16, device="cuda").to(kind)


def sums(a: Any, b: Any) -> Any:
    """Products in f64, which holds such sums exactly."""
    return torch.matmul(a.double(), b.double().t()).to(torch.int32)


def int_mm(a: Any, b: Any) -> Any:
    """PyTorch's product of bytes. It takes no fewer than 17 rows: more were added beforehand, outside of what is timed."""
    return torch._int_mm(getattr(a, "padded", a), b.t())[: a.shape[0]]


class Kind:
    """Products of bytes to sums in 32 bits."""

    lhs = (-128, 127, torch.int8)
    result = torch.int32
    # Where results are near: the largest error so far beyond one rounding of them, in parts of the sum of magnitudes.
    largest_error: float | None = None

    def __init__(self) -> None:
        self.peers: dict[str, Callable[[Arrays], Any]] = {"torch": lambda x: int_mm(x["a"], x["b"])}

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        """The arrays of a call, in the order of its arguments. whole: real activations are to be small whole numbers, whose sums are exact."""
        a, b = random_codes((case.m, case.k), *self.lhs), random_codes((case.n, case.k), -128, 127, torch.int8)
        if case.m < 17:
            a.padded = torch.zeros((32, case.k), dtype=a.dtype, device="cuda")
            a.padded[: case.m] = a
        return {"a": a, "b": b}

    def reference(self, x: Arrays) -> Any:
        """The result, to the bit."""
        return sums(x["a"], x["b"])

    def count_wrong(self, result: Any, want: Any) -> int:
        """Elements that are not what `reference` says."""
        return int((result != want).sum())

    def read_bytes(self, x: Arrays) -> int:
        """Bytes that have to be read at least."""
        return sum(array.numel() * array.element_size() for array in x.values())


class Unsigned(Kind):
    """Unsigned bytes on the left, which PyTorch does not multiply."""

    lhs = (0, 255, torch.uint8)

    def __init__(self) -> None:
        self.peers = {}


class Requantized(Kind):
    """Codes of the next layer: scale and bias of the column, divided by a step, rounded to even, saturated."""

    result = torch.int8

    def __init__(self) -> None:
        # Division by a number of the host's would be multiplication by its reciprocal.
        self.step = torch.tensor(STEP, dtype=torch.float32, device="cuda")
        self.peers = {"torch": lambda x: self.finish(int_mm(x["a"], x["b"]), x)}

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        scale = torch.rand(case.n, device="cuda") * 2e-3 / case.k**0.5 + 1e-6
        return super().inputs(case, whole) | {"scale": scale, "bias": torch.randn(case.n, device="cuda")}

    def finish(self, total: Any, x: Arrays) -> Any:
        """The epilogue."""
        real = (total.float() * x["scale"] + x["bias"]) / self.step
        return real.round().clamp(-128, 127).to(torch.int8)

    def reference(self, x: Arrays) -> Any:
        return self.finish(sums(x["a"], x["b"]), x)


class Dequantized(Kind):
    """Halves: scales of row and column."""

    result = torch.float16

    def __init__(self) -> None:
        self.peers = {"torch": lambda x: self.finish(int_mm(x["a"], x["b"]), x)}

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        rows, columns = (torch.rand((size, 1), device="cuda") * 1e-3 + 1e-6 for size in (case.m, case.n))
        return super().inputs(case, whole) | {"rows": rows, "columns": columns}

    @staticmethod
    def finish(total: Any, x: Arrays) -> Any:
        """The epilogue."""
        return (total.float() * x["rows"] * x["columns"].t()).half()

    def reference(self, x: Arrays) -> Any:
        return self.finish(sums(x["a"], x["b"]), x)


class Binary(Kind):
    """Signs, eight in a byte from its lowest bit on, and how many of each row are 1. PyTorch has no product of bits."""

    def __init__(self) -> None:
        self.peers = {}

    @staticmethod
    def bits(packed: Any) -> Any:
        """A byte for each bit."""
        places = torch.arange(8, device="cuda", dtype=torch.uint8)
        return ((packed.view(torch.uint8).unsqueeze(-1) >> places) & 1).flatten(1)

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        a, b = (random_codes((size, case.k // 8), -128, 127, torch.int8) for size in (case.m, case.n))
        rows, columns = (self.bits(packed).sum(1, dtype=torch.int32) for packed in (a, b))
        return {"a": a, "b": b, "rows": rows, "columns": columns}

    def reference(self, x: Arrays) -> Any:
        a, b = (2 * self.bits(x[side]).half() - 1 for side in ("a", "b"))
        return torch.matmul(a.float(), b.float().t()).to(torch.int32)  # sums below 2^24, of products that are exact even as tf32


class Grouped(Kind):
    """Halves by weights of four bits, 8 less than what is stored, with a scale for each 128 of a row.

    Groups are added in order, each by one rounding to f32, and the sum is rounded to f16. Within a group the order is the tensor core's: whole
    activations, whose dots are exact, are compared to the bit, others within a bound. A tensor core adds 16 products and what was there before,
    in 24 bits of the largest at least: eight times 17 roundings in a group are below 2^-15 of the sum of magnitudes.
    """

    result = torch.float16

    def __init__(self) -> None:
        # The product of PyTorch that reads four bits takes no f16; the one of halves reads four times as much.
        self.peers = {
            "torch int4 bf16": lambda x: torch._weight_int4pack_mm(*self.packed(x)),
            "torch fp16": lambda x: torch.matmul(x["a"], self.halves(x).t()),
        }

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        a = random_codes((case.m, case.k), -8, 8, torch.float16) if whole else torch.randn((case.m, case.k), device="cuda").half()
        a.whole = whole
        b = random_codes((case.n, case.k // 2), -128, 127, torch.int8)
        return {"a": a, "b": b, "scales": (torch.rand((case.n, case.k // GROUP), device="cuda") * 0.09 + 0.01).half()}

    @staticmethod
    def weights(x: Arrays) -> Any:
        """Whole numbers, [N, K]; the lower half of a byte comes first."""
        stored = x["b"].view(torch.uint8)
        return torch.stack((stored & 15, stored >> 4), -1).flatten(1).to(torch.int16) - 8

    @classmethod
    def reals(cls, x: Arrays) -> Any:
        """Weights times scales, in f64."""
        return cls.weights(x).double() * x["scales"].double().repeat_interleave(GROUP, 1)

    @classmethod
    def halves(cls, x: Arrays) -> Any:
        """Weights as f16. The first call makes them."""
        if not hasattr(x["b"], "halves"):
            x["b"].halves = cls.reals(x).half()
        return x["b"].halves

    @staticmethod
    def packed(x: Arrays) -> tuple[Any, ...]:
        """Arguments of PyTorch's product. The first call makes them: the upper half of a byte comes first there."""
        if not hasattr(x["b"], "packed"):
            stored = x["b"].view(torch.uint8)
            scales = x["scales"].t().bfloat16()
            parameters = torch.stack((scales, torch.zeros_like(scales)), -1).contiguous()
            weights = torch._convert_weight_to_int4pack((stored << 4) | (stored >> 4), 8)
            x["b"].packed = (x["a"].bfloat16(), weights, GROUP, parameters)
        return x["b"].packed

    def reference(self, x: Arrays) -> Any:
        """The result, how far from it rounding may be, and the sum of magnitudes, or 0 where nothing else is inexact."""
        a = x["a"].double()
        if not x["a"].whole:
            reals = self.reals(x)
            want, magnitudes = torch.matmul(a, reals.t()), torch.matmul(a.abs(), reals.abs().t())
            return want, want.abs() * 2**-11 + 2**-25, magnitudes
        weights, scales = self.weights(x).double(), x["scales"].double()
        total = torch.zeros((a.shape[0], weights.shape[0]), device="cuda")
        for i in range(scales.shape[1]):
            part = slice(i * GROUP, (i + 1) * GROUP)
            # A dot of 14 bits, a scale of 11, a sum of 24 whose lowest bit is no lower: exact in f64, so that it is rounded once.
            total = (torch.matmul(a[:, part], weights[:, part].t()) * scales[:, i] + total.double()).float()
        return total.half().double(), 0.0, 0.0

    def count_wrong(self, result: Any, want: Any) -> int:
        value, rounding, magnitudes = want
        error = (result.double() - value).abs() - rounding
        if torch.is_tensor(magnitudes):
            self.largest_error = max(self.largest_error or 0.0, float((error / magnitudes).max()))
        return int((~(error <= magnitudes * 2**-15)).sum())  # so that what is no number is wrong


KINDS: dict[str, Callable[[], Kind]] = {
    "binary": Binary,
    "s8": Kind,
    "u8": Unsigned,
    "requantize": Requantized,
    "dequantize": Dequantized,
    "w4a16": Grouped,
}
