"""wgmma.mma_async: shapes and types, what descriptors mean, and how floats are added."""

import numpy as np
from ptx import Instruction, registers

from families.descriptors import (
    A_AT,
    B_AT,
    IMAGE,
    PLAIN,
    descriptor,
    half_place_codes,
    image,
    k_major,
    mn_major,
    place_codes,
    rows_of_bytes,
)
from families.number_codes import FORMATS, probes

HEAD = 9  # registers before the accumulator: two descriptors, scale-d, and four of A


def frame(cases: list[tuple[int, int, int]], accumulators: np.ndarray, a: np.ndarray | None = None) -> np.ndarray:
    """Registers from (descriptor of A, descriptor of B, scale-d) and [case, thread, register] arrays."""
    head = np.zeros((len(cases), 128, HEAD), np.uint32)
    for case, (left, right, scale) in zip(head, cases):
        case[:, :5] = [left & 0xFFFFFFFF, left >> 32, right & 0xFFFFFFFF, right >> 32, scale]
    if a is not None:
        head[..., 5:] = a
    return np.concatenate([head, accumulators.view(np.uint32)], 2)


def wgmma(
    name: str,
    shape: str,
    types: str,
    inputs,
    tail: str = "",
    immediate: str = "",
    from_registers: bool = False,
    repeat: int = 1,
    words: int | None = None,
    keep: list[int] | None = None,
) -> Instruction:
    """One form; the accumulators go in as registers %i9… ; `repeat` issues it more than once before the wait."""
    n = int(shape.split("n")[1].split("k")[0])
    words = words or n // 2
    left = registers("i", 5, 4) if from_registers else "%q8"
    one = f"  wgmma.mma_async.sync.aligned.{shape}.{types}{tail} {registers('o', 0, words)}, {left}, %q9, %p0{immediate};"
    text = [
        "  shr.u32 %t0, %base, 4;\n  cvt.u64.u32 %q10, %t0;",
        "  mov.b64 %q8, {%i0,%i1};\n  add.u64 %q8, %q8, %q10;\n  mov.b64 %q9, {%i2,%i3};\n  add.u64 %q9, %q9, %q10;",
        "  setp.ne.b32 %p0, %i4, 0;",
        *[f"  mov.b32 %o{k}, %i{HEAD + k};" for k in range(words)],
        "  wgmma.fence.sync.aligned;",
        *[one] * repeat,
        "  wgmma.commit_group.sync.aligned;\n  wgmma.wait_group.sync.aligned 0;",
    ]
    return Instruction(name, "\n".join(text), HEAD + words, words, inputs, threads=128, shared=IMAGE, keep=keep)


def plain(at: int) -> int:
    """The descriptor of rows_of_bytes at `at`."""
    return descriptor(at, *PLAIN)


