"""Shuffles, votes, reductions and matches, with whole warps and with some lanes only."""

import numpy as np
from ptx import Instruction

MASKS = np.array([0xFFFFFFFF, 0x0000FFFF, 0xF0F0F0F0, 0x80000001, 0x00000008, 0x7FFFFFFF], np.uint32)


def members(text: str) -> str:
    """Only the lanes of mask %i0 run the text; %o0 is 1 for those."""
    return f"  shr.b32 %t0, %i0, %lane;\n  and.b32 %t0, %t0, 1;\n  setp.ne.u32 %p0, %t0, 0;\n  @!%p0 bra REST;\n  mov.b32 %o0, 1;\n{text}\nREST:"


def with_masks(values: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Every case of values under a mask of its own (masks cycle)."""
    mask = np.resize(masks, len(values))[:, None, None]
    return np.concatenate([np.broadcast_to(mask, (len(values), 32, 1)), values], 2).astype(np.uint32)


def shuffle(mode: str) -> Instruction:
    """%i1 value, %i2 offset or lane, %i3 clamp and segment mask as PTX has them."""

    def inputs(rng: np.random.Generator) -> dict:
        cases = []
        for mask in MASKS[:2]:
            for width in (32, 16, 8, 4, 2, 1):
                control = ((32 - width) << 8) | (0 if mode == "up" else 31)
                for offset in (0, 1, 2, 3, 5, 8, 15, 16, 31):
                    lane = np.full(32, offset) if mode != "idx" or offset < 31 else rng.integers(0, 32, 32)
                    columns = [np.full(32, mask), np.arange(32) + 0x5A00, lane, np.full(32, control)]
                    cases.append(np.stack(columns, 1).astype(np.uint32))
        return {"in": np.stack(cases)}

    text = f"  shfl.sync.{mode}.b32 %o1|%p1, %i1, %i2, %i3, %i0;\n  selp.u32 %o2, 1, 0, %p1;"
    return Instruction(f"shfl.{mode}", members(text), 4, 3, inputs, notes={"in": "mask value b c", "out": "active value in-range"})


def vote(mode: str) -> Instruction:
    """%i1 is the predicate of a lane."""

    def inputs(rng: np.random.Generator) -> dict:
        bits = (rng.random((24, 32, 1)) < rng.choice([0, 0.1, 0.5, 0.95, 1], (24, 1, 1))).astype(np.uint32)
        return {"in": with_masks(bits, MASKS)}

    if mode == "ballot":
        text = "  setp.ne.u32 %p1, %i1, 0;\n  vote.sync.ballot.b32 %o1, %p1, %i0;"
    else:
        text = f"  setp.ne.u32 %p1, %i1, 0;\n  vote.sync.{mode}.pred %p2, %p1, %i0;\n  selp.u32 %o1, 1, 0, %p2;"
    return Instruction(f"vote.{mode}", members(text), 2, 2, inputs)


def few_values(rng: np.random.Generator) -> dict:
    """Words, many of them equal, under all masks."""
    values = np.concatenate(
        [rng.integers(0, 1 << 32, (6, 32, 1), np.uint32), rng.integers(0, 3, (12, 32, 1), np.uint32), np.full((6, 32, 1), 7, np.uint32)]
    )
    return {"in": with_masks(values, MASKS)}


def reduction(operation: str, kind: str) -> Instruction:
    """redux.sync."""
    return Instruction(f"redux.{operation}.{kind}", members(f"  redux.sync.{operation}.{kind} %o1, %i1, %i0;"), 2, 2, few_values)


def instructions() -> list[Instruction]:
    """All warp-wide exchanges."""
    result = [shuffle(mode) for mode in ("up", "down", "bfly", "idx")]
    result += [vote(mode) for mode in ("any", "all", "uni", "ballot")]
    result += [reduction(operation, kind) for operation in ("add", "min", "max") for kind in ("s32", "u32")]
    result += [reduction(operation, "b32") for operation in ("and", "or", "xor")]
    result.append(Instruction("match.any", members("  match.any.sync.b32 %o1, %i1, %i0;"), 2, 2, few_values))
    text = "  match.all.sync.b32 %o1|%p1, %i1, %i0;\n  selp.u32 %o2, 1, 0, %p1;"
    result.append(Instruction("match.all", members(text), 2, 3, few_values))
    text = "  elect.sync %o1|%p1, %i0;\n  selp.u32 %o2, 1, 0, %p1;"
    result.append(Instruction("elect", members(text), 2, 3, few_values))
    return result
