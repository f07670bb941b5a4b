"""cp.async, bulk copies and tensor copies: which byte goes where, and what is filled with zeros."""

import numpy as np
from ptx import Instruction

BARRIER = 16  # bytes at the end of the shared image that hold an mbarrier


def positions(size: int, rng: np.random.Generator) -> np.ndarray:
    """A random image; 0xEE is what an untouched destination holds."""
    return rng.integers(0, 256, (1, size), np.uint16).astype(np.uint8)


def untouched(size: int) -> np.ndarray:
    """What shared memory holds before a copy."""
    return np.full((1, size), 0xEE, np.uint8)


def asynchronous(size: int, cache: str) -> Instruction:
    """%i0 destination, %i1 source, %i2 bytes to read: the rest of `size` becomes zero."""

    def inputs(rng: np.random.Generator) -> dict:
        cases = []
        for kind in range(4):
            target, source = (size * rng.permutation(64)[:32] for _ in range(2))
            read = [np.full(32, size), np.zeros(32), np.arange(32) % (size + 1), rng.integers(0, size + 1, 32)][kind]
            cases.append(np.stack([target, source, read], 1).astype(np.uint32))
        image = positions(64 * size, rng)
        return {
            "in": np.stack(cases),
            "shared": untouched(64 * size),
            "shared_index": np.zeros(4, int),
            "memory": image,
            "memory_index": np.zeros(4, int),
        }

    text = f"""  add.u32 %t0, %base, %i0;
  cvt.u64.u32 %q8, %i1;
  add.u64 %q8, %memory, %q8;
  cp.async.{cache}.shared.global [%t0], [%q8], {size}, %i2;
  cp.async.commit_group;
  cp.async.wait_group 0;"""
    return Instruction(f"cp.async.{cache}.{size}", text, 3, 0, inputs, shared=64 * size, keep_shared=True, memory=64 * size)


def awaited(shared: int, copy: str) -> str:
    """Lane 0 starts the copy of %i3 bytes on barrier %t8; everyone waits, not for ever; %o0 tells whether it came.

    The barrier's words are cleared in the end: they are opaque, and recorded memory must not depend on them.
    """
    return f"""  add.u32 %t8, %base, {shared - BARRIER};
  setp.ne.u32 %p0, %lane, 0;
  @%p0 bra STARTED;
  mbarrier.init.shared::cta.b64 [%t8], 1;
  fence.mbarrier_init.release.cluster;
  fence.proxy.async;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%t8], %i3;
{copy}
STARTED:
  bar.sync 0;
  mov.u32 %t9, 0;
AGAIN:
  mbarrier.test_wait.parity.shared::cta.b64 %p1, [%t8], 0;
  @%p1 bra DONE;
  add.u32 %t9, %t9, 1;
  setp.lt.u32 %p2, %t9, 200000;
  @%p2 bra AGAIN;
DONE:
  selp.u32 %o0, 1, 0, %p1;
  bar.sync 0;
  @%p0 bra CLEARED;
  mbarrier.inval.shared::cta.b64 [%t8];
  mov.b64 %q8, 0;
  st.shared.b64 [%t8], %q8;
CLEARED:"""


def bulk_load() -> Instruction:
    """%i0 destination, %i1 source, %i3 bytes, all multiples of 16."""

    def inputs(rng: np.random.Generator) -> dict:
        rows = [(0, 0, 0, 16), (16, 48, 0, 1024), (512, 0, 0, 2048), (2032, 4080, 0, 16), (128, 1024, 0, 3072)]
        cases = np.repeat(np.array(rows, np.uint32)[:, None], 32, 1)
        zero = np.zeros(len(rows), int)
        return {
            "in": cases,
            "shared": untouched(4096 + BARRIER),
            "shared_index": zero,
            "memory": positions(4096, rng),
            "memory_index": zero,
        }

    copy = """  add.u32 %t0, %base, %i0;
  cvt.u64.u32 %q8, %i1;
  add.u64 %q8, %memory, %q8;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%t0], [%q8], %i3, [%t8];"""
    text = awaited(4096 + BARRIER, copy)
    return Instruction("cp.async.bulk.load", text, 4, 1, inputs, shared=4096 + BARRIER, keep_shared=True, memory=4096)


