"""Writes an .npz of whole numbers from -127 to 127, with ±127 in every row and column, so that every scale of 8 bits is one:
whole_numbers.py out.npz x=3x8 …"""

import sys

import numpy as np

generator = np.random.default_rng(7)
arrays = {}
for argument in sys.argv[2:]:
    name, shape = argument.split("=")
    array = generator.integers(-127, 128, tuple(map(int, shape.split("x")))).astype(np.float32)
    array[..., 0] = 127
    # A product of two activations has a scale for each column of its right side as well.
    array[..., 0, :] = -127
    arrays[name] = array
np.savez(sys.argv[1], **arrays)
