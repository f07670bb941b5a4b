"""Inputs and comparisons of runner tests.

near.py --make OUT.npz SEED NAME=SHAPE…     normal f32 values
near.py --whole OUT.npz SEED NAME=SHAPE…    whole f32 values from -2 to 2
near.py --sweep OUT.npz N                   x: N f32 values over many magnitudes, infinities and NaN among them
near.py --floats OUT.npz N                  x: N f32 bit patterns at even distances, of both signs, from 2^-20 to 2^7
near.py A.npz B.npz TOLERANCE               largest difference, relative to the largest value, at most TOLERANCE
near.py --ulps A.npz B.npz ULPS             largest difference in units in the last place, normal numbers only
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


def whole(path: str, seed: str, *shapes: str) -> None:
    random = np.random.default_rng(int(seed))
    sizes = {name: [int(size) for size in text.split("x")] for name, text in (shape.split("=") for shape in shapes)}
    np.savez(path, **{name: random.integers(-2, 3, size).astype(np.float32) for name, size in sizes.items()})


def sweep(path: str, count: str) -> None:
    n, random = int(count), np.random.default_rng(3)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.0]
    magnitudes = np.exp(random.uniform(-60, 60, n // 4)) * random.choice([-1, 1], n // 4)
    values = [random.normal(size=n - n // 4 - n // 4 - len(special)) * 3, np.linspace(-110, 110, n // 4), magnitudes, special]
    np.savez(path, x=np.concatenate(values).astype(np.float32))


def floats(path: str, count: str) -> None:
    bits = np.linspace(np.float32(2.0**-20).view(np.int32), np.float32(2.0**7).view(np.int32), int(count) // 2, dtype=np.int64)
    x = np.concatenate([bits, bits | 1 << 31]).astype(np.uint32).view(np.float32)
    np.savez(path, x=x)


def compare_ulps(left: str, right: str, most: str) -> None:
    a, b = np.load(left), np.load(right)
    assert sorted(a) == sorted(b) and len(a) > 0, (sorted(a), sorted(b))
    tiny = np.finfo(np.float32).tiny
    for name in a:
        assert (np.isnan(a[name]) == np.isnan(b[name])).all(), f"{name}: NaN differ"
        infinite = np.isinf(a[name]) | np.isinf(b[name])
        assert (a[name][infinite] == b[name][infinite]).all(), f"{name}: infinities differ"
        finite = np.isfinite(b[name])
        x, y = a[name][finite].astype(np.float64), b[name][finite]
        ulps = np.where(np.abs(y) < tiny, np.abs(x) / tiny, np.abs(x - y) / np.spacing(np.abs(y)))
        assert ulps.max() <= float(most), f"{name}: {ulps.max()} > {most}"


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
    elif sys.argv[1] == "--whole":
        whole(*sys.argv[2:])
    elif sys.argv[1] == "--sweep":
        sweep(*sys.argv[2:])
    elif sys.argv[1] == "--floats":
        floats(*sys.argv[2:])
    elif sys.argv[1] == "--ulps":
        compare_ulps(*sys.argv[2:])
    else:
        compare(*sys.argv[1:])
