"""Run twins of contractions whose weights are packed five to a byte, as digits to base 3: bit for bit the reference on every target."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sweeps import MAPS, QUANT_OPT, TARGETS, Part, Sweep, literal, run, sweep_fixture

PANEL = "#lowbit.panel<columns = 16, depth = 4, base = 3{transposed}>"


@dataclass
class Case:
    """One contraction; `bytes` where packed weights are any bytes, also those that packing never makes."""

    m: int
    n: int
    k: int
    transposed: bool = False
    lhs: str = "int"
    bytes: bool = False


def pack(codes: np.ndarray) -> np.ndarray:
    """Codes 0, 1, 2 of [k, n], both padded already, in panels of 16 columns, groups of 4 and five places."""
    k, n = codes.shape
    places = codes.reshape(k // 20, 5, 4, n // 16, 16).astype(np.uint16)
    return np.einsum("gpdnc,p->ngcd", places, 3 ** np.arange(5, dtype=np.uint16)).astype(np.uint8)


def unpack(packed: np.ndarray) -> np.ndarray:
    """The inverse."""
    digits = np.minimum(packed, 242)[..., None] // 3 ** np.arange(5) % 3
    return digits.transpose(1, 4, 3, 0, 2).reshape(packed.shape[1] * 20, packed.shape[0] * 16)


def write_case(i: int, case: Case, rng: np.random.Generator) -> Part:
    m, n, k = case.m, case.n, case.k
    padded_k, padded_n = -(-k // 20) * 20, -(-n // 16) * 16
    codes = np.zeros((padded_k, padded_n), np.uint8)
    codes[:k, :n] = rng.integers(0, 3, (k, n))
    packed = rng.integers(0, 256, pack(codes).shape).astype(np.uint8) if case.bytes else pack(codes)
    a = rng.integers(-128, 128, (m, k)).astype(np.int8) if case.lhs == "int" else rng.integers(0, 256, (m, k)).astype(np.uint8)
    sb = rng.uniform(0.5, 1, n).astype(np.float32)
    weights = unpack(packed)[:k, :n].astype(np.float64) - 1
    expected = a.astype(np.float64) @ weights * sb
    shape, padded, scales, block = f"{k}x{n}", f"{padded_k}x{padded_n}", f"1x{n}", "[0, 1]"
    if case.transposed:
        shape, padded, scales, block = f"{n}x{k}", f"{padded_n}x{padded_k}", f"{n}x1", "[1, 0]"
    panels, sizes = f"tensor<{'x'.join(map(str, packed.shape))}xi8>", shape.replace("x", ", ")
    packing = PANEL.format(transposed=", transposed = true" if case.transposed else "")
    body = f"""  %p{i} = arith.constant {literal(packed)} : {panels}
  %u{i} = lowbit.unpack %p{i} : {panels} -> tensor<{padded}xi2> of #lowbit.uint<2> as {packing}
  %w{i} = tensor.extract_slice %u{i}[0, 0] [{sizes}] [1, 1] : tensor<{padded}xi2> to tensor<{shape}xi2>
  %sw{i} = arith.constant {literal(sb)} : tensor<{scales}xf32>
  %zw{i} = arith.constant dense<1> : tensor<{scales}xi8>
  %init{i} = tensor.empty() : tensor<{m}x{n}xf32>
  %r{i} = lowbit.contract {MAPS.format(rhs="(n, k)" if case.transposed else "(k, n)").rsplit(", affine_map<(m, n, k) -> (n)>", 1)[0]}]
    lhs(%a{i} <#lowbit.{case.lhs}<8>> : tensor<{m}x{k}xi8>)
    rhs(%w{i} scales %sw{i} zeros %zw{i} <#lowbit.uint<2>, block = {block}, zero = i8> : tensor<{shape}xi2>, tensor<{scales}xf32>, tensor<{scales}xi8>)
    outs(%init{i} : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
"""
    return Part(body, f"%r{i} : tensor<{m}x{n}xf32>", {f"a{i}": f"tensor<{m}x{k}xi8>"}, {f"a{i}": a}, expected)


SWEEPS = {
    "depth": [Case(2, 21, k) for k in (1, 3, 4, 5, 8, 19, 20, 21, 39, 40, 41, 59, 60, 61, 100, 137)],
    "rows": [Case(m, 37, 43) for m in (1, 2, 3, 4, 5, 7, 8, 9, 17)],
    "columns": [Case(1, n, 45) for n in (1, 15, 16, 17, 64, 127, 128, 129, 300)],
    "forms": [
        Case(m, 50, 90, transposed, lhs, wild)
        for m in (1, 6)
        for transposed in (False, True)
        for lhs in ("int", "uint")
        for wild in (False, True)
    ],
}


sweep = sweep_fixture(SWEEPS, write_case)


def test_reference(sweep: Sweep) -> None:
    """The reference reads the digits that numpy does."""
    for part, found in zip(sweep.parts, sweep.run("reference"), strict=True):
        np.testing.assert_allclose(found, part.expected, rtol=1e-5, atol=1e-3, err_msg=part.result)


@pytest.mark.parametrize("target", TARGETS)
def test_bits(sweep: Sweep, target: str) -> None:
    """Every target is the reference."""
    sweep.check_bits(target, sweep.run("reference"))


@pytest.mark.parametrize(("m", "k", "base"), [(1, 4001, True), (16, 4001, False), (1, 1000, False)])
def test_choice(m: int, k: int, base: bool, tmp_path: Path) -> None:
    """Weights larger than a core's share of the caches, which few rows read, are packed five to a byte, and then give the reference's bits."""
    n, rng = 2720, np.random.default_rng(k)
    codes = rng.choice(np.array([0, 1, 3], np.uint8), (k, n)).reshape(k, n // 4, 4)
    packed = (codes << (2 * np.arange(4, dtype=np.uint8))).sum(2).astype(np.uint8)
    weights, small = f"tensor<{k}x{n}x!lowbit.code<#lowbit.ternary>>", f"tensor<{k}x{n // 4}xi8>"
    text = f"""func.func @main(%a: tensor<{m}x{k}xi8> {{lowbit.name = "a"}}) -> (tensor<{m}x{n}xf32> {{lowbit.name = "r"}}) {{
  %p = arith.constant {literal(packed)} : {small}
  %w = lowbit.unpack %p : {small} -> {weights} of #lowbit.ternary as #lowbit.row_major
  %s = arith.constant dense<0.5> : tensor<f32>
  %init = tensor.empty() : tensor<{m}x{n}xf32>
  %r = lowbit.contract {MAPS.format(rhs="(k, n)").rsplit(", affine_map<(m, n, k) -> (n)>", 1)[0]}] lhs(%a <#lowbit.int<8>> : tensor<{m}x{k}xi8>)
    rhs(%w scales %s <#lowbit.ternary> : {weights}, tensor<f32>) outs(%init : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  return %r : tensor<{m}x{n}xf32>
}}
"""
    (tmp_path / "m.mlir").write_text(text)
    np.savez(tmp_path / "in.npz", a=rng.integers(-128, 128, (m, k)).astype(np.int8))
    passes = "--pass-pipeline=builtin.module(lowbit-pack-weights{target=x86-64-avx512vnni})"
    command = [QUANT_OPT, "m.mlir", passes, "--mlir-elide-resource-strings-if-larger=16"]
    packing = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert ("base = 3" in packing) == base and "#lowbit.panel" in packing
    if base and "x86-64-avx512vnni" in TARGETS:
        assert run(tmp_path, "x86-64-avx512vnni")["r"].tobytes() == run(tmp_path, "reference")["r"].tobytes()
