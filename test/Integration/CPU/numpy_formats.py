"""What recipes say, in numpy: scales, codes and reals of weights and activations, from the formats' own definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
from test_decoded import FORMATS, decode_float

Scheme = dict[str, Any]
LEVELS = {form.text: np.delete(form.reals, form.unused).astype(np.float32) for form in FORMATS.values()}
LEVELS |= {f"uint<{width}>": np.arange(1 << width, dtype=np.float32) for width in (2, 3, 5, 6)}
F8_SCALES = np.sort(np.delete(decode_float(4, 3), (0x7F, 0xFF)))


def round_scales(scales: np.ndarray, element: str) -> np.ndarray:
    """f32 scales as they are stored: half to even, powers of two up, none below the least of the type."""
    if element == "f16":
        return np.maximum(scales, np.float32(2.0**-24)).astype(np.float16).astype(np.float32)
    if element == "f8E8M0FNU":
        return np.exp2(np.ceil(np.log2(scales.astype(np.float64)))).astype(np.float32)
    if element == "f8E4M3FN":
        least = 2.0**-9
        return nearest(np.maximum(scales, least), F8_SCALES.astype(np.float32))
    assert element == "f32"
    return scales


def nearest(reals: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The level next to each real, beyond the ends the last one; of two as near the upper."""
    levels = np.unique(levels.astype(np.float64))
    above = np.clip(np.searchsorted(levels, reals), 1, len(levels) - 1)
    low, high = levels[above - 1], levels[above]
    return np.where(reals - low < high - reals, low, high).astype(np.float32)


def tensor_scale(weight: np.ndarray, largest: float) -> float:
    """The least power of two that brings the whole range to scales of f8E4M3FN."""
    return float(2.0 ** np.ceil(np.log2(np.float64(np.float32(np.abs(weight).max()) / np.float32(largest)) / 448)))


def dequantize(parts: np.ndarray, scheme: Scheme, axis: int | tuple[int, ...] | None) -> np.ndarray:
    """`parts` as `scheme` has them, with a scale for all elements along `axis`."""
    levels = LEVELS[scheme["format"]]
    smallest, largest = np.float32(levels.min()), np.float32(levels.max())
    element = scheme.get("scale", "f32")
    low = np.minimum(parts.min(axis, keepdims=True), np.float32(0))
    high = np.maximum(parts.max(axis, keepdims=True), np.float32(0))
    if "zero" not in scheme:
        scales = round_scales(np.maximum(-low, high) / largest, element)
        if (np.diff(levels := np.unique(levels)) == 1).all():
            return np.clip(np.rint(parts / scales), smallest, largest) * scales
        return nearest(parts / scales, levels) * scales
    scales = round_scales((high - low) / (largest - smallest), element)
    zeros = np.clip(np.rint(smallest - low / scales), smallest, largest)
    return (np.clip(np.rint(parts / scales) + zeros, smallest, largest) - zeros) * scales


def dequantize_weight(weight: np.ndarray, scheme: Scheme) -> np.ndarray:
    """A weight [K, N] of a linear layer."""
    factor = tensor_scale(weight, LEVELS[scheme["format"]].max()) if scheme.get("tensor_scale") else 1.0
    group = scheme.get("group", len(weight))
    parts = (weight / np.float32(factor)).reshape(-1, group, weight.shape[1])
    axis = 1 if scheme.get("per") == "channel" else (0, 1, 2) if "group" not in scheme else (1, 2)
    return dequantize(parts, scheme, axis).reshape(weight.shape) * np.float32(factor)


def dequantize_table(table: np.ndarray, scheme: Scheme) -> np.ndarray:
    """A table [rows, columns], whose channels are its rows."""
    return dequantize_weight(np.ascontiguousarray(table.T), scheme).T
