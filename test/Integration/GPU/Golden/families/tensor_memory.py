"""tcgen05: products of bytes into tensor memory, what descriptors mean there, and which lane loads what. For an sm_100a; not recorded yet."""

import numpy as np
from ptx import Instruction, registers

A_AT, B_AT, BARRIER, SLOT, IMAGE = 0, 16384, 24576, 24584, 24832
SWIZZLES = {"none": 0, "128B": 2, "64B": 4, "32B": 6}
ROWS, LOADS = 128, {"32x32b": 32, "16x256b": 16}


def descriptor(start: int, leading: int, stride: int, swizzle: str, base_offset: int = 0) -> int:
    """64 bits; the kernel adds the address of the image to `start`."""
    fields = (start >> 4) | (leading >> 4) << 16 | (stride >> 4) << 32 | base_offset << 49
    return fields | 1 << 46 | SWIZZLES[swizzle] << 61


def forms(at: int) -> list[int]:
    """Rows of 32 bytes along K: all swizzles, and steps along K inside a swizzled row of 128 bytes."""
    plain = [(0, 128, 256, "none"), (0, 16, 256, "32B"), (0, 16, 512, "64B"), (32, 16, 512, "64B")]
    plain += [(step, 16, 1024, "128B") for step in (0, 32, 64, 96)]
    return [descriptor(at + start, leading, stride, swizzle) for start, leading, stride, swizzle in plain]


def instruction_descriptor(left: str, right: str, n: int, saturate: bool = False) -> int:
    """Of kind::i8 with M = 128 and both sides K-major."""
    return int(saturate) << 3 | 2 << 4 | int(left == "s8") << 7 | int(right == "s8") << 10 | n // 8 << 17 | ROWS // 16 << 24


def tcgen05(name: str, n: int, inputs, shape: str = "32x32b", times: int = 1) -> Instruction:
    """Registers in: descriptors of A and B, that of the instruction. Out: N sums of the lane's row, or those of both halves of the warp's 32."""
    loads = 32 // LOADS[shape]
    number = {"32x32b": n, "16x256b": n // 8}[shape]
    count = n // loads
    one = "  @%p1 tcgen05.mma.cta_group::1.kind::i8 [%t8], %q8, %q9, %i4, "
    text = [
        "  shr.u32 %t0, %base, 4;\n  cvt.u64.u32 %q10, %t0;",
        "  mov.b64 %q8, {%i0,%i1};\n  add.u64 %q8, %q8, %q10;\n  mov.b64 %q9, {%i2,%i3};\n  add.u64 %q9, %q9, %q10;",
        f"  add.u32 %t4, %base, {BARRIER};\n  add.u32 %t5, %base, {SLOT};\n  shr.u32 %t6, %lane, 5;\n  shl.b32 %t7, %t6, 21;",
        "  setp.eq.u32 %p1, %lane, 0;\n  setp.eq.u32 %p2, %t6, 0;\n  setp.ne.u32 %p3, %lane, %lane;\n  setp.eq.u32 %p4, %lane, %lane;",
        "  @%p1 mbarrier.init.shared.b64 [%t4], 1;\n  @%p1 fence.mbarrier_init.release.cluster;",
        "  @%p2 tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%t5], 512;\n  bar.sync 0;",
        "  ld.shared.b32 %t8, [%t5];\n  tcgen05.fence::after_thread_sync;",
        *[one + ("%p3;" if turn == 0 else "%p4;") for turn in range(times)],
        "  @%p1 tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [%t4];",
        "WAIT:\n  mbarrier.try_wait.parity.shared.b64 %p5, [%t4], 0;\n  @!%p5 bra WAIT;\n  tcgen05.fence::after_thread_sync;",
        "  add.u32 %t9, %t8, %t7;",
        *[
            f"  add.u32 %t10, %t9, {half << 20};\n  tcgen05.ld.sync.aligned.{shape}.x{number}.b32 {registers('o', half * count, count)}, [%t10];"
            if shape == "16x256b"
            else f"  tcgen05.ld.sync.aligned.{shape}.x{number}.b32 {registers('o', 0, n)}, [%t9];"
            for half in range(loads)
        ],
        "  tcgen05.wait::ld.sync.aligned;\n  tcgen05.fence::before_thread_sync;\n  bar.sync 0;\n  tcgen05.fence::after_thread_sync;",
        "  @%p2 tcgen05.dealloc.cta_group::1.sync.aligned.b32 %t8, 512;",
    ]
    return Instruction(name, "\n".join(text), 5, n, inputs, threads=ROWS, shared=IMAGE, target="sm_100a")


def frame(cases: list[tuple[int, int, int]]) -> np.ndarray:
    """Registers from (descriptor of A, of B, of the instruction), the same in all threads."""
    head = [[left & 0xFFFFFFFF, left >> 32, right & 0xFFFFFFFF, right >> 32, code] for left, right, code in cases]
    return np.repeat(np.array(head, np.uint32)[:, None], ROWS, 1)


def integers(left: str, right: str, n: int, shape: str = "32x32b", times: int = 1, saturate: bool = False) -> Instruction:
    """Random and extreme bytes, with every descriptor of either side."""

    def inputs(rng: np.random.Generator) -> dict:
        random = rng.integers(0, 256, (2, IMAGE), np.uint16).astype(np.uint8)
        random[1] = rng.choice(np.array([0x80, 0x7F, 0xFF, 0], np.uint8), IMAGE)
        code = instruction_descriptor(left, right, n, saturate)
        cases = [(a, b, code) for a, b in zip(forms(A_AT), reversed(forms(B_AT)))]
        return {"in": frame(cases), "shared": random, "shared_index": np.arange(len(cases)) % 2}

    tail = (f".times{times}" if times > 1 else "") + (".satfinite" if saturate else "")
    return tcgen05(f"tcgen05.m128n{n}k32.{left}.{right}.{shape}{tail}", n, inputs, shape, times)


def instructions() -> list[Instruction]:
    """Signs, shapes of loads, sums that are added to."""
    result = [integers(left, right, 16) for left in ("s8", "u8") for right in ("s8", "u8")]
    result += [integers("s8", "s8", n, shape) for n in (32, 64) for shape in LOADS]
    result += [integers("s8", "s8", 16, times=3), integers("u8", "u8", 16, times=3, saturate=True)]
    return result
