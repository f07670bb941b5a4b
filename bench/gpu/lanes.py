"""Weights of few bits in the order in which lanes take them: `LaneWeights` in include/lowbit/IR."""

from __future__ import annotations

import numpy as np


def lane_weights(numbers: np.ndarray, width: int, element: int, group: int) -> np.ndarray:
    """Numbers [N, K] of `width` bits as rhs of `lowbit.grouped_matmul` has them, for elements of `element` bits on the other side."""
    piece, chunk = 256 // width, max(group or 128, 256 // width)
    n, k = (-(-size // whole) * whole for size, whole in zip(numbers.shape, (16, chunk)))
    filled = np.zeros((n, k), np.int64)
    filled[: numbers.shape[0], : numbers.shape[1]] = numbers & (1 << width) - 1
    row = 32 // element  # elements of a register
    # [tile, half, place, piece, load, lane of four, product, part, element] of columns and the reduction
    split = filled.reshape(n // 16, 2, 8, k // piece, piece // 32, 4, 4 // row, 2, row)
    # A register is two parts by two halves; registers follow one another in words, fields of elements in a register.
    ordered = split.transpose(0, 3, 2, 5, 4, 6, 7, 1, 8)  # [tile, piece, place, lane, load, product, part, half, element]
    registers = element // width
    fields = ordered.reshape(n // 16, k // piece, 32, 4, registers, row)
    shifts = np.arange(registers)[:, None] * width + np.arange(row)[None, :] * element
    words = (fields << shifts).sum((-1, -2)).astype(np.uint32)
    return np.ascontiguousarray(words).view(np.uint8).reshape(n // 16, -1)
