"""mma.sync of 8-bit, 4-bit and 1-bit integers."""

import numpy as np
from ptx import Instruction, registers

EXTREMES = {8: [0x80, 0x7F, 0xFF, 0x00], 4: [0x88, 0x77, 0xFF, 0x00, 0x81, 0xF7], 1: [0x00, 0xFF, 0xAA, 0x01]}
# Registers of A, B and C a lane; rows of A and B are 32 or 16 bytes whatever the width of the numbers.
WORDS = {"m16": {32: (4, 2, 4), 16: (2, 1, 4)}, "m8": {16: (1, 1, 2)}}


def cases(words: tuple[int, int, int], bits: int, positions: bool, rng: np.random.Generator) -> dict:
    """Random, extreme, overflowing, and position-coded fragments, in this order."""
    a, b, c = words
    extremes = np.array(EXTREMES[bits], np.uint8)

    def random(n: int, registers: int) -> np.ndarray:
        return rng.integers(0, 1 << 32, (n, 32, registers), np.uint32)

    def extreme(n: int, registers: int) -> np.ndarray:
        return rng.choice(extremes, (n, 32, 4 * registers)).view(np.uint32)

    small = rng.integers(-1000, 1000, (4, 32, c), np.int32).view(np.uint32)
    groups = [np.concatenate([random(4, a), random(4, b), small], 2)]
    groups.append(np.concatenate([extreme(3, a), extreme(3, b), np.zeros((3, 32, c), np.uint32)], 2))
    for left in extremes:
        for right in extremes:
            case = np.zeros((1, 32, 4 * (a + b + c)), np.uint8)
            case[..., : 4 * a], case[..., 4 * a : 4 * (a + b)] = left, right
            groups.append(case.view(np.uint32))
    # Accumulators at the edge of 32 bits: a wrapping form and a saturating one differ here.
    for edge in (0x7FFFFFFF, 0x80000000):
        near = (np.uint32(edge) + rng.integers(-300, 300, (2, 32, c), np.int32).view(np.uint32)).astype(np.uint32)
        groups.append(np.concatenate([extreme(2, a), extreme(2, b), near], 2))
    if positions:
        # A holds its positions (low seven bits, then the rest), B one unit that walks over the lanes.
        count = 32 * 4 * a
        for shift in (0, 7):
            place = ((np.arange(count) >> shift) & 0x7F).astype(np.uint8).reshape(1, 32, 4 * a).view(np.uint32)
            walk = np.zeros((32, 32, b), np.uint32)
            walk[np.arange(32), np.arange(32), 0] = 1
            groups.append(np.concatenate([np.repeat(place, 32, 0), walk, np.zeros((32, 32, c), np.uint32)], 2))
    return {"in": np.concatenate(groups)}


def mma(shape: str, left: str, right: str, bits: int, tail: str = "", saturate: str = "", positions: bool = False) -> Instruction:
    """One form; shapes alone decide the registers."""
    rows, k = shape.split("n8k")
    a, b, c = words = WORDS[rows][int(k) * bits // 8]
    text = (
        f"  mma.sync.aligned.{shape}.row.col{saturate}.s32.{left}.{right}.s32{tail} "
        f"{registers('o', 0, c)}, {registers('i', 0, a)}, {registers('i', a, b)}, {registers('i', a + b, c)};"
    )
    name = f"mma.{shape}.{left}.{right}{tail}{saturate}"
    return Instruction(name, text, a + b + c, c, lambda rng: cases(words, bits, positions, rng), notes={"words": words})


def instructions() -> list[Instruction]:
    """Every shape and every pair of signs."""
    result = []
    for bits, shapes in ((8, ["m16n8k32", "m16n8k16", "m8n8k16"]), (4, ["m16n8k64", "m16n8k32", "m8n8k32"])):
        for shape in shapes:
            for left in (f"s{bits}", f"u{bits}"):
                for right in (f"s{bits}", f"u{bits}"):
                    for saturate in ("", ".satfinite"):
                        same = left == right == f"s{bits}" and not saturate
                        result.append(mma(shape, left, right, bits, saturate=saturate, positions=same))
    for shape in ("m16n8k256", "m16n8k128", "m8n8k128"):
        for tail in (".xor.popc", ".and.popc"):
            result.append(mma(shape, "b1", "b1", 1, tail, positions=tail == ".and.popc"))
    return result
