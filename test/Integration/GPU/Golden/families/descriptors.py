"""Descriptors of matrices in shared memory, and images that show which byte a descriptor means."""

import numpy as np

LAYOUT = {"none": 0, "128B": 1, "64B": 2, "32B": 3}
A_AT, B_AT, IMAGE = 0, 12288, 24576  # both operands begin at multiples of 1024


def descriptor(start: int, leading: int, stride: int, swizzle: str, base_offset: int = 0) -> int:
    """64 bits; the kernel adds the address of the image to `start`."""
    return (start >> 4) | (leading >> 4) << 16 | (stride >> 4) << 32 | base_offset << 49 | LAYOUT[swizzle] << 62


def k_major(at: int) -> list[int]:
    """Rows of 32 bytes of K: all swizzles, steps along K inside a swizzled row, odd strides, starts off the pattern's period."""
    forms = [(0, 128, 256, "none"), (0, 1024, 128, "none"), (512, 160, 320, "none"), (0, 256, 128, "none")]
    forms += [(0, 16, 256, "32B"), (0, 16, 512, "32B"), (256, 16, 256, "32B")]
    forms += [(0, 16, 512, "64B"), (32, 16, 512, "64B"), (512, 16, 1024, "64B")]
    forms += [(step, 16, 1024, "128B") for step in (0, 32, 64, 96)] + [(1024, 16, 1024, "128B"), (0, 512, 1024, "128B")]
    result = [descriptor(at + start, leading, stride, swizzle) for start, leading, stride, swizzle in forms]
    # Starts inside the 8-row period: the base offset says by how many rows.
    result += [descriptor(at + 128 * row, 16, 1024, "128B", offset) for row, offset in ((1, 0), (1, 1), (4, 4), (4, 0))]
    return result


def mn_major(at: int, rows: int) -> list[int]:
    """M or N runs along memory (16-bit elements only): K is the slow dimension."""
    forms = [(128, 256), (256, 128), (128, 512), (512, 128), (640, 128), (128, 640)]
    if rows <= 64:
        forms += [(1024, 128), (128, 1024), (1024, 512), (512, 1024)]
    result = [descriptor(at, leading, stride, "none") for leading, stride in forms]
    for swizzle, span in (("32B", 32), ("64B", 64), ("128B", 128)):
        atom = 8 * span
        for leading, stride in ((atom, 2 * atom), (2 * atom, atom), (4 * atom, atom), (atom, 4 * atom)):
            result.append(descriptor(at, leading, stride, swizzle))
    return result


def rows_of_bytes(matrix: np.ndarray) -> np.ndarray:
    """A matrix with rows of 32 bytes as core matrices without swizzle: 128 bytes from one to the next along K, 256 along M or N."""
    matrix = matrix.view(np.uint8).reshape(-1, 8, 2, 16)
    return np.ascontiguousarray(matrix.transpose(0, 2, 1, 3)).reshape(-1)


PLAIN = (128, 256, "none")  # leading, stride and swizzle of rows_of_bytes


def image(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One image of both operands' bytes."""
    result = np.zeros(IMAGE, np.uint8)
    a, b = a.view(np.uint8).reshape(-1), b.view(np.uint8).reshape(-1)
    result[A_AT : A_AT + a.size], result[B_AT : B_AT + b.size] = a, b
    return result


def place_codes(size: int, part: int) -> np.ndarray:
    """Bytes that hold their own place: part 0 its low 7 bits, part 1 the next 7."""
    return ((np.arange(size) >> (7 * part)) & 0x7F).astype(np.uint8)


def half_place_codes(size: int, part: int) -> np.ndarray:
    """The same in f16, 10 bits each, which it holds exactly."""
    return ((np.arange(size // 2) >> (10 * part)) & 0x3FF).astype(np.float16)
