"""Writes and prints the arrays of tests: arrays.py OUT NAME=DTYPE:SHAPE:VALUES…, or arrays.py --print IN.

SHAPE is 2x3, or empty for a scalar; VALUES are separated by commas.
"""

import sys

import ml_dtypes  # noqa: F401  names bfloat16, int4, … to numpy
import numpy as np


def parse(text: str) -> tuple[str, np.ndarray]:
    name, description = text.split("=")
    dtype, shape, values = description.split(":")
    numbers = [float(value) if set(value) & set(".en") else int(value) for value in values.split(",") if value]
    sizes = [int(size) for size in shape.split("x") if size]
    return name, np.array(numbers).astype(np.dtype(dtype)).reshape(sizes)


def main() -> None:
    if sys.argv[1] == "--print":
        for name, array in np.load(sys.argv[2]).items():
            print(name, array.dtype, list(array.shape), array.ravel().tolist())
        return
    arrays = dict(parse(text) for text in sys.argv[2:])
    if sys.argv[1].endswith(".npy"):
        (array,) = arrays.values()
        np.save(sys.argv[1], array)
    else:
        np.savez(sys.argv[1], **arrays)


if __name__ == "__main__":
    main()
