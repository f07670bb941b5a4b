"""ldmatrix, stmatrix, movmatrix: what lane and register a 16-bit element of shared memory gets to."""

import numpy as np
from ptx import Instruction, registers

SHARED = 1024


def row_addresses(rng: np.random.Generator) -> np.ndarray:
    """Six cases of a lane's row: in order, reversed, permuted, strided by 32, swizzled, and (loads only) repeated."""
    lanes = np.arange(32)
    cases = [lanes, 31 - lanes, rng.permutation(32), (2 * lanes) % 64, lanes ^ (lanes >> 3), rng.integers(0, 64, 32)]
    return 16 * np.stack(cases).astype(np.uint32)[..., None]


def load(count: int, transposed: str) -> Instruction:
    """Element i of shared memory holds i."""

    def inputs(rng: np.random.Generator) -> dict:
        image = np.arange(SHARED // 2, dtype=np.uint16).view(np.uint8)[None]
        return {"in": row_addresses(rng), "shared": image, "shared_index": np.zeros(6, int)}

    text = f"  add.u32 %t0, %base, %i0;\n  ldmatrix.sync.aligned.m8n8.x{count}{transposed}.shared.b16 {registers('o', 0, count)}, [%t0];"
    return Instruction(f"ldmatrix.x{count}{transposed}", text, 1, count, inputs, shared=SHARED)


def store(count: int, transposed: str) -> Instruction:
    """Halves of registers hold lane * 16 + register * 2 + half + 1; rows are distinct, so no two stores meet."""

    def inputs(rng: np.random.Generator) -> dict:
        lane, half = np.arange(32)[:, None] * 16, np.arange(2 * count)[None] + 1
        words = (lane + half).astype(np.uint16).view(np.uint32)
        rows = row_addresses(rng)[:5]
        return {
            "in": np.concatenate([rows, np.broadcast_to(words, (5, 32, count))], 2),
            "shared": np.zeros((1, SHARED), np.uint8),
            "shared_index": np.zeros(5, int),
        }

    text = f"  add.u32 %t0, %base, %i0;\n  stmatrix.sync.aligned.m8n8.x{count}{transposed}.shared.b16 [%t0], {registers('i', 1, count)};"
    return Instruction(f"stmatrix.x{count}{transposed}", text, 1 + count, 0, inputs, shared=SHARED, keep_shared=True)


def move() -> Instruction:
    """movmatrix of positions and of random words."""

    def inputs(rng: np.random.Generator) -> dict:
        places = np.arange(64, dtype=np.uint16).view(np.uint32)[None]
        return {"in": np.concatenate([places, rng.integers(0, 1 << 32, (2, 32), np.uint32)])[..., None]}

    return Instruction("movmatrix.trans", "  movmatrix.sync.aligned.m8n8.trans.b16 %o0, %i0;", 1, 1, inputs)


def instructions() -> list[Instruction]:
    """All counts, plain and transposed."""
    forms = [(count, transposed) for count in (1, 2, 4) for transposed in ("", ".trans")]
    return [load(*form) for form in forms] + [store(*form) for form in forms] + [move()]
