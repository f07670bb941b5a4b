"""Run twins of integer contractions: every target gives the bits of the reference lowering, whatever divides or does not."""

import itertools
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sweeps import FLAGS, MAPS, QUANT_RUN, SIMULATED, TARGETS, Part, Sweep, literal, pick, random_codes, run, sweep_fixture


@dataclass
class Case:
    """One contraction: sizes, formats, which sides have zero points, how the weights come, and codes where all are one."""

    m: int
    n: int
    k: int
    lhs: str = "int"
    rhs: str = "int"
    lhs_zero: bool = False
    rhs_zero: bool = False
    constant: bool = True
    transposed: bool = False
    lhs_only: int | None = None
    rhs_only: int | None = None

    def dtype(self, side: str) -> type:
        return np.int8 if side == "int" else np.uint8


def scheme(kind: str, block: str, zero: bool) -> str:
    return f"<#lowbit.{kind}<8>, block = {block}{', zero = i8' if zero else ''}>"


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    m, n, k = case.m, case.n, case.k
    rhs_shape, scale_shape, block = ((n, k), (n, 1), "[1, 0]") if case.transposed else ((k, n), (1, n), "[0, 1]")
    a, b = random_codes(rng, case.dtype(case.lhs), (m, k)), random_codes(rng, case.dtype(case.rhs), rhs_shape)
    za, zb = random_codes(rng, case.dtype(case.lhs), (m, 1)), random_codes(rng, case.dtype(case.rhs), scale_shape)
    if case.lhs_only is not None:
        a[:] = case.lhs_only
    if case.rhs_only is not None:
        b[:] = case.rhs_only
    sa, sb = rng.uniform(0.001, 0.01, (m, 1)).astype(np.float32), rng.uniform(0.001, 0.01, scale_shape).astype(np.float32)
    bias = rng.normal(size=n).astype(np.float32)

    def tensor(array: np.ndarray) -> str:
        return f"tensor<{'x'.join(map(str, array.shape))}x{'f32' if array.dtype == np.float32 else 'i8'}>"

    values = {f"a{i}": a, f"sa{i}": sa, f"sb{i}": sb, f"bias{i}": bias}
    constants = ""
    if case.lhs_zero:
        values[f"za{i}"] = za
    if case.rhs_zero:
        values[f"zb{i}"] = zb
    if case.constant:
        constants = f"  %b{i} = arith.constant {literal(b.view(np.int8))} : {tensor(b)}\n"
    else:
        values[f"b{i}"] = b
    rhs_map = "(n, k)" if case.transposed else "(k, n)"
    text = f"""{constants}  %init{i} = tensor.empty() : tensor<{m}x{n}xf32>
  %r{i} = lowbit.contract {MAPS.format(rhs=rhs_map)}
    lhs(%a{i} scales %sa{i} {f'zeros %za{i} ' if case.lhs_zero else ''}{scheme(case.lhs, '[1, 0]', case.lhs_zero)}
        : {tensor(a)}, {tensor(sa)}{f', {tensor(za)}' if case.lhs_zero else ''})
    rhs(%b{i} scales %sb{i} {f'zeros %zb{i} ' if case.rhs_zero else ''}{scheme(case.rhs, block, case.rhs_zero)}
        : {tensor(b)}, {tensor(sb)}{f', {tensor(zb)}' if case.rhs_zero else ''})
    outs(%init{i} : tensor<{m}x{n}xf32>) epilogue(%bias{i} : tensor<{n}xf32>) {{
  ^bb0(%sum: f32, %b: f32):
    %biased = arith.addf %sum, %b : f32
    lowbit.yield %biased : f32
  }} -> tensor<{m}x{n}xf32>
"""
    lhs = a.astype(np.int64) - (za.astype(np.int64) if case.lhs_zero else 0)
    rhs = b.astype(np.int64) - (zb.astype(np.int64) if case.rhs_zero else 0)
    if case.transposed:
        rhs, sb = rhs.T, sb.T
    expected = (lhs @ rhs).astype(np.float32) * sa * sb + bias
    types = {name: tensor(array) for name, array in values.items()}
    return Part(text, f"%r{i} : tensor<{m}x{n}xf32>", types, values, expected)


