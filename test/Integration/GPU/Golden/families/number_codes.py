"""Codes of small floats, and the matrices that show how a tensor core adds: which products come together, where bits are cut."""

import numpy as np

# Name: width of the mantissa, bias, largest exponent of a normal number, bytes of a code.
FORMATS = {"f16": (10, 15, 15, 2), "bf16": (7, 127, 127, 2), "tf32": (10, 127, 127, 4), "e4m3": (3, 7, 8, 1), "e5m2": (2, 15, 15, 1)}
TYPES = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def power(name: str, sign: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """The code of (-1)^sign 2^exponent, exponent in the normal range."""
    mantissa, bias, _, size = FORMATS[name]
    shift = 23 if name == "tf32" else mantissa
    return ((sign.astype(np.uint32) << (8 * size - 1)) | ((exponent + bias).astype(np.uint32) << shift)).astype(TYPES[size])


def random_codes(name: str, shape: tuple[int, ...], rng: np.random.Generator, spread: int = 2) -> np.ndarray:
    """Numbers with full mantissas and exponents in -spread … spread."""
    mantissa, _, _, size = FORMATS[name]
    code = power(name, rng.integers(0, 2, shape), rng.integers(-spread, spread + 1, shape)).astype(np.uint32)
    low = 23 if name == "tf32" else mantissa  # tf32: the low 13 bits are there, to see what becomes of them
    return (code | rng.integers(0, 1 << low, shape, np.uint32)).astype(TYPES[size])


def single(sign: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """f32 powers of two."""
    return np.where(sign, -1.0, 1.0).astype(np.float32) * np.exp2(exponent.astype(np.float32))


def probes(left: str, right: str, rows: int, columns: int, k: int, rng: np.random.Generator, scale: int = 1) -> list[tuple]:
    """(A codes [rows, k], B codes [columns, k], C f32 [rows, columns]) triples; `scale` multiplies how many of a kind."""
    low, high = {"e4m3": (-6, 7), "e5m2": (-14, 14), "f16": (-14, 14)}.get(left, (-30, 30))
    zero, one = np.zeros((rows, columns), np.float32), power(right, np.zeros((columns, k), int), np.zeros((columns, k), int))
    result = []

    def accumulators(exponents: tuple[int, int]) -> np.ndarray:
        return single(rng.integers(0, 2, (rows, columns)), rng.integers(*exponents, (rows, columns)))

    for i in range(4 * scale):  # plain numbers
        c = rng.standard_normal((rows, columns)).astype(np.float32) if i % 2 else zero
        result.append((random_codes(left, (rows, k), rng), random_codes(right, (columns, k), rng), c))
    for _ in range(3 * scale):  # wide exponents, dense
        result.append((random_codes(left, (rows, k), rng, 6), random_codes(right, (columns, k), rng, 6), accumulators((-8, 8))))
    for _ in range(8 * scale):  # few powers of two far apart, with and without an accumulator
        a = power(left, rng.integers(0, 2, (rows, k)), rng.integers(low, high + 1, (rows, k)))
        a[rng.random((rows, k)) > 3 / k] = 0
        b = power(right, rng.integers(0, 2, (columns, k)), rng.integers(-5, 6, (columns, k)))
        result.append((a, b, accumulators((low, high)) * rng.integers(0, 2, (rows, columns)).astype(np.float32)))
    for _ in range(6 * scale):  # X - X + small: the places of the three and the size of the small one walk
        a = np.zeros((rows, k), TYPES[FORMATS[left][3]])
        for r in range(rows):
            x, y, z = rng.choice(k, 3, replace=False)
            a[r, x], a[r, y] = power(left, np.array(0), np.array(high)), power(left, np.array(1), np.array(high))
            a[r, z] = power(left, np.array(rng.integers(0, 2)), np.array(rng.integers(low, high)))
        b = one if rng.integers(0, 2) else np.broadcast_to(power(right, np.zeros(columns, int), np.arange(columns) % 6)[:, None], one.shape)
        result.append((a, np.ascontiguousarray(b), zero))
    for e in range(6 * scale):  # the accumulator is large, products are small and full of bits
        result.append(
            (
                random_codes(left, (rows, k), rng, 1),
                random_codes(right, (columns, k), rng, 1),
                accumulators((4 * e // scale, 4 * e // scale + 6)),
            )
        )
    for _ in range(2 * scale):  # one product against one accumulator: rounding of a single sum
        a = np.zeros((rows, k), TYPES[FORMATS[left][3]])
        a[np.arange(rows), rng.integers(0, k, rows)] = random_codes(left, (rows,), rng, 2)
        result.append(
            (a, random_codes(right, (columns, k), rng, 2), accumulators((0, 24)) * (1 + rng.random((rows, columns)).astype(np.float32)))
        )
    sizes = [FORMATS[f][3] for f in (left, right)]
    for _ in range(scale):  # any bits: NaN, infinities, subnormals
        a, b = (rng.integers(0, 1 << (8 * s), (n, k), np.uint64).astype(TYPES[s]) for s, n in zip(sizes, (rows, columns)))
        a[: rows // 2] &= np.array(~(3 << (8 * sizes[0] - 3)) & ((1 << 8 * sizes[0]) - 1), a.dtype)  # half the rows finite
        result.append((a, b, rng.integers(0, 1 << 32, (rows, columns), np.uint32).view(np.float32)))
    for _ in range(scale):  # subnormals alone
        masks = [(1 << FORMATS[f][0]) - 1 if f != "tf32" else (1 << 23) - 1 for f in (left, right)]
        a = (rng.integers(0, masks[0] + 1, (rows, k), np.uint32)).astype(TYPES[sizes[0]])
        result.append((a, random_codes(right, (columns, k), rng, 6), rng.integers(0, 1 << 23, (rows, columns), np.uint32).view(np.float32)))
    return result