def integers(left: str, right: str, n: int, tail: str = "", k: int = 32, from_registers: bool = False, saturate: str = "") -> Instruction:
    """Random and extreme bytes with every descriptor for short N, with the plain one for long N."""

    def inputs(rng: np.random.Generator) -> dict:
        random = rng.integers(0, 256, (2, IMAGE), np.uint16).astype(np.uint8)
        random[1] = rng.choice(np.array([0x80, 0x7F, 0xFF, 0], np.uint8), IMAGE)
        a, b = plain(A_AT), plain(B_AT)
        if n > 64 or from_registers:
            cases = [(a, b, 1), (a, b, 0)] if n <= 64 else [(a, b, 1)]
        else:
            cases = [(a, b, 1), (a, b, 0)] + [(x, y, 1) for x, y in zip(k_major(A_AT), k_major(B_AT))]
        c = rng.integers(-100000, 100000, (len(cases), 128, n // 2), np.int32)
        if n <= 64:
            c[2:] = 0
        if saturate:
            c[:] = np.where(rng.integers(0, 2, c.shape), 0x7FFFFF00, -0x7FFFFF00)
        index = np.arange(len(cases)) % 2 if n <= 64 else np.zeros(len(cases), int)
        fragment = rng.integers(0, 1 << 32, (len(cases), 128, 4), np.uint32) if from_registers else None
        return {"in": frame(cases, c, fragment), "shared": random, "shared_index": index}

    source = ".a-registers" if from_registers else ""
    shape = f"m64n{n}k{k}"
    return wgmma(
        f"wgmma.{shape}.{left}.{right}{tail}{saturate}{source}",
        shape,
        f"s32.{left}.{right}",
        inputs,
        tail + saturate,
        from_registers=from_registers,
        # Every descriptor once, with N = 8; a few of them elsewhere.
        keep=None if n == 8 or n > 64 or from_registers else [0, 1, 5, 9, 13],
    )


def reveal_bytes(operand: str) -> Instruction:
    """One operand holds places of bytes, the other a unit matrix: the result is the address of every element, for each descriptor."""
    n = 32 if operand == "a" else 64

    def inputs(rng: np.random.Generator) -> dict:
        unit = rows_of_bytes(np.eye(64 if operand == "b" else 32, 32, dtype=np.uint8))
        images = []
        for part in (0, 1):
            codes = place_codes(12288, part)
            images.append(image(codes, unit) if operand == "a" else image(unit, codes))
        forms = k_major(A_AT if operand == "a" else B_AT)
        cases = [(form, plain(B_AT), 0) if operand == "a" else (plain(A_AT), form, 0) for form in forms for _ in (0, 1)]
        zero = np.zeros((len(cases), 128, n // 2), np.int32)
        return {"in": frame(cases, zero), "shared": np.stack(images), "shared_index": np.arange(len(cases)) % 2}

    shape = f"m64n{n}k32"
    return wgmma(f"wgmma.reveal.{operand}.u8", shape, "s32.u8.u8", inputs)


def reveal_halves(operand: str, transposed: bool) -> Instruction:
    """The same for 16-bit elements, K-major and M- or N-major."""
    n = 16 if operand == "a" else 128 if transposed else 64

    def inputs(rng: np.random.Generator) -> dict:
        unit = rows_of_bytes(np.eye(64 if operand == "b" else 16, 16, dtype=np.float16))
        images = []
        for part in (0, 1):
            codes = half_place_codes(12288, part)
            images.append(image(codes, unit) if operand == "a" else image(unit, codes))
        at = A_AT if operand == "a" else B_AT
        forms = mn_major(at, 64 if operand == "a" else n) if transposed else k_major(at)
        cases = [(form, plain(B_AT), 0) if operand == "a" else (plain(A_AT), form, 0) for form in forms for _ in (0, 1)]
        zero = np.zeros((len(cases), 128, n // 2), np.float32)
        return {"in": frame(cases, zero), "shared": np.stack(images), "shared_index": np.arange(len(cases)) % 2}

    flags = f", 1, 1, {int(transposed and operand == 'a')}, {int(transposed and operand == 'b')}"
    name = f"wgmma.reveal.{operand}.f16{'.transposed' if transposed else ''}"
    return wgmma(name, f"m64n{n}k16", "f32.f16.f16", inputs, immediate=flags)


def floats(
    left: str, right: str, result: str = "f32", scales: tuple[int, int] = (1, 1), from_registers: bool = False, repeat: int = 1
) -> Instruction:
    """Probes of accumulation, N = 8; `repeat` adds the same product again in one group."""
    size = FORMATS[left][3]
    k, half = 32 // size, result == "f16"

    def inputs(rng: np.random.Generator) -> dict:
        chosen = probes(left, right, 64, 8, k, rng)
        images = np.stack([image(rows_of_bytes(a), rows_of_bytes(b)) for a, b, _ in chosen])
        thread = np.arange(128)
        row, column = 16 * (thread // 32) + thread % 32 // 4, 2 * (thread % 4)
        accumulators, fragments = [], []
        for a, _, c in chosen:
            values = np.stack([c[row + 8 * (i // 2), column + i % 2] for i in range(4)], 1)
            with np.errstate(over="ignore", invalid="ignore"):
                accumulators.append(values.astype(np.float16).view(np.uint32) if half else np.ascontiguousarray(values).view(np.uint32))
            words = np.ascontiguousarray(a).view(np.uint8).reshape(64, 32).view(np.uint32)
            fragments.append(np.stack([words[row + 8 * (i % 2), thread % 4 + 4 * (i // 2)] for i in range(4)], 1))
        cases = [(plain(A_AT), plain(B_AT), 1)] * len(chosen)
        registers_in = frame(cases, np.stack(accumulators), np.stack(fragments) if from_registers else None)
        return {"in": registers_in, "shared": images, "shared_index": np.arange(len(chosen))}

    flags = f", {scales[0]}, {scales[1]}"
    if size == 2:
        flags += ", 0" if from_registers else ", 0, 0"
    name = f"wgmma.m64n8k{k}.{result}.{left}.{right}"
    name += (
        ("" if scales == (1, 1) else f".scale{scales[0]}{scales[1]}")
        + (".a-registers" if from_registers else "")
        + (f".times{repeat}" if repeat > 1 else "")
    )
    return wgmma(
        name,
        f"m64n8k{k}",
        f"{result}.{left}.{right}",
        inputs,
        immediate=flags,
        from_registers=from_registers,
        repeat=repeat,
        words=2 if half else 4,
        # 64 rows a probe are four times those of mma.sync, so some probes of every kind are enough.
        keep=[0, 4, 7, 8, 15, 16, 21, 25, 27, 29, 30],
    )


def instructions() -> list[Instruction]:
    """Integers, bits, addresses, floats."""
    result = [integers(left, right, n) for left in ("s8", "u8") for right in ("s8", "u8") for n in (8, 24)]
    result += [integers("s8", "s8", n) for n in (32, 256)]
    result += [
        integers("s8", "s8", 32, from_registers=True),
        integers("u8", "s8", 32, from_registers=True),
        integers("s8", "s8", 16, saturate=".satfinite"),
    ]
    result += [integers("b1", "b1", n, ".and.popc", 256) for n in (8, 32, 256)] + [
        integers("b1", "b1", 32, ".and.popc", 256, from_registers=True)
    ]
    result += [reveal_bytes("a"), reveal_bytes("b")]
    result += [reveal_halves(operand, transposed) for operand in "ab" for transposed in (False, True)]
    result += [
        floats("f16", "f16"),
        floats("f16", "f16", "f16"),
        floats("bf16", "bf16"),
        floats("tf32", "tf32"),
        floats("e4m3", "e4m3"),
        floats("e5m2", "e4m3"),
    ]
    result += [
        floats("e4m3", "e4m3", repeat=4),
        floats("f16", "f16", repeat=4),
        floats("f16", "f16", scales=(-1, 1)),
        floats("bf16", "bf16", from_registers=True),
        floats("e4m3", "e4m3", "f16"),
    ]
    # Last, for its own rules: the kernel needs a register count of its own, and dec comes before inc.
    change = "  setmaxnreg.dec.sync.aligned.u32 40;\n  setmaxnreg.inc.sync.aligned.u32 64;\n  mov.b32 %o0, %i0;"
    inputs = {"in": np.arange(128, dtype=np.uint32).reshape(1, 128, 1)}
    result.append(Instruction("setmaxnreg", change, 1, 1, lambda rng: inputs, threads=128, directives=".maxnreg 64"))
    return result