SWEEPS = {
    "rows": [Case(m, 37, 19) for m in (1, 2, 3, 5, 7, 8, 9, 12, 13, 16, 17, 24, 31, 33)],
    "columns": [Case(3, n, 18, lhs="uint") for n in (1, 2, 5, 15, 16, 17, 33, 47, 48, 49, 65, 100)],
    "depth": [Case(5, 21, k) for k in (1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65, 129)],
    "signs": [Case(9, 37, 19, lhs, rhs, lhs_zero, rhs_zero) for lhs, rhs, lhs_zero, rhs_zero in
              itertools.product(("int", "uint"), ("int", "uint"), (False, True), (False, True))],
    "weights": [Case(9, 37, 19, lhs, "int", True, True, constant, transposed) for lhs, constant, transposed in
                itertools.product(("int", "uint"), (False, True), (False, True))],
    # What saturates in 16 bits, and the largest sums.
    "extremes": [Case(16, 19, 320, lhs, rhs, lhs_only=left, rhs_only=right) for (lhs, left), (rhs, right) in
                 itertools.product((("int", -128), ("int", 127), ("uint", 255)), repeat=2)],
    # Whole tiles of matrix units, and rows and columns that do not fill them.
    "matrix": [Case(16, 16, 64), Case(17, 33, 128, "int", "uint"), Case(31, 1, 192, "uint", "int", True), Case(33, 48, 1088, "uint", "uint", False, True),
               Case(48, 37, 2112, "int", "int", True, True), Case(32, 64, 1024, "uint", constant=False), Case(40, 20, 64, transposed=True)],
    "tiles": [Case(128, 96, 64), Case(120, 32, 40, lhs="uint", lhs_zero=True), Case(6, 16, 256)],
}


sweep = sweep_fixture(SWEEPS, write_case)
some = sweep_fixture(pick(SWEEPS, 5), write_case)


@pytest.mark.parametrize("target", ["reference", *TARGETS])
def test_bits(sweep: Sweep, target: str) -> None:
    """The reference is numpy's int64 arithmetic, and every target is the reference."""
    sweep.check_bits(target)


@pytest.mark.parametrize("target", SIMULATED)
def test_bits_of_kernels(some: Sweep, target: str) -> None:
    """The kernels of GPUs are numpy's int64 arithmetic, too."""
    some.check_bits(target)


@pytest.mark.parametrize("target", sorted(FLAGS.keys() - set(TARGETS)))
def test_missing_features(tmp_path: Path, target: str) -> None:
    """Refused by the names of what is missing, before anything runs."""
    (tmp_path / "m.mlir").write_text("func.func @main(%x: i32) -> i32 {\n  return %x : i32\n}\n")
    result = subprocess.run([QUANT_RUN, tmp_path / "m.mlir", "--target", target], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"target `{target}` needs " in result.stderr and "which this machine" in result.stderr


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["binary", "ternary", "float3", "codebook<nf4>"])
def test_codes_without_builtin_type(tmp_path: Path, target: str, name: str) -> None:
    """Codes that a contraction writes itself are those that quantize makes of its reals."""
    rng, code = np.random.default_rng(0), f"!lowbit.code<#lowbit.{name}>"
    kernel = rng.integers(-128, 128, (40, 21)).astype(np.int8)
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%a: tensor<9x40xi8> {{lowbit.name = "a"}}) -> (tensor<9x21x{code}> {{lowbit.name = "codes"}}) {{
  %b = arith.constant {literal(kernel)} : tensor<40x21xi8>
  %scale = arith.constant dense<0.0001> : tensor<f32>
  %step = arith.constant dense<1.5> : tensor<f32>
  %init = tensor.empty() : tensor<9x21xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %scale <#lowbit.int<8>> : tensor<9x40xi8>, tensor<f32>)
    rhs(%b <#lowbit.int<8>> : tensor<40x21xi8>) outs(%init : tensor<9x21xf32>) -> tensor<9x21xf32>
  %codes = lowbit.quantize %r, %step <#lowbit.{name}> : (tensor<9x21xf32>, tensor<f32>) -> tensor<9x21x{code}>
  return %codes : tensor<9x21x{code}>
}}
""")
    np.savez(tmp_path / "in.npz", a=rng.integers(-128, 128, (9, 40)).astype(np.int8))
    results, reference = run(tmp_path, target)["codes"], run(tmp_path, "reference")["codes"]
    assert len(np.unique(reference)) > 1
    assert results.tobytes() == reference.tobytes()
