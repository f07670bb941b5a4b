"""Instructions of one lane: byte products and permutes, conversions, approximations of functions."""

import numpy as np
from ptx import Instruction

SPECIAL = np.array(
    [0x00000000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF, 0x00000001, 0x80000001, 0x007FFFFF]
    + [0x00800000, 0x3F800000, 0xBF800000, 0x3F800001, 0x3F7FFFFF, 0x7F7FFFFF, 0xFF7FFFFF, 0x4F000000, 0xCF000000, 0x4EFFFFFF, 0x34000000],
    np.uint32,
)


def words(count: int, registers: int):
    """Random words, then bytes of extreme values."""

    def inputs(rng: np.random.Generator) -> dict:
        extreme = rng.choice(np.array([0x80, 0x7F, 0xFF, 0x00, 0x01], np.uint8), (count // 4, 32, 4 * registers)).view(np.uint32)
        return {"in": np.concatenate([rng.integers(0, 1 << 32, (count, 32, registers), np.uint32), extreme])}

    return inputs


def floats(low: float, high: float, rows: int = 64, registers: int = 1):
    """f32 in [low, high), then of any bits, then special ones and halves."""

    def inputs(rng: np.random.Generator) -> dict:
        near = rng.uniform(low, high, (rows * 3 // 4, 32, registers)).astype(np.float32).view(np.uint32)
        any_bits = rng.integers(0, 1 << 32, (rows // 4, 32, registers), np.uint32)
        special = np.resize(SPECIAL, (2, 32, registers))
        if registers > 1:
            special = rng.choice(SPECIAL, (8, 32, registers))
        halves = (rng.integers(-600, 600, (4, 32, registers)) / 2).astype(np.float32).view(np.uint32)
        return {"in": np.concatenate([near, any_bits, special, halves])}

    return inputs


def small_codes(rng: np.random.Generator) -> dict:
    """All 256 bytes, as the low and the high one of a pair."""
    codes = np.arange(256, dtype=np.uint32).reshape(8, 32, 1)
    return {"in": np.concatenate([codes | (codes << 8), codes | ((255 - codes) << 8)])}


def half_pairs(rng: np.random.Generator) -> dict:
    """f16 or bf16 pairs: moderate, and of any bits."""
    moderate = rng.uniform(-8, 8, (16, 32, 2)).astype(np.float16).view(np.uint32)
    brain = (rng.uniform(-8, 8, (16, 32, 2)).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint32)
    return {"in": np.concatenate([moderate, brain, rng.integers(0, 1 << 32, (16, 32, 1), np.uint32)])}


def half_triples(rng: np.random.Generator) -> dict:
    """Three pairs of 16-bit floats."""
    return {"in": np.stack([half_pairs(rng)["in"][..., 0] for _ in range(3)], 2)}


def plain(name: str, operands: str, inputs, count: int = 1) -> Instruction:
    """A 32-bit result from 32-bit operands."""
    return Instruction(name, f"  {name} %o0, {operands};", count, 1, inputs)


def short_result(name: str, operands: str, inputs, count: int) -> Instruction:
    """A 16-bit result, zero-extended."""
    return Instruction(name, f"  {name} %h0, {operands};\n  cvt.u32.u16 %o0, %h0;", count, 1, inputs)


def short_operand(name: str, inputs) -> Instruction:
    """A 16-bit operand: the low half of the register."""
    return Instruction(name, f"  cvt.u16.u32 %h0, %i0;\n  {name} %o0, %h0;", 1, 1, inputs)


def integers() -> list[Instruction]:
    """Bytes, bits and fields."""
    result = [plain(f"dp4a.{a}.{b}", "%i0, %i1, %i2", words(16, 3), 3) for a in ("u32", "s32") for b in ("u32", "s32")]
    result += [
        plain(f"dp2a.{half}.{a}.{b}", "%i0, %i1, %i2", words(16, 3), 3)
        for half in ("lo", "hi")
        for a in ("u32", "s32")
        for b in ("u32", "s32")
    ]
    result += [plain(f"prmt.b32{mode}", "%i0, %i1, %i2", words(16, 3), 3) for mode in ("", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16")]
    for table in (0x96, 0xE8, 0xCA, 0xEA, 0x6A, 0x1D, 0x2B):
        result.append(Instruction(f"lop3.b32.{table:02x}", f"  lop3.b32 %o0, %i0, %i1, %i2, 0x{table:x};", 3, 1, words(4, 3)))
    result += [plain(name, "%i0", words(8, 1)) for name in ("popc.b32", "clz.b32", "brev.b32", "bfind.u32", "bfind.s32", "abs.s32")]
    result += [plain(f"mul.hi.{kind}", "%i0, %i1", words(8, 2), 2) for kind in ("s32", "u32")]
    result += [plain(f"shf.{way}.{mode}.b32", "%i0, %i1, %i2", words(8, 3), 3) for way in ("l", "r") for mode in ("wrap", "clamp")]
    result += [plain(f"bfe.{kind}", "%i0, %i1, %i2", words(8, 3), 3) for kind in ("s32", "u32")]
    result += [plain(f"shr.{kind}", "%i0, %i1", words(8, 2), 2) for kind in ("s32", "u32")] + [plain("shl.b32", "%i0, %i1", words(8, 2), 2)]
    result += [plain(f"cvt.pack.sat.{kind}.s32.b32", "%i0, %i1, %i2", words(8, 3), 3) for kind in ("s8", "u8")]
    result += [plain(f"cvt.sat.{to}.{source}", "%i0", words(8, 1)) for to in ("s8", "u8", "s16") for source in ("s32", "u32")]
    return result


def conversions() -> list[Instruction]:
    """Between f32 and everything shorter."""
    around = floats(-300, 300)
    result = [plain(f"cvt.{mode}.{to}.f32", "%i0", around) for mode in ("rni", "rzi") for to in ("s8", "u8", "s16", "s32", "u32")]
    result += [plain(f"cvt.{mode}.s32.f32", "%i0", around) for mode in ("rmi", "rpi")] + [plain("cvt.rni.ftz.s32.f32", "%i0", around)]
    result += [plain(f"cvt.rn.f32.{source}", "%i0", words(16, 1)) for source in ("s32", "u32")] + [plain("cvt.rni.f32.f32", "%i0", around)]
    pair = floats(-500, 500, 32, 2)
    for to in ("e4m3x2", "e5m2x2"):
        result.append(short_result(f"cvt.rn.satfinite.{to}.f32", "%i0, %i1", pair, 2))
        result.append(short_result(f"cvt.rn.satfinite.relu.{to}.f32", "%i0, %i1", pair, 2))
        result.append(short_result(f"cvt.rn.satfinite.{to}.f16x2", "%i0", half_pairs, 1))
        result.append(short_operand(f"cvt.rn.f16x2.{to}", small_codes))
    for to in ("bf16x2", "f16x2"):
        result += [plain(f"cvt.{mode}.{to}.f32", "%i0, %i1", pair, 2) for mode in ("rn", "rz", "rn.relu")]
    result.append(short_result("cvt.rn.f16.f32", "%i0", around, 1))
    result.append(short_result("cvt.rn.bf16.f32", "%i0", around, 1))
    result += [short_operand(f"cvt.f32.{source}", half_pairs) for source in ("f16", "bf16")]
    result += [plain(f"cvt.{mode}.tf32.f32", "%i0", around) for mode in ("rna", "rn", "rz")]
    return result


def functions() -> list[Instruction]:
    """Arithmetic and approximations."""
    result = [
        plain(f"{name}.approx.ftz.f32", "%i0", floats(low, high, 96))
        for name, low, high in [("ex2", -20, 20), ("lg2", 0, 100), ("rcp", -8, 8)]
    ]
    result += [
        plain(f"{name}.approx.f32", "%i0", floats(low, high, 48)) for name, low, high in [("ex2", -150, 150), ("lg2", 0, 1), ("rcp", -8, 8)]
    ]
    result += [plain(f"{name}.approx.ftz.f32", "%i0", floats(0, 16, 64)) for name in ("rsqrt", "sqrt")]
    result += [
        plain("tanh.approx.f32", "%i0", floats(-6, 6, 128)),
        plain("sin.approx.ftz.f32", "%i0", floats(-4, 4, 32)),
        plain("cos.approx.ftz.f32", "%i0", floats(-4, 4, 32)),
    ]
    pair, triple = floats(-8, 8, 32, 2), floats(-8, 8, 32, 3)
    result += [
        plain(f"{name}.f32", "%i0, %i1", pair, 2)
        for name in ("div.rn", "div.full", "div.approx", "add.rn", "mul.rn", "sub.rn", "min", "max", "min.NaN", "max.NaN")
    ]
    result += [plain(f"{name}.f32", "%i0, %i1", pair, 2) for name in ("add.rn.ftz", "mul.rn.ftz", "add.rz", "mul.rz", "div.rn.ftz")]
    result += [plain(f"{name}.f32", "%i0", floats(0, 16, 32)) for name in ("rcp.rn", "sqrt.rn")]
    result += [plain(f"fma.{mode}.f32", "%i0, %i1, %i2", triple, 3) for mode in ("rn", "rn.ftz", "rz", "rn.sat")]
    result += [plain(f"fma.rn.{kind}", "%i0, %i1, %i2", half_triples, 3) for kind in ("f16x2", "bf16x2")]
    result += [
        plain(f"{name}.{kind}", "%i0, %i1", half_triples, 3) for name in ("add", "mul", "min", "max") for kind in ("f16x2", "bf16x2")
    ]
    result += [
        plain(name, "%i0", half_pairs) for name in ("ex2.approx.f16x2", "tanh.approx.f16x2", "tanh.approx.bf16x2", "ex2.approx.ftz.bf16x2")
    ]
    return result


def instructions() -> list[Instruction]:
    """All of them."""
    return integers() + conversions() + functions()
