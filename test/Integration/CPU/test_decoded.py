"""Run twins of products of reals with constant codes, which are decoded in registers: every target sums what numpy sums, for every format."""

import itertools
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from sweeps import MAPS, QUANT_OPT, SIMULATED, TARGETS, Part, Sweep, pick, sweep_fixture
from test_floats import TOLERANCE, to_bits, to_reals

NF4 = np.array([-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.091050036, 0.0,
                0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0], np.float32)


def decode_float(exponent: int, mantissa: int) -> np.ndarray:
    """What codes of a sign, bits of exponent and bits of mantissa stand for, with no special values."""
    codes, bias = np.arange(1 << (exponent + mantissa)), (1 << (exponent - 1)) - 1
    e, part = codes >> mantissa, (codes & ((1 << mantissa) - 1)) / (1 << mantissa)
    magnitudes = np.where(e == 0, part * 2.0 ** (1 - bias), (1 + part) * 2.0 ** (e - bias))
    return np.concatenate([magnitudes, -magnitudes])


def decode_signed(width: int) -> np.ndarray:
    return (np.arange(1 << width) ^ (1 << (width - 1))) - (1 << (width - 1))


@dataclass(frozen=True)
class Format:
    """A format's text, the element type of its codes, what each code stands for, and the codes that are not used."""

    text: str
    element: str
    reals: np.ndarray
    unused: tuple[int, ...] = ()

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.choice([code for code in range(len(self.reals)) if code not in self.unused], shape).astype(np.uint8)


FORMATS = {f"int{width}": Format(f"int<{width}>", f"i{width}", decode_signed(width)) for width in (2, 3, 4, 5, 6, 7, 8)} | {
    "uint4": Format("uint<4>", "i4", np.arange(16)),
    "uint8": Format("uint<8>", "i8", np.arange(256)),
    "ternary": Format("ternary", "!lowbit.code<#lowbit.ternary>", decode_signed(2), unused=(2,)),
    "binary": Format("binary", "!lowbit.code<#lowbit.binary>", np.array([1, -1])),
    "nf4": Format("codebook<nf4>", "!lowbit.code<#lowbit.codebook<nf4>>", NF4),
    "float3": Format("float3", "!lowbit.code<#lowbit.float3>", np.array([0, 1, 2, 4, 0, -1, -2, -4]), unused=(4,)),
    "fp4": Format("float<f4E2M1FN>", "f4E2M1FN", decode_float(2, 1)),
    "f6E2M3": Format("float<f6E2M3FN>", "f6E2M3FN", decode_float(2, 3)),
    "f6E3M2": Format("float<f6E3M2FN>", "f6E3M2FN", decode_float(3, 2)),
    "f8E4M3": Format("float<f8E4M3FN>", "f8E4M3FN", decode_float(4, 3), unused=(0x7F, 0xFF)),
    "f8E5M2": Format("float<f8E5M2>", "f8E5M2", decode_float(5, 2), unused=(*range(0x7C, 0x80), *range(0xFC, 0x100))),
}


@dataclass(frozen=True)
class Case:
    """One product: sizes, the weights' format, codes along K that share a scale (0: all), the scales' type, and the activations."""

    m: int
    n: int
    k: int
    form: str
    group: int = 0
    scale: str = "f32"
    zero: str = ""  # "", "each" or "same": no zero points, one for each scale, or one value for all
    transposed: bool = False
    lhs: str = "f32"


