"""For each kind of product: random inputs, what the result is by its definition, and what PyTorch has for it. Runs without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from bench.gpu.cases import E2M1, NF4, Case
from bench.gpu.lanes import LANE_ORDER, bit_places, lane_shape, padded

Arrays = dict[str, Any]
STEP, GROUP = 0.05, 128  # as in models.py


def random_codes(shape: tuple[int, ...], low: int, high: int, kind: Any) -> Any:
    """Whole numbers from `low` to `high`, each as likely."""
    return torch.randint(low, high + 1, shape, dtype=torch.int16, device="cuda").to(kind)


def sums(a: Any, b: Any) -> Any:
    """Products in f64, which holds such sums exactly."""
    return torch.matmul(a.double(), b.double().transpose(-1, -2)).to(torch.int32)


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


class Batched(Kind):
    """The same for each head. PyTorch multiplies batches of halves; so that these hold the sums, they are 64 times smaller."""

    def __init__(self) -> None:
        self.peers = {"torch fp16": lambda x: torch.bmm(self.halves(x["a"]), self.halves(x["b"]).transpose(-1, -2))}

    @staticmethod
    def halves(codes: Any) -> Any:
        """As f16. The first call makes them."""
        if not hasattr(codes, "halves"):
            codes.halves = codes.half() / 64
        return codes.halves

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        shapes = {"a": (case.batches, case.m, case.k), "b": (case.batches, case.n, case.k)}
        return {name: random_codes(shape, -128, 127, torch.int8) for name, shape in shapes.items()}


class Bounded(Kind):
    """What is compared in f64: `reference` says how far from its values results may be."""

    def count_wrong(self, result: Any, want: Any) -> int:
        value, bound = want
        return int((~((result.double() - value).abs() <= bound)).sum())  # so that what is no number is wrong


class Floats(Bounded):
    """f32, A B^T. Whole inputs have sums that are exact; others lie within a rounding of each product that is added."""

    result = torch.float32
    axes = ("mk", "nk")

    def __init__(self) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        self.peers = {"torch": lambda x: torch.matmul(self.left(x), self.right(x))}

    def left(self, x: Arrays) -> Any:
        """[M, K]."""
        return x["a"] if self.axes[0] == "mk" else x["a"].t()

    def right(self, x: Arrays) -> Any:
        """[K, N]."""
        return x["b"] if self.axes[1] == "kn" else x["b"].t()

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        sizes = {"m": case.m, "n": case.n, "k": case.k}
        x = {}
        for name, (first, second) in zip("ab", self.axes):
            shape = (sizes[first], sizes[second])
            x[name] = random_codes(shape, -8, 8, torch.float32) if whole else torch.randn(shape, device="cuda")
        x["a"].whole = whole
        return x

    def reference(self, x: Arrays) -> Any:
        """The result in f64, and how far from it roundings may be."""
        left, right = self.left(x).double(), self.right(x).double()
        roundings = 0 if x["a"].whole else left.shape[1] * 2**-24
        return torch.matmul(left, right), torch.matmul(left.abs(), right.abs()) * roundings


class FloatsForward(Floats):
    """A B."""

    axes = ("mk", "kn")


class FloatsBackward(Floats):
    """A^T B."""

    axes = ("km", "kn")


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


class Float8(Bounded):
    """Floats of 8 bits (e4m3), scales of row and column, to bf16.

    Whole numbers, whose sums are exact, are compared to the bit. Of others a part of 128 is cut 13 bits below the largest power of two among
    its products, in four steps of 33 terms and a result; parts are rounded to f32, and the result to bf16.
    """

    result = torch.bfloat16

    def __init__(self) -> None:
        self.peers = {"torch": self.peer, "torch fast": lambda x: self.peer(x, fast=True)}

    @staticmethod
    def peer(x: Arrays, fast: bool = False) -> Any:
        """PyTorch's product; `fast` adds up in the tensor core alone."""
        scales = {"scale_a": x["rows"], "scale_b": x["columns"].t()}
        return torch._scaled_mm(x["a"], x["b"].t(), **scales, out_dtype=torch.bfloat16, use_fast_accum=fast)

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        def side(rows: int) -> Any:
            number = random_codes((rows, case.k), -3, 3, torch.float32) if whole else torch.randn((rows, case.k), device="cuda")
            return number.to(torch.float8_e4m3fn)

        rows, columns = (torch.rand((size, 1), device="cuda") * 1e-2 + 1e-4 for size in (case.m, case.n))
        a = side(case.m)
        a.whole = whole
        return {"a": a, "b": side(case.n), "rows": rows, "columns": columns}

    def reference(self, x: Arrays) -> Any:
        """The result, and how far from it may be."""
        a, b = (x[side].to(torch.float64) for side in ("a", "b"))
        total = torch.matmul(a, b.t())
        if x["a"].whole:
            return (total.float() * x["rows"] * x["columns"].t()).bfloat16().double(), 0.0
        scales = x["rows"].double() * x["columns"].t().double()
        magnitudes = torch.matmul(a.abs(), b.abs().t())
        # No product has a larger power of two than the largest of a row of 128 times that of the other side.
        left, right = (
            torch.nn.functional.pad(side.abs().clamp(min=2.0**-6), (0, -side.shape[1] % 128)).unflatten(1, (-1, 128)).amax(2)
            for side in (a, b)
        )
        cut = (torch.matmul(left, right.t()) + magnitudes) * (4 * 34 * 1.02 * 2.0**-13)
        rounding = magnitudes * (left.shape[1] + 4) * 2.0**-24
        return total * scales, (cut + rounding) * scales + (total * scales).abs() * 2.0**-8 + 2.0**-133


