"""What the derivative of rounding is taken for (docs/Lowbit.md)."""

from __future__ import annotations

import math

import torch

from lowbit.errors import Error
from lowbit.torch.formats import Format

ESTIMATORS = ("lsq", "ste", "pact", "approx_sign", "identity")


def check(name: str, format: Format) -> None:
    """Raises Error where there is no such estimator, or none for the format."""
    if name not in ESTIMATORS:
        raise Error(f"there is no estimator `{name}` for PyTorch; expected {', '.join(ESTIMATORS[:-1])} or {ESTIMATORS[-1]}")
    if name == "lsq" and format.largest <= 0:
        raise Error(f"estimator `lsq` does not fit {format.name}: it divides by the largest code, which is not above 0; give `ste`")
    if name == "approx_sign" and not format.signs:
        raise Error(f"estimator `approx_sign` does not fit {format.name}: it is the slope of a sign; expected binary")


def get_slopes(name: str, scaled: torch.Tensor, format: Format, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives by x, and by the scale, of each element x / scale; count: elements that share a scale."""
    below, above = scaled < format.smallest, scaled > format.largest
    rounded = format.round(scaled)
    if name == "identity":
        return torch.ones_like(scaled), rounded
    if name == "approx_sign":
        size = scaled.abs()
        return torch.where(size < 1, 2 - 2 * size, 0.0), rounded
    inside = ((scaled >= format.smallest) & (scaled <= format.largest)).to(scaled.dtype)
    within = torch.zeros_like(scaled) if name == "pact" else rounded - scaled
    slope = torch.where(above, format.largest, torch.where(below, format.smallest, within))
    return inside, slope / math.sqrt(count * format.largest) if name == "lsq" else slope
