"""For each kind of product: random inputs, what the result is by its definition, and what PyTorch has for it. Runs without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.gpu.cases import Case

Arrays = dict[str, Any]
STEP = 0.05  # as in models.py


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

    def __init__(self) -> None:
        self.peers: dict[str, Callable[[Arrays], Any]] = {"torch": lambda x: int_mm(x["a"], x["b"])}

    def inputs(self, case: Case) -> Arrays:
        """The arrays of a call, in the order of its arguments."""
        a, b = random_codes((case.m, case.k), *self.lhs), random_codes((case.n, case.k), -128, 127, torch.int8)
        if case.m < 17:
            a.padded = torch.zeros((32, case.k), dtype=a.dtype, device="cuda")
            a.padded[: case.m] = a
        return {"a": a, "b": b}

    def reference(self, x: Arrays) -> Any:
        """The result, to the bit."""
        return sums(x["a"], x["b"])

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

    def inputs(self, case: Case) -> Arrays:
        scale = torch.rand(case.n, device="cuda") * 2e-3 / case.k**0.5 + 1e-6
        return super().inputs(case) | {"scale": scale, "bias": torch.randn(case.n, device="cuda")}

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

    def inputs(self, case: Case) -> Arrays:
        rows, columns = (torch.rand((size, 1), device="cuda") * 1e-3 + 1e-6 for size in (case.m, case.n))
        return super().inputs(case) | {"rows": rows, "columns": columns}

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

    def inputs(self, case: Case) -> Arrays:
        a, b = (random_codes((size, case.k // 8), -128, 127, torch.int8) for size in (case.m, case.n))
        rows, columns = (self.bits(packed).sum(1, dtype=torch.int32) for packed in (a, b))
        return {"a": a, "b": b, "rows": rows, "columns": columns}

    def reference(self, x: Arrays) -> Any:
        a, b = (2 * self.bits(x[side]).half() - 1 for side in ("a", "b"))
        return torch.matmul(a.float(), b.float().t()).to(torch.int32)  # sums below 2^24, of products that are exact even as tf32


KINDS: dict[str, Callable[[], Kind]] = {"binary": Binary, "s8": Kind, "u8": Unsigned, "requantize": Requantized, "dequantize": Dequantized}
