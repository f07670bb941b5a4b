"""Run twins of products of floats: every target sums the products that numpy sums, whatever divides or does not."""

import itertools
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest
from sweeps import QUANT_OPT, TARGETS, Part, Sweep, literal, sweep_fixture

# Part of the sum of magnitudes that rounding f32 sums of these lengths may change.
TOLERANCE = 4e-6


@dataclass(frozen=True)
class Case:
    """One product: sizes, element types, and how the right side comes."""

    m: int
    n: int
    k: int
    lhs: str = "f32"
    rhs: str = "f32"
    constant: bool = True
    transposed: bool = False
    batch: int = 0


def to_bits(values: np.ndarray, element: str) -> np.ndarray:
    """`values` as they lie in memory; bf16 (here truncated) is held as uint16."""
    if element == "bf16":
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return values.astype({"f32": np.float32, "f16": np.float16}[element])


def to_reals(bits: np.ndarray) -> np.ndarray:
    return ((bits.astype(np.uint32) << 16).view(np.float32) if bits.dtype == np.uint16 else bits).astype(np.float64)


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    outer = (case.batch,) if case.batch else ()
    a = to_bits(rng.normal(size=(*outer, case.m, case.k)), case.lhs)
    b = to_bits(rng.normal(size=(*outer, case.n, case.k) if case.transposed else (*outer, case.k, case.n)), case.rhs)
    bias = rng.normal(size=case.n).astype(np.float32)

    def tensor(array: np.ndarray, element: str) -> str:
        return f"tensor<{'x'.join(map(str, array.shape))}x{element}>"

    lhs_type, rhs_type, out = tensor(a, case.lhs), tensor(b, case.rhs), f"tensor<{'x'.join(map(str, (*outer, case.m, case.n)))}xf32>"
    values, constants = {f"a{i}": a, f"bias{i}": bias}, ""
    types = {f"a{i}": lhs_type, f"bias{i}": f"tensor<{case.n}xf32>"}
    if case.constant:
        constants = f"  %b{i} = arith.constant {literal(b)} : {rhs_type}\n"
    else:
        values[f"b{i}"], types[f"b{i}"] = b, rhs_type
    loops, p = ("p, m, n, k", "p, ") if case.batch else ("m, n, k", "")
    maps = ", ".join(f"affine_map<({loops}) -> ({p}{axes})>" for axes in ("m, k", "n, k" if case.transposed else "k, n", "m, n"))
    text = f"""{constants}  %init{i} = tensor.empty() : {out}
  %r{i} = lowbit.contract [{maps}, affine_map<({loops}) -> (n)>] lhs(%a{i} : {lhs_type}) rhs(%b{i} : {rhs_type}) outs(%init{i} : {out})
    epilogue(%bias{i} : tensor<{case.n}xf32>) {{
  ^bb0(%sum: f32, %b: f32):
    %biased = arith.addf %sum, %b : f32
    lowbit.yield %biased : f32
  }} -> {out}
"""
    lhs, rhs = to_reals(a), np.swapaxes(to_reals(b), -1, -2) if case.transposed else to_reals(b)
    allowed = TOLERANCE * (np.abs(lhs) @ np.abs(rhs) + np.abs(bias))
    return Part(text, f"%r{i} : {out}", types, values, lhs @ rhs + bias, allowed=allowed)


TYPES = ("f32", "f16", "bf16")
SWEEPS = {
    "rows": [Case(m, 37, 19, element, element) for m in (1, 2, 3, 5, 7, 8, 9, 12, 13, 17, 25) for element in ("f32", "bf16")],
    "columns": [Case(3, n, 18, element, element) for n in (1, 2, 5, 15, 16, 17, 33, 48, 49, 65, 100) for element in ("f32", "bf16")],
    "depth": [Case(5, 21, k, element, element) for k in (1, 2, 3, 4, 5, 7, 63, 64, 129) for element in ("f32", "bf16")],
    "types": [Case(9, 37, 19, lhs, rhs, constant) for lhs, rhs, constant in itertools.product(TYPES, TYPES, (False, True))],
    "layouts": [Case(9, n, k, element, element, constant, transposed, batch) for element, constant, transposed, (n, k), batch in itertools.product(
        ("f32", "bf16"), (False, True), (False, True), ((37, 19), (48, 64)), (0, 3))],
    "swapped": [Case(m, n, k, element, element, False, True) for element in TYPES for m, n, k in ((16, 96, 128), (64, 400, 384), (32, 131, 257))],
    "tiles": [Case(64, 96, 64, element, element, False, transposed) for element in TYPES for transposed in (False, True)],
}


sweep = sweep_fixture(SWEEPS, write_case)


@pytest.mark.parametrize("target", ["reference", *TARGETS])
def test_sums(sweep: Sweep, target: str) -> None:
    """Within the rounding of sums, of numpy's f64."""
    sweep.check_sums(target)


def test_no_remark(sweep: Sweep) -> None:
    """Every one of these has register tiles, with and without products of bf16."""
    for target in ("x86-64-avx2", "x86-64-avx512bf16", "aarch64+dotprod"):
        command = [QUANT_OPT, sweep.folder / "m.mlir", f"--pass-pipeline=builtin.module(lowbit-lower-contract{{target={target}}})", "--remarks-filter=lowbit"]
        result = subprocess.run([*command, "-o", "/dev/null"], capture_output=True, text=True, check=False)
        assert result.returncode == 0 and "[Missed]" not in result.stderr, result.stderr