def draw_scales(rng: np.random.Generator, element: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """As they lie in memory, and as reals."""
    if element == "f8E8M0FNU":
        bits = rng.integers(120, 130, shape).astype(np.uint8)
        return bits, 2.0 ** (bits.astype(np.float64) - 127)
    if element == "f8E4M3FN":
        bits = rng.integers(1, 0x60, shape).astype(np.uint8)
        return bits, decode_float(4, 3)[bits]
    bits = to_bits(rng.uniform(0.01, 1, shape), element)
    return bits, to_reals(bits)


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    form, (m, n, k) = FORMATS[case.form], (case.m, case.n, case.k)
    groups = k // (case.group or k)
    codes = form.draw(rng, (k, n))
    scales, real_scales = draw_scales(rng, case.scale, (groups, n))
    zeros = (rng.integers(0, 16, (groups, n)) if case.zero == "each" else np.full((groups, n), 7)).astype(np.uint8)
    zero = np.repeat(zeros.astype(np.float64), k // groups, 0) if case.zero else 0
    steps = np.repeat(real_scales, k // groups, 0)
    # Zero points may be subtracted from the sum, which is then larger on the way.
    right, magnitude = (form.reals[codes] - zero) * steps, (np.abs(form.reals[codes]) + zero) * steps

    bias = rng.normal(size=n).astype(np.float32)
    inputs, types = {f"bias{i}": bias}, {f"bias{i}": f"tensor<{n}xf32>"}
    if case.lhs == "int8":
        a, sa = rng.integers(-128, 128, (m, k)).astype(np.int8), rng.uniform(0.001, 0.01, (m, 1)).astype(np.float32)
        inputs |= {f"a{i}": a, f"sa{i}": sa}
        types |= {f"a{i}": f"tensor<{m}x{k}xi8>", f"sa{i}": f"tensor<{m}x1xf32>"}
        left, side = a * sa.astype(np.float64), f"%a{i} scales %sa{i} <#lowbit.int<8>, block = [1, 0]> : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>"
    else:
        a = to_bits(rng.normal(size=(m, k)), case.lhs)
        inputs[f"a{i}"], types[f"a{i}"] = a, f"tensor<{m}x{k}x{case.lhs}>"
        left, side = to_reals(a), f"%a{i} : {types[f'a{i}']}"

    block = [case.group, 1]
    if case.transposed:
        codes, scales, zeros, block = codes.T, scales.T, zeros.T, block[::-1]
    shape, scale_shape = (f"{array.shape[0]}x{array.shape[1]}" for array in (codes, scales))
    constants = {"w": (codes, f"{shape}x{form.element}"), "sw": (scales, f"{scale_shape}x{case.scale}")}
    if case.zero:
        constants["zw"] = zeros, f"{scale_shape}xi8"
    resources = [f'{name}{i}: "0x04000000{np.ascontiguousarray(array).tobytes().hex()}"' for name, (array, _) in constants.items()]
    text = "".join(f"  %{name}{i} = arith.constant dense_resource<{name}{i}> : tensor<{kind}>\n" for name, (_, kind) in constants.items())
    zero_text = (f"zeros %zw{i} ", ", zero = i8", f", tensor<{scale_shape}xi8>") if case.zero else ("", "", "")
    text += f"""  %init{i} = tensor.empty() : tensor<{m}x{n}xf32>
  %r{i} = lowbit.contract {MAPS.format(rhs="(n, k)" if case.transposed else "(k, n)")}
    lhs({side})
    rhs(%w{i} scales %sw{i} {zero_text[0]}<#lowbit.{form.text}, block = {block}, scale = {case.scale}{zero_text[1]}>
        : tensor<{shape}x{form.element}>, tensor<{scale_shape}x{case.scale}>{zero_text[2]})
    outs(%init{i} : tensor<{m}x{n}xf32>) epilogue(%bias{i} : tensor<{n}xf32>) {{
  ^bb0(%sum: f32, %b: f32):
    %biased = arith.addf %sum, %b : f32
    lowbit.yield %biased : f32
  }} -> tensor<{m}x{n}xf32>
"""
    allowed = TOLERANCE * (np.abs(left) @ magnitude + np.abs(bias))
    return Part(text, f"%r{i} : tensor<{m}x{n}xf32>", types, inputs, left @ right + bias, resources, allowed)


LEFTS = ("f32", "bf16")
ROWS = (1, 3, 17)
MX, NV = {"form": "fp4", "group": 32, "scale": "f8E8M0FNU"}, {"form": "fp4", "group": 16, "scale": "f8E4M3FN"}
NO_INTEGERS = ("nf4", "float3", "fp4", "f6E2M3", "f6E3M2", "f8E4M3", "f8E5M2")
SWEEPS = {
    "channels": [Case(m, 37, 35, form, lhs=lhs) for form, m, lhs in itertools.product(FORMATS, ROWS, LEFTS)],
    "groups": [Case(m, 37, 128, form, group, "f16", lhs=lhs) for form, group, m, lhs in
               itertools.product(FORMATS, (16, 32, 64, 128), (3,), LEFTS)],
    "zeros": [Case(m, 37, k, form, group, "f16", zero, lhs=lhs) for form, (k, group), m, zero, lhs in
              itertools.product(("uint4", "int4", "int8", "uint8"), ((35, 0), (96, 32), (128, 64)), (1, 17), ("each", "same"), LEFTS)],
    "blocks": [Case(m, n, 96, **kind, transposed=transposed, lhs=lhs) for kind, m, n, transposed, lhs in
               itertools.product((MX, NV), ROWS, (37, 64), (False, True), LEFTS)],
    "transposed": [Case(m, 37, k, form, group, "f16", transposed=True, lhs=lhs) for form, (k, group), m, lhs in
                   itertools.product(FORMATS, ((35, 0), (96, 32)), (3,), LEFTS)],
    "transposed zeros": [Case(m, 37, 64, "uint4", group, "f16", "each", True, lhs) for group, m, lhs in itertools.product((0, 32), ROWS, LEFTS)],
    "columns": [Case(m, n, 64, form, 32, lhs=lhs) for form, n, m, lhs in
                itertools.product(("int4", "nf4"), (1, 2, 5, 15, 16, 17, 33, 48, 65, 100), (3,), LEFTS)],
    "depth": [Case(m, 21, k, form, lhs=lhs) for form, k, m, lhs in
              itertools.product(("int4", "ternary", "fp4"), (1, 2, 3, 4, 5, 7, 63, 64, 129), (3,), LEFTS)],
    "small groups": [Case(3, 21, k, "int4", group, lhs=lhs) for (k, group), lhs in itertools.product(((24, 8), (24, 4), (24, 12), (12, 2)), LEFTS)],
    "codes": [Case(m, 37, k, form, group, transposed=transposed, lhs="int8") for form, (k, group), m, transposed in
              itertools.product(NO_INTEGERS, ((35, 0), (96, 32)), ROWS, (False, True))],
    "halves": [Case(m, 37, k, form, group, lhs="f16") for form, (k, group), m in itertools.product(("int4", "nf4", "fp4"), ((35, 0), (96, 32)), ROWS)],
}


sweep = sweep_fixture(SWEEPS, write_case)
some = sweep_fixture(pick(SWEEPS, 23), write_case)


@pytest.mark.parametrize("target", ["reference", *TARGETS])
def test_sums(sweep: Sweep, target: str) -> None:
    """Within the rounding of sums, of numpy's f64."""
    sweep.check_sums(target)


@pytest.mark.parametrize("target", SIMULATED)
def test_sums_of_kernels(some: Sweep, target: str) -> None:
    """The kernels of GPUs are as near, too."""
    some.check_sums(target)


def test_no_remark(sweep: Sweep) -> None:
    """Every one of these has register tiles, with a table of floats and without."""
    for target in ("x86-64-avx2", "x86-64-avx512vnni", "x86-64-avx512bf16", "aarch64+dotprod"):
        passes = f"builtin.module(lowbit-pack-weights{{target={target}}},lowbit-lower-contract{{target={target}}})"
        command = [QUANT_OPT, sweep.folder / "m.mlir", f"--pass-pipeline={passes}", "--remarks-filter=lowbit", "-o", "/dev/null"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0 and "[Missed]" not in result.stderr, f"{target}: {result.stderr}"
        assert result.stderr.count("[Passed] contract") == len(sweep.parts)
