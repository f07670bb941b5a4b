"""Number formats: which reals codes stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from lowbit.errors import Error


@dataclass(frozen=True)
class Format:
    """Integers from smallest to largest, or, if `signs`, only these two. onnx: the type that ONNX's QuantizeLinear has for it, if any."""

    name: str
    smallest: float
    largest: float
    signs: bool = False
    onnx: torch.dtype | None = None

    @staticmethod
    def parse(text: str) -> Format:
        """`int<4>`, `uint<8>`, `ternary` or `binary`, as in recipes."""
        if text == "binary":
            return Format(text, -1, 1, signs=True)
        if text == "ternary":
            return Format(text, -1, 1)
        match = re.fullmatch(r"(u?)int<(\d+)>", text)
        if not match or not 1 <= int(match[2]) <= 16:
            raise Error(f"there is no format `{text}` for PyTorch; expected int<1> to int<16>, uint<1> to uint<16>, ternary or binary")
        width = int(match[2])
        onnx = {8: torch.uint8 if match[1] else torch.int8}.get(width)
        if match[1]:
            return Format(text, 0, 2**width - 1, onnx=onnx)
        return Format(text, -(2 ** (width - 1)), 2 ** (width - 1) - 1, onnx=onnx)

    def round(self, scaled: torch.Tensor) -> torch.Tensor:
        """What the code of `scaled` stands for. NaN becomes the smallest, zero is never negative."""
        if self.signs:
            return torch.where(scaled >= 0, self.largest, self.smallest)
        rounded = torch.clamp(torch.round(scaled), self.smallest, self.largest)
        return torch.where(torch.isnan(scaled), self.smallest, rounded) + 0.0