def bulk_store(name: str, operation: str) -> Instruction:
    """Shared to global; with `operation`, a reduction into global memory."""

    def inputs(rng: np.random.Generator) -> dict:
        rows = [(0, 0, 0, 16), (16, 48, 0, 512), (512, 0, 0, 1024), (1008, 2032, 0, 16)]
        zero = np.zeros(len(rows), int)
        image = rng.standard_normal(512).astype(np.float32) if operation.endswith("f32") else rng.integers(-1000, 1000, 512, np.int32)
        pair = np.ascontiguousarray(image).view(np.uint8)[None]
        return {
            "in": np.repeat(np.array(rows, np.uint32)[:, None], 32, 1),
            "shared": pair,
            "shared_index": zero,
            "memory": np.roll(pair, 256, 1),
            "memory_index": zero,
        }

    kind = "cp.reduce.async.bulk" if operation else "cp.async.bulk"
    text = f"""  fence.proxy.async;
  bar.sync 0;
  setp.ne.u32 %p0, %lane, 0;
  @%p0 bra DONE;
  add.u32 %t0, %base, %i0;
  cvt.u64.u32 %q8, %i1;
  add.u64 %q8, %memory, %q8;
  {kind}.global.shared::cta.bulk_group{operation} [%q8], [%t0], %i3;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
DONE:"""
    return Instruction(name, text, 4, 0, inputs, shared=2048, memory=2048, keep_memory=True)


SWIZZLES = {"none": 16, "32B": 32, "64B": 64, "128B": 128}


INSIDE = [(0, 0), (16, 3)]
BORDERS = [(64, 9), (-16, -2), (144, 21), (176, 0)]  # box by box: across the right, the upper left, the lower right; outside