class Grouped(Kind):
    """Halves by weights of four bits, in the order of lanes, with a scale for each 128 of a row.

    Groups are added in order, each by one rounding to f32, and the sum is rounded to f16. Within a group the order is the tensor core's: whole
    activations, whose dots are exact, are compared to the bit, others within a bound. A tensor core adds 16 products and what was there before,
    in 24 bits of the largest at least: eight times 17 roundings in a group are below 2^-15 of the sum of magnitudes.
    """

    result = torch.float16
    width, group, codes = 4, GROUP, False  # bits; weights that share a scale, 0: a column; whether activations are bytes
    smallest, largest = -8, 7
    levels: tuple[float, ...] | None = None  # what codes stand for

    def __init__(self) -> None:
        # The product of PyTorch that reads four bits takes no f16; the one of halves reads four times as much.
        self.peers = {"torch fp16": lambda x: torch.matmul(self.left(x), self.halves(x).t())}
        if self.width == 4 and not self.codes and not self.levels:
            self.peers["torch int4 bf16"] = lambda x: torch._weight_int4pack_mm(*self.packed(x))

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        if self.codes:
            a = random_codes((case.m, case.k), -128, 127, torch.int8)
        else:
            a = random_codes((case.m, case.k), -8, 8, torch.float16) if whole else torch.randn((case.m, case.k), device="cuda").half()
        a.whole = whole or self.codes
        numbers = random_codes((case.n, case.k), self.smallest, self.largest, torch.int8)
        b = self.pack(numbers)
        b.numbers = numbers
        x = {"a": a, "b": b}
        if self.group:
            x["scales"] = torch.zeros((case.k // self.group, b.shape[0] * 16), device="cuda").half()
            x["scales"][:, : case.n] = torch.rand((case.k // self.group, case.n), device="cuda") * 0.09 + 0.01
        if self.codes:
            x["rows"] = torch.rand((case.m, 1), device="cuda") * 1e-3 + 1e-6
        if not self.group:
            x["columns"] = torch.rand((1, case.n), device="cuda") * 1e-2 + 1e-6
        return x

    @classmethod
    def pack(cls, numbers: Any) -> Any:
        """Rows of 16 columns, 512 bytes for each 256 / width neighbours: see `LaneWeights` in include/lowbit/IR."""
        element = 8 if cls.codes else 16
        n, k = padded(*numbers.shape, cls.width, cls.group)
        filled = torch.zeros((n, k), dtype=torch.int64, device="cuda")
        filled[: numbers.shape[0], : numbers.shape[1]] = numbers.long() & (1 << cls.width) - 1
        ordered = filled.view(lane_shape(n, k, cls.width, element, cls.group)).permute(LANE_ORDER)
        fields = ordered.reshape(n // 16, -1, element // cls.width, 32 // element)
        places = torch.tensor(bit_places(cls.width, element, cls.levels), device="cuda")
        words = sum(((fields >> bit & 1) << places[bit]).sum((-1, -2)) for bit in range(cls.width))
        return torch.stack([(words >> shift & 255).to(torch.uint8) for shift in (0, 8, 16, 24)], -1).view(n // 16, -1).view(torch.int8)

    def scales(self, x: Arrays) -> Any:
        """[N, groups], in f64."""
        return (x["scales"][:, : x["b"].numbers.shape[0]] if self.group else x["columns"]).double().t()

    def left(self, x: Arrays) -> Any:
        """Activations as f16."""
        if not hasattr(x["a"], "halves"):
            x["a"].halves = x["a"].half()
        return x["a"].halves

    def halves(self, x: Arrays) -> Any:
        """Weights as f16. The first call makes them."""
        if not hasattr(x["b"], "halves"):
            x["b"].halves = self.reals(x).half()
        return x["b"].halves

    def reals(self, x: Arrays) -> Any:
        """Weights times scales, in f64."""
        return x["b"].numbers.double() * self.scales(x).repeat_interleave(self.group or x["b"].numbers.shape[1], 1)

    def packed(self, x: Arrays) -> tuple[Any, ...]:
        """Arguments of PyTorch's product. The first call makes them: the upper half of a byte comes first there."""
        if not hasattr(x["b"], "packed"):
            stored = (x["b"].numbers + 8).to(torch.uint8)
            scales = self.scales(x).t().bfloat16()
            parameters = torch.stack((scales, torch.zeros_like(scales)), -1).contiguous()
            weights = torch._convert_weight_to_int4pack((stored[:, 0::2] << 4) | stored[:, 1::2], 8)
            x["b"].packed = (x["a"].bfloat16(), weights, GROUP, parameters)
        return x["b"].packed

    def finish(self, total: Any, x: Arrays) -> Any:
        """The epilogue, of reals in f32."""
        if self.codes:
            total = total * x["rows"]
        return total if self.group else total * x["columns"]

    def reference(self, x: Arrays) -> Any:
        """The result, how far from it rounding may be, and the sum of magnitudes, or 0 where nothing else is inexact."""
        a = x["a"].double()
        if not x["a"].whole:
            reals = self.reals(x)
            want, magnitudes = torch.matmul(a, reals.t()), torch.matmul(a.abs(), reals.abs().t())
            return want, want.abs() * 2**-11 + 2**-25, magnitudes
        weights = x["b"].numbers.double()
        if not self.group:
            return self.finish(torch.matmul(a, weights.t()).float(), x).half().double(), 0.0, 0.0
        total, scales = torch.zeros((a.shape[0], weights.shape[0]), device="cuda"), self.scales(x)
        for i in range(scales.shape[1]):
            part = slice(i * self.group, (i + 1) * self.group)
            # A dot of 18 bits, a scale of 11, a sum of 24 whose lowest bit is no lower: exact in f64, so that it is rounded once.
            total = (torch.matmul(a[:, part], weights[:, part].t()) * scales[:, i] + total.double()).float()
        return self.finish(total, x).half().double(), 0.0, 0.0

    def count_wrong(self, result: Any, want: Any) -> int:
        value, rounding, magnitudes = want
        error = (result.double() - value).abs() - rounding
        if torch.is_tensor(magnitudes):
            self.largest_error = max(self.largest_error or 0.0, float((error / magnitudes).max()))
        return int((~(error <= magnitudes * 2**-15)).sum())  # so that what is no number is wrong


class W2A16(Grouped):
    """Two bits, groups of 64."""

    width, group, smallest, largest = 2, 64, -2, 1


class W4A8(Grouped):
    """Four bits by codes with a scale for each row."""

    codes = True


class Ternary(Grouped):
    """Two bits, of which -1, 0 and 1 are used, with a scale for each column: one dot."""

    width, group, smallest, largest = 2, 0, -1, 1


class TernaryA8(Ternary):
    """The same by codes with a scale for each row."""

    codes = True


class NF4A16(Grouped):
    """Codes of the levels of NF4, groups of 64. Whole activations are one power of two a group, whose dots are levels."""

    group, smallest, largest, levels = 64, 0, 15, NF4

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        x = super().inputs(case, whole)
        if whole:
            groups = x["a"].view(case.m, -1, self.group)
            groups.zero_()
            places = torch.randint(0, self.group, (*groups.shape[:2], 1), device="cuda")
            groups.scatter_(2, places, torch.ldexp(torch.ones_like(groups[..., :1]), torch.randint_like(places, -3, 4)).half())
        numbers = torch.tensor(self.levels, device="cuda")[x["b"].numbers.long()]
        x["b"].numbers = numbers
        return x


class MXFP4(NF4A16):
    """Floats of four bits, groups of 32, scales that are powers of two, as bytes. Whole activations are small whole numbers."""

    group, levels = 32, E2M1

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        x = super().inputs(case)
        if whole:
            x["a"].copy_(random_codes(tuple(x["a"].shape), -8, 8, torch.float16))
            x["a"].whole = True
        x["scales"] = self.random_scales(x["scales"].shape)
        return x

    def random_scales(self, shape: tuple[int, ...]) -> Any:
        """From 2^-7 to 2^3."""
        return random_codes(shape, 120, 130, torch.uint8)

    def decode(self, stored: Any) -> Any:
        """In f64."""
        return torch.ldexp(torch.ones_like(stored, dtype=torch.float64), stored.long() - 127)

    def scales(self, x: Arrays) -> Any:
        return self.decode(x["scales"][:, : x["b"].numbers.shape[0]]).t()


class NVFP4(MXFP4):
    """Groups of 16, scales of f8E4M3FN, as bytes, and one of the tensor."""

    group = 16

    def inputs(self, case: Case, whole: bool = False) -> Arrays:
        return super().inputs(case, whole) | {"tensor": torch.full((1, 1), 2.0**-5, device="cuda")}

    def random_scales(self, shape: tuple[int, ...]) -> Any:
        """All but NaN and those below zero."""
        return random_codes(shape, 0, 126, torch.uint8)

    def decode(self, stored: Any) -> Any:
        return stored.view(torch.float8_e4m3fn).double()

    def reals(self, x: Arrays) -> Any:
        return super().reals(x) * x["tensor"].double()

    def finish(self, total: Any, x: Arrays) -> Any:
        return super().finish(total, x) * x["tensor"]


KINDS: dict[str, Callable[[], Kind]] = {
    "binary": Binary,
    "s8": Kind,
    "u8": Unsigned,
    "batched": Batched,
    "long": Kind,
    "f32_nt": Floats,
    "f32_nn": FloatsForward,
    "f32_tn": FloatsBackward,
    "requantize": Requantized,
    "dequantize": Dequantized,
    "float8": Float8,
    "w4a16": Grouped,
    "w2a16": W2A16,
    "w4a8": W4A8,
    "ternary": Ternary,
    "ternary_a8": TernaryA8,
    "nf4": NF4A16,
    "mxfp4": MXFP4,
    "nvfp4": NVFP4,
}
