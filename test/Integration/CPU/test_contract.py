"""Run twins of integer contractions: every target gives the bits of the reference lowering, whatever divides or does not."""

import itertools
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
QUANT_RUN = ROOT / "build/bin/quant-run"
FLAGS = {
    "generic": set(),
    "x86-64-avx2": {"avx2", "fma", "bmi2"},
    "x86-64-avxvnni": {"avx_vnni", "fma", "bmi2"},
    "x86-64-avxvnniint8": {"avx_vnni_int8", "fma", "bmi2"},
    "x86-64-avx512vnni": {"avx512_vnni", "avx512_vpopcntdq", "avx512_bitalg", "avx512_vbmi2"},
    "x86-64-avx512bf16": {"avx512_vnni", "avx512_vpopcntdq", "avx512_bitalg", "avx512_vbmi2", "avx512_bf16"},
    "x86-64-avx10.2": {"avx10_2"},
    "x86-64-amx-int8": {"amx_int8", "avx512_vnni"},
}
MAPS = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> {rhs}>, affine_map<(m, n, k) -> (m, n)>, affine_map<(m, n, k) -> (n)>]"


def machine_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


TARGETS = [name for name, flags in FLAGS.items() if flags <= machine_flags()]
# Machines whose kernels the simulator runs: with matrix units and copies of rows, and without.
SIMULATED = ["gpu-sim", "gpu-sim:sm_75"]


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


def random_codes(rng: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    codes = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
    codes.flat[: min(2, codes.size)] = (np.iinfo(dtype).min, np.iinfo(dtype).max)[: codes.size]
    return codes


def literal(array: np.ndarray) -> str:
    return f'dense<"0x{array.tobytes().hex().upper()}">' if array.size > 1 else f"dense<{array.ravel()[0]}>"


def write_case(i: int, case: Case, rng: np.random.Generator) -> tuple[str, str, str, dict[str, np.ndarray], np.ndarray]:
    """The text of one contraction, its arguments, its result, the arrays, and what numpy says."""
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
    arguments = ", ".join(f'%{name}: {tensor(array)} {{lowbit.name = "{name}"}}' for name, array in values.items())
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
    return text, arguments, f'tensor<{m}x{n}xf32> {{lowbit.name = "r{i}"}}', values, expected


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


def write_sweep(name: str, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Puts one module with all contractions of a sweep into m.mlir; returns its inputs and what they give."""
    rng = np.random.default_rng(len(name))
    parts = [write_case(i, case, rng) for i, case in enumerate(SWEEPS[name])]
    results = ", ".join(part[2] for part in parts)
    values = ", ".join(f"%r{i}" for i in range(len(parts)))
    types = ", ".join(part[2].split()[0] for part in parts)
    body = "".join(part[0] for part in parts)
    text = f"func.func @main({', '.join(part[1] for part in parts)}) -> ({results}) {{\n{body}  return {values} : {types}\n}}\n"
    (folder / "m.mlir").write_text(text)
    return {name: array for part in parts for name, array in part[3].items()}, {f"r{i}": part[4] for i, part in enumerate(parts)}


@pytest.fixture(scope="module", params=SWEEPS)
def sweep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder with the module and its inputs, and the expected results."""
    folder = tmp_path_factory.mktemp(request.param)
    inputs, expected = write_sweep(request.param, folder)
    np.savez(folder / "in.npz", **inputs)
    return folder, expected


def run(folder: Path, target: str) -> dict[str, np.ndarray]:
    output = folder / f"{target}.npz"
    command = [QUANT_RUN, folder / "m.mlir", "--entry", "main", "--inputs", folder / "in.npz", "--output", output, "--target", target]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return dict(np.load(output))


@pytest.mark.parametrize("target", ["reference", *TARGETS])
def test_bits(sweep: tuple[Path, dict[str, np.ndarray]], target: str) -> None:
    """The reference is numpy's int64 arithmetic, and every target is the reference."""
    folder, expected = sweep
    results = run(folder, target)
    different = [name for name, array in expected.items() if results[name].tobytes() != array.tobytes()]
    assert not different, f"{different} differ on {target}"


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
