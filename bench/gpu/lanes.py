"""Weights of few bits in the order in which lanes take them: `LaneWeights` in include/lowbit/IR."""

from __future__ import annotations

import numpy as np

FLOATS = (0, 1, 2, 3, 4, 6, 8, 12)  # what a sign, two bits of exponent and one of fraction stand for, in halves
FRACTION = {"f16": 10, "bf16": 7}  # bits of it


def are_floats(levels: np.ndarray) -> bool:
    """Whether the 16 levels are those, times a power of two."""
    half = np.float64(levels[1])
    magnitudes = half * np.array(FLOATS)
    return np.frexp(half)[0] == 0.5 and np.array_equal(np.asarray(levels, np.float64), np.concatenate((magnitudes, -magnitudes)))


def bit_places(width: int, element: int, levels: np.ndarray | None = None, fraction: int = 10) -> list[list[list[int]]]:
    """[bit, register, element]: where the bits of the weights in a word are."""
    registers, row = element // width, 32 // element

    def place(bit: int, register: int, position: int) -> int:
        if levels is None:
            return register * width + position * element + bit
        if not are_floats(levels):
            return (register * row + position) * width + bit
        return position * 16 + (15 - (0, 3, 1, 2)[register] if bit == 3 else (fraction + 11 - 3 * register) % 12 + bit)

    return [[[place(bit, register, position) for position in range(row)] for register in range(registers)] for bit in range(width)]


def lane_shape(n: int, k: int, width: int, element: int, group: int) -> tuple[int, ...]:
    """[tile, half, place, piece, load, lane of four, product, part, element] of columns and the reduction."""
    piece, depth, row = 256 // width, 4 if group == 16 else 8, 32 // element
    return n // 16, 2, 8, k // piece, piece // (4 * depth), 4, depth // (2 * row), 2, row


# A register is two parts by two halves: [tile, piece, place, lane, load, product, part, half, element].
LANE_ORDER = (0, 3, 2, 5, 4, 6, 7, 1, 8)


def padded(n: int, k: int, width: int, group: int) -> tuple[int, int]:
    """Whole tiles of columns; whole groups and pieces of the reduction."""
    return -(-n // 16) * 16, -(-k // max(group or 128, 256 // width)) * max(group or 128, 256 // width)


def lane_weights(
    numbers: np.ndarray, width: int, element: int, group: int, levels: np.ndarray | None = None, lhs: str = "f16"
) -> np.ndarray:
    """Numbers [N, K] of `width` bits, or codes of `levels`, as rhs of `lowbit.grouped_matmul` has them, for elements of `element` bits on the
    other side, of type `lhs` where there are levels."""
    n, k = padded(*numbers.shape, width, group)
    filled = np.zeros((n, k), np.int64)
    filled[: numbers.shape[0], : numbers.shape[1]] = numbers & (1 << width) - 1
    ordered = filled.reshape(lane_shape(n, k, width, element, group)).transpose(LANE_ORDER)
    # Registers follow one another in words.
    fields = ordered.reshape(n // 16, -1, element // width, 32 // element)
    places = np.array(bit_places(width, element, levels, FRACTION[lhs]))
    words = sum((fields >> bit & 1) << places[bit] for bit in range(width)).sum((-1, -2)).astype(np.uint32)
    return np.ascontiguousarray(words).view(np.uint8).reshape(n // 16, -1)
