"""Run twins of contractions of bits: every target gives the bits of the reference lowering, whatever divides or does not."""

from dataclasses import dataclass

import numpy as np
import pytest
from sweeps import MAPS, SIMULATED, TARGETS, Part, Sweep, pick, sweep_fixture

CODE = "!lowbit.code<#lowbit.binary>"


@dataclass
class Case:
    """One contraction: sizes, whether sides have scales, how the left codes come (given, of reals, or packed), layout of the weights."""

    m: int
    n: int
    k: int
    scaled: bool = False
    lhs: str = "given"
    transposed: bool = False


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    m, n, k = case.m, case.n, case.k
    a, b = rng.choice([-1, 1], (m, k)), rng.choice([-1, 1], (k, n))
    bias = rng.integers(-99, 99, n)
    bits = (a < 0).astype(np.uint8)
    reals = a.astype(np.float32) * rng.uniform(0.1, 9, (m, k)).astype(np.float32)
    # The sign of zero is no sign, and NaN is the smallest value.
    special = rng.random((m, k)) < 0.1
    reals = np.where(special, np.where(a < 0, np.float32("nan"), rng.choice([0.0, -0.0], (m, k))), reals).astype(np.float32)
    lhs_type, rhs_type, element = f"tensor<{m}x{k}x{CODE}>", f"tensor<{f'{n}x{k}' if case.transposed else f'{k}x{n}'}x{CODE}>", "f32" if case.scaled else "i32"
    given, array, made = {
        "given": (lhs_type, bits.astype(np.int8), ""),
        "real": (f"tensor<{m}x{k}xf32>", reals, f"lowbit.quantize %a{i}, %one{i} <#lowbit.binary> : (tensor<{m}x{k}xf32>, tensor<f32>) -> {lhs_type}"),
        "packed": (f"tensor<{m}x{k // 8}xi8>", np.packbits(bits, axis=-1, bitorder="little").view(np.int8), f"lowbit.unpack %a{i} : tensor<{m}x{k // 8}xi8> -> {lhs_type} of #lowbit.binary as #lowbit.row_major"),
    }[case.lhs]
    values = {f"a{i}": array, f"bias{i}": bias.astype({"f32": np.float32, "i32": np.int32}[element])}
    types = {f"a{i}": given, f"bias{i}": f"tensor<{n}x{element}>"}
    expected = a @ b
    schemes = ["<#lowbit.binary>", "<#lowbit.binary>"]
    if case.scaled:
        sa, sb = rng.uniform(0.1, 1, (m, 1)).astype(np.float32), rng.uniform(0.1, 1, (1, n)).astype(np.float32)
        values |= {f"sa{i}": sa, f"sb{i}": sb}
        types |= {f"sa{i}": f"tensor<{m}x1xf32>", f"sb{i}": f"tensor<{'x'.join(map(str, sb.T.shape if case.transposed else sb.shape))}xf32>"}
        values[f"sb{i}"] = np.ascontiguousarray(sb.T) if case.transposed else sb
        schemes = [f"scales %sa{i} <#lowbit.binary, block = [1, 0]>", f"scales %sb{i} <#lowbit.binary, block = {'[1, 0]' if case.transposed else '[0, 1]'}>"]
        expected = expected * sa.astype(np.float64) * sb
    expected = expected + bias
    scale_types = [f", {types[f's{side}{i}']}" if case.scaled else "" for side in "ab"]
    add = "addf" if case.scaled else "addi"
    body = f"""  %w{i} = arith.constant dense_resource<w{i}> : {rhs_type}
  %one{i} = arith.constant dense<1.0> : tensor<f32>
{f"  %q{i} = {made}" if made else ""}
  %init{i} = tensor.empty() : tensor<{m}x{n}x{element}>
  %r{i} = lowbit.contract {MAPS.format(rhs="(n, k)" if case.transposed else "(k, n)")}
    lhs(%{"q" if made else "a"}{i} {schemes[0]} : {lhs_type}{scale_types[0]}) rhs(%w{i} {schemes[1]} : {rhs_type}{scale_types[1]})
    outs(%init{i} : tensor<{m}x{n}x{element}>) epilogue(%bias{i} : tensor<{n}x{element}>) {{
  ^bb0(%sum: {element}, %b: {element}):
    %biased = arith.{add} %sum, %b : {element}
    lowbit.yield %biased : {element}
  }} -> tensor<{m}x{n}x{element}>
"""
    codes = np.ascontiguousarray(((b.T if case.transposed else b) < 0).astype(np.uint8))
    resources = [f'w{i}: "0x01000000{codes.tobytes().hex()}"']
    return Part(body, f"%r{i} : tensor<{m}x{n}x{element}>", types, values, expected, resources)


SWEEPS = {
    "rows": [Case(m, 37, 96, lhs="packed") for m in (*range(1, 10), 12, 13, 17)],
    "columns": [Case(3, n, 64) for n in (1, 15, 16, 17, 48, 63, 64, 65, 129)],
    "depth": [Case(5, 21, k) for k in (1, 2, 7, 31, 32, 33, 63, 64, 65, 97)],
    "scales": [Case(m, 21, k, True, transposed=t) for m, k in ((1, 31), (5, 32), (17, 97)) for t in (False, True)],
    "activations": [Case(5, 21, k, lhs=lhs) for k in (8, 32, 40, 64, 96, 256, 544, 1088) for lhs in ("real", "packed")],
}


sweep = sweep_fixture(SWEEPS, write_case)
some = sweep_fixture(pick(SWEEPS, 5), write_case)


def test_reference(sweep: Sweep) -> None:
    """The reference is what the op's document says, up to the rounding of f32."""
    for part, found in zip(sweep.parts, sweep.run("reference"), strict=True):
        np.testing.assert_allclose(found, part.expected, rtol=1e-5, atol=1e-4, err_msg=part.result)


@pytest.mark.parametrize("target", TARGETS)
def test_bits(sweep: Sweep, target: str) -> None:
    """Every target is the reference."""
    sweep.check_bits(target, sweep.run("reference"))


@pytest.mark.parametrize("target", SIMULATED)
def test_bits_of_kernels(some: Sweep, target: str) -> None:
    """The kernels of GPUs are the reference, too."""
    some.check_bits(target, some.run("reference"))