def maps_2d(swizzle: str, element: int, places: list[tuple[int, int]]) -> list[dict]:
    """Maps and places (in bytes) of boxes; the right border lies within 16 bytes."""
    span = SWIZZLES[swizzle] if swizzle != "none" else 64
    widest = 128 if places == INSIDE else 144
    boxes = [(span, 8), (span, 16)] if swizzle != "none" else [(16, 8), (64, 8), (48, 4), (widest, 8)]
    if swizzle == "128B":
        boxes.append((64, 8))  # a row shorter than the span
    sizes = {"sizes": (150 // element, 24), "pitches": (192,), "element": element, "swizzle": swizzle, "offset": 0}
    return [{**sizes, "box": (w // element, h), "place": (x // element, y), "bytes": w * h} for w, h in boxes for x, y in places]


def moved(swizzle: str, offset: int) -> list[dict]:
    """Boxes to shared memory that is not at a multiple of what the swizzle repeats after."""
    return [{**m, "offset": offset} for m in maps_2d(swizzle, 1, INSIDE)[:2]]


def one_box(x: int, y: int, width: int = 150) -> list[dict]:
    """A box of 64 bytes and 8 rows."""
    sizes = {"sizes": (width, 24), "pitches": (192,), "element": 1, "swizzle": "none", "offset": 0}
    return [{**sizes, "box": (64, 8), "place": (x, y), "bytes": 512}]


def tensor(name: str, maps: list[dict], store: bool) -> Instruction:
    """%i0 shared offset, %i1… coordinates, %i3 bytes of a box (two dimensions, or three with %i4)."""
    rank = len(maps[0]["sizes"])
    coordinates = "%i1, %i2" if rank == 2 else "%i1, %i2, %i4"
    shared = 4096 + BARRIER

    def inputs(rng: np.random.Generator) -> dict:
        rows = [(m["offset"], *m["place"][:2], m["bytes"], *m["place"][2:]) for m in maps]
        zero = np.zeros(len(maps), int)
        cases = np.repeat(np.array(rows, np.int32).view(np.uint32)[:, None], 32, 1)
        image = positions(shared, rng) if store else untouched(shared)
        return {"in": cases, "shared": image, "shared_index": zero, "memory": positions(6144, rng), "memory_index": zero, "maps": maps}

    if store:
        text = f"""  fence.proxy.async;
  bar.sync 0;
  setp.ne.u32 %p0, %lane, 0;
  @%p0 bra DONE;
  add.u32 %t0, %base, %i0;
  cp.async.bulk.tensor.{rank}d.global.shared::cta.bulk_group [%map, {{{coordinates}}}], [%t0];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
DONE:"""
    else:
        copy = f"""  add.u32 %t0, %base, %i0;
  cp.async.bulk.tensor.{rank}d.shared::cluster.global.mbarrier::complete_tx::bytes [%t0], [%map, {{{coordinates}}}], [%t8];"""
        text = awaited(shared, copy)
    return Instruction(
        name, text, 2 + rank, 0 if store else 1, inputs, shared=shared, keep_shared=not store, memory=6144, keep_memory=store, maps=len(maps),
    )  # fmt: skip


CLUSTER = "  barrier.cluster.arrive.release.aligned;\n  barrier.cluster.wait.acquire.aligned;"


def multicast() -> Instruction:
    """Pairs of blocks (cases 2i and 2i + 1): each sends its own box to the blocks of mask %i4; %i5 bytes arrive in all."""
    shared, size = 4096 + BARRIER, 64 * 8
    sizes = {"sizes": (160, 24), "pitches": (192,), "box": (64, 8), "element": 1, "swizzle": "64B"}

    def inputs(rng: np.random.Generator) -> dict:
        # Offset, coordinates, bytes of a box, receivers, bytes expected.
        rows = [(0, 0, 0, size, 3, 2 * size), (1024, 32, 5, size, 3, 2 * size), (0, 16, 1, size, 2, 0), (2048, 0, 9, size, 2, 2 * size)]
        rows += [(512, 16, 8, size, 2, size), (1536, 32, 4, size, 1, size)]
        count = len(rows)
        cases = np.repeat(np.array(rows, np.uint32)[:, None], 32, 1)
        images = {
            "shared": untouched(shared),
            "shared_index": np.zeros(count, int),
            "memory": positions(6144, rng),
            "memory_index": np.zeros(count, int),
        }
        return {"in": cases, **images, "maps": [{**sizes, "place": row[1:3], "offset": row[0], "bytes": size} for row in rows]}

    text = f"""  add.u32 %t8, %base, {shared - BARRIER};
  setp.ne.u32 %p0, %lane, 0;
  @%p0 bra READY;
  mbarrier.init.shared::cta.b64 [%t8], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [%t8], %i5;
READY:
  bar.warp.sync 0xFFFFFFFF;
{CLUSTER}
  @%p0 bra STARTED;
  add.u32 %t0, %base, %i0;
  cvt.u16.u32 %h0, %i4;
  cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%t0], [%map, {{%i1, %i2}}], [%t8], %h0;
STARTED:
  bar.warp.sync 0xFFFFFFFF;
  mov.u32 %t9, 0;
AGAIN:
  mbarrier.test_wait.parity.shared::cta.b64 %p1, [%t8], 0;
  @%p1 bra CAME;
  add.u32 %t9, %t9, 1;
  setp.lt.u32 %p2, %t9, 200000;
  @%p2 bra AGAIN;
CAME:
  selp.u32 %o0, 1, 0, %p1;
  mov.u32 %o1, %cluster_ctarank;
  bar.warp.sync 0xFFFFFFFF;
{CLUSTER}
  @%p0 bra CLEARED;
  mov.b64 %q8, 0;
  st.shared.b64 [%t8], %q8;
CLEARED:"""
    return Instruction(
        "tensor.load.2d.u8.multicast", text, 6, 2, inputs, shared=shared, keep_shared=True, memory=6144, directives=".reqnctapercluster 2", maps=6,
    )  # fmt: skip


def peer_memory() -> Instruction:
    """Each block of a pair reads what the other stored in its shared memory."""
    text = f"""  shl.b32 %t0, %lane, 2;
  add.u32 %t1, %base, %t0;
  st.shared.b32 [%t1], %i0;
{CLUSTER}
  mov.u32 %o1, %cluster_ctarank;
  xor.b32 %t2, %o1, 1;
  mapa.shared::cluster.u32 %t3, %t1, %t2;
  ld.shared::cluster.b32 %o0, [%t3];
{CLUSTER}"""

    def inputs(rng: np.random.Generator) -> dict:
        return {
            "in": rng.integers(0, 1 << 32, (4, 32, 1), np.uint32),
            "shared": np.zeros((1, 128), np.uint8),
            "shared_index": np.zeros(4, int),
        }

    return Instruction("shared.of-peer", text, 1, 2, inputs, shared=128, directives=".reqnctapercluster 2")


def instructions() -> list[Instruction]:
    """Loads first; each is one copy a case."""
    result = [asynchronous(4, "ca"), asynchronous(8, "ca"), asynchronous(16, "ca"), asynchronous(16, "cg"), bulk_load()]
    result += [
        bulk_store("cp.async.bulk.store", ""),
        bulk_store("cp.reduce.async.bulk.add.s32", ".add.s32"),
        bulk_store("cp.reduce.async.bulk.add.f32", ".add.f32"),
    ]
    for swizzle in SWIZZLES:
        result.append(tensor(f"tensor.load.2d.u8.{swizzle}", maps_2d(swizzle, 1, INSIDE + BORDERS), False))
        result.append(tensor(f"tensor.load.2d.u16.{swizzle}", maps_2d(swizzle, 2, INSIDE + BORDERS), False))
        result.append(tensor(f"tensor.store.2d.u8.{swizzle}", maps_2d(swizzle, 1, INSIDE), True))
    cube = {"sizes": (40, 6, 5), "pitches": (48, 384), "box": (32, 4, 3), "element": 1, "swizzle": "none", "offset": 0, "bytes": 32 * 4 * 3}
    places = [(0, 0, 0), (16, 3, 2), (-16, -1, -1), (16, 4, 4)]
    result.append(tensor("tensor.load.3d.u8.none", [{**cube, "place": place} for place in places], False))
    result += [peer_memory(), multicast()]
    for swizzle, offset in [("32B", 128), ("64B", 128), ("64B", 256), ("128B", 128), ("128B", 512), ("128B", 1024)]:
        result.append(tensor(f"tensor.load.2d.u8.{swizzle}.at-{offset}", moved(swizzle, offset), False))
    for name, place in [
        ("right", (64, 9)),
        ("below", (0, 20)),
        ("corner", (144, 21)),
        ("outside", (176, 0)),
        ("above", (0, -2)),
        ("left", (-16, 1)),
    ]:
        for swizzle in ("none", "128B"):
            result.append(tensor(f"tensor.store.2d.u8.{swizzle}.{name}", maps_2d(swizzle, 1, [place]), True))
    result.append(tensor("tensor.store.2d.u8.128B.at-128", moved("128B", 128), True))
    return result


def questions() -> list[Instruction]:
    """What may be illegal, one box each, each to be run in a process of its own: boxes that start off 16 bytes, or reach outside."""
    result = [tensor(f"tensor.load.x{x}", one_box(x, 1), False) for x in (0, 16, -16, 8, 4, 2, 1, -8, 155)]
    places = [(0, 1), (16, 1), (8, 1), (1, 1), (-16, 1), (-32, 1), (-64, 1), (-16, 0), (0, -1), (0, -8)]
    places += [(96, 1), (144, 1), (160, 1), (176, 1), (0, 17), (0, 23), (0, 24), (96, 17)]
    result += [tensor(f"tensor.store.x{x}.y{y}", one_box(x, y), True) for x, y in places]
    wide = [(-16, 1), (96, 1), (112, 1), (160, 1)]
    return result + [tensor(f"tensor.store.x{x}.y{y}.of160", one_box(x, y, 160), True) for x, y in wide]
