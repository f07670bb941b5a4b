"""Run twins of contractions with weights of few bits: every target gives the bits of the reference lowering, for every format and group."""

from dataclasses import dataclass

import numpy as np
import pytest
from sweeps import MAPS, SIMULATED, TARGETS, Part, Sweep, pick, sweep_fixture

FORMATS = {
    "int4": ("#lowbit.int<4>", "i4", range(-8, 8)),
    "int3": ("#lowbit.int<3>", "i3", range(-4, 4)),
    "int2": ("#lowbit.int<2>", "i2", range(-2, 2)),
    "uint4": ("#lowbit.uint<4>", "i4", range(16)),
    "ternary": ("#lowbit.ternary", "!lowbit.code<#lowbit.ternary>", (0, 1, -1)),
    "binary": ("#lowbit.binary", "!lowbit.code<#lowbit.binary>", (1, -1)),
    "int8": ("#lowbit.int<8>", "i8", range(-128, 128)),
}


@dataclass
class Case:
    """One contraction: sizes, the weights' format, codes along K that share a scale (0: all of them), the activations' format."""

    m: int
    n: int
    k: int
    form: str
    group: int
    lhs: str = "int"
    scale: str = "f16"
    transposed: bool = False

    @property
    def has_zeros(self) -> bool:
        return self.form == "uint4"


def encode(case: Case, values: np.ndarray) -> np.ndarray:
    """One byte a code."""
    if case.form == "binary":
        return (values < 0).astype(np.uint8)
    bits = 8 if case.form == "int8" else 2 if case.form == "ternary" else int(case.form[-1])
    return (values & (2**bits - 1)).astype(np.uint8)


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    """What numpy says is in double precision."""
    text_format, element, levels = FORMATS[case.form]
    m, n, k, groups = case.m, case.n, case.k, case.k // (case.group or case.k)
    a = rng.integers(-128, 128, (m, k)).astype(np.int8) if case.lhs == "int" else rng.integers(0, 256, (m, k)).astype(np.uint8)
    b = rng.choice(list(levels), (k, n))
    sa, za = rng.uniform(0.001, 0.01, (m, 1)).astype(np.float32), rng.integers(0, 256, (m, 1)).astype(np.uint8)
    sb = (rng.uniform(0.5, 1, (groups, n)) * rng.choice([1, -1], (groups, n))).astype({"f16": np.float16, "f32": np.float32}[case.scale])
    zb = rng.integers(0, 16, (groups, n))
    bias = rng.normal(size=n).astype(np.float32)
    expected = (a.astype(np.float64) - (za if case.lhs == "uint" else 0)) * sa
    expected = expected @ ((b - (np.repeat(zb, k // groups, 0) if case.has_zeros else 0)) * np.repeat(sb.astype(np.float64), k // groups, 0)) + bias
    codes, block, shape, scale_shape = encode(case, b), [case.group, 1], f"{k}x{n}", f"{groups}x{n}"
    if case.transposed:
        codes, sb, zb, block, shape, scale_shape = codes.T, sb.T, zb.T, block[::-1], f"{n}x{k}", f"{n}x{groups}"

    def constant(name: str, array: np.ndarray, dtype: str) -> tuple[str, str]:
        return f"  %{name}{i} = arith.constant dense_resource<{name}{i}> : tensor<{dtype}>\n", f'{name}{i}: "0x04000000{array.tobytes().hex()}"'

    parts = [constant("w", np.ascontiguousarray(codes), f"{shape}x{element}"), constant("sw", np.ascontiguousarray(sb), f"{scale_shape}x{case.scale}")]
    if case.has_zeros:
        parts.append(constant("zw", np.ascontiguousarray(zb).astype(np.uint8), f"{scale_shape}xi8"))
    values = {f"a{i}": a, f"sa{i}": sa, f"bias{i}": bias} | ({f"za{i}": za} if case.lhs == "uint" else {})
    types = {f"a{i}": f"tensor<{m}x{k}xi8>", f"sa{i}": f"tensor<{m}x1xf32>", f"bias{i}": f"tensor<{n}xf32>", f"za{i}": f"tensor<{m}x1xi8>"}
    left_zero = (f"zeros %za{i} ", ", zero = i8", f", tensor<{m}x1xi8>") if case.lhs == "uint" else ("", "", "")
    right_zero = (f"zeros %zw{i} ", ", zero = i8", f", tensor<{scale_shape}xi8>") if case.has_zeros else ("", "", "")
    body = f"""{"".join(part[0] for part in parts)}  %init{i} = tensor.empty() : tensor<{m}x{n}xf32>
  %r{i} = lowbit.contract {MAPS.format(rhs="(n, k)" if case.transposed else "(k, n)")}
    lhs(%a{i} scales %sa{i} {left_zero[0]}<#lowbit.{case.lhs}<8>, block = [1, 0]{left_zero[1]}> : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>{left_zero[2]})
    rhs(%w{i} scales %sw{i} {right_zero[0]}<{text_format}, block = {block}, scale = {case.scale}{right_zero[1]}>
        : tensor<{shape}x{element}>, tensor<{scale_shape}x{case.scale}>{right_zero[2]})
    outs(%init{i} : tensor<{m}x{n}xf32>) epilogue(%bias{i} : tensor<{n}xf32>) {{
  ^bb0(%sum: f32, %b: f32):
    %biased = arith.addf %sum, %b : f32
    lowbit.yield %biased : f32
  }} -> tensor<{m}x{n}xf32>
"""
    return Part(body, f"%r{i} : tensor<{m}x{n}xf32>", types, values, expected, [part[1] for part in parts])


SWEEPS = {
    "formats": [Case(5, 21, 64, form, group) for form in FORMATS for group in (0, 32, 64)],
    "unsigned": [Case(5, 21, 64, form, group, "uint") for form in ("int4", "uint4", "ternary") for group in (0, 32)],
    "transposed": [Case(5, 21, 64, form, group, transposed=True, scale="f32") for form in ("int4", "ternary") for group in (0, 32)],
    "rows": [Case(m, 37, 64, "int4", 32) for m in (1, 2, 3, 4, 5, 6, 7, 8, 9, 13)],
    "columns": [Case(3, n, 32, "int4", 16, scale="f32") for n in (1, 15, 16, 17, 48, 63, 64, 65, 129)],
    "depth": [Case(5, 21, k, form, 0) for form in ("int4", "ternary", "int3") for k in (1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33)],
    "blocks": [Case(5, 21, k, "int4", group) for k, group in ((128, 128), (256, 128), (24, 8), (24, 4), (24, 12), (12, 2), (384, 64))],
}


sweep = sweep_fixture(SWEEPS, write_case)
some = sweep_fixture(pick(SWEEPS, 7), write_case)


def test_reference(sweep: Sweep) -> None:
    """The reference is what the op's document says, up to the rounding of f32."""
    for part, found in zip(sweep.parts, sweep.run("reference"), strict=True):
        np.testing.assert_allclose(found, part.expected, rtol=1e-5, atol=1e-5 * np.abs(part.expected).max(), err_msg=part.result)


@pytest.mark.parametrize("target", TARGETS)
def test_bits(sweep: Sweep, target: str) -> None:
    """Every target is the reference."""
    sweep.check_bits(target, sweep.run("reference"))


@pytest.mark.parametrize("target", SIMULATED)
def test_bits_of_kernels(some: Sweep, target: str) -> None:
    """The kernels of GPUs are the reference, too."""
    some.check_bits(target, some.run("reference"))
