"""Inputs and comparisons of runner tests.

near.py --make OUT.npz SEED NAME=SHAPE…     normal f32 values
near.py A.npz B.npz TOLERANCE               largest difference, relative to the largest value, at most TOLERANCE
"""

import sys

import numpy as np


def make(path: str, seed: str, *shapes: str) -> None:
    random = np.random.default_rng(int(seed))
    arrays = {}
    for text in shapes:
        name, shape = text.split("=")
        arrays[name] = random.normal(size=[int(size) for size in shape.split("x")]).astype(np.float32)
    np.savez(path, **arrays)


def compare(left: str, right: str, tolerance: str) -> None:
    a, b = np.load(left), np.load(right)
    assert sorted(a) == sorted(b) and len(a) > 0, (sorted(a), sorted(b))
    for name in a:
        assert a[name].dtype == b[name].dtype and np.isfinite(a[name]).all(), name
        difference = np.abs(a[name].astype(np.float64) - b[name]).max() / max(np.abs(b[name]).max(), 1e-30)
        assert difference <= float(tolerance), f"{name}: {difference} > {tolerance}"


if __name__ == "__main__":
    if sys.argv[1] == "--make":
        make(*sys.argv[2:])
    else:
        compare(*sys.argv[1:])
