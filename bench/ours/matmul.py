"""Products of 8-bit codes, of bits, and of floats."""

from __future__ import annotations

import numpy as np

from bench.binary import BinaryCase, pack
from bench.compare import Prepared
from bench.matmul import FloatCase, Int8Case
from bench.ours import MAPS, literal, prepare, require_kernel, tensor


def int8_matmul(case: Int8Case, threads: int = 1) -> Prepared:
    """Codes to 32-bit sums."""
    lhs, rhs = case.lhs, case.rhs
    out = f"tensor<{case.m}x{case.n}xi32>"
    text = f"""func.func @main(%a: {tensor(lhs)} {{lowbit.name = "a"}}) -> ({out} {{lowbit.name = "out"}}) {{
  %b = arith.constant {literal(rhs)} : {tensor(rhs)}
  %init = tensor.empty() : {out}
  %r = lowbit.contract {MAPS} lhs(%a <#lowbit.{"int" if case.signed else "uint"}<8>> : {tensor(lhs)})
    rhs(%b <#lowbit.int<8>> : {tensor(rhs)}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""
    return prepare(text, {"a": lhs}, 8, "product only", threads=threads)


def binary_matmul(case: BinaryCase, from_float: bool = False) -> Prepared:
    """Bits to 32-bit sums; the bits are given packed, or are the signs of f32 activations."""
    code = "!lowbit.code<#lowbit.binary>"

    def text(m: int, n: int, k: int, weights: str) -> str:
        lhs, rhs, out, given = f"tensor<{m}x{k}x{code}>", f"tensor<{k}x{n}x{code}>", f"tensor<{m}x{n}xi32>", f"tensor<{m}x{k // 8}xi8>"
        bits = f"lowbit.unpack %a : {given} -> {lhs} of #lowbit.binary as #lowbit.row_major"
        if from_float:
            given = f"tensor<{m}x{k}xf32>"
            bits = f"lowbit.quantize %a, %one <#lowbit.binary> : ({given}, tensor<f32>) -> {lhs}"
        return f"""func.func @main(%a: {given} {{lowbit.name = "a"}}) -> ({out} {{lowbit.name = "out"}}) {{
  %b = arith.constant {weights} : {rhs}
  %one = arith.constant dense<1.0> : tensor<f32>
  %q = {bits}
  %init = tensor.empty() : {out}
  %r = lowbit.contract {MAPS} lhs(%q <#lowbit.binary> : {lhs}) rhs(%b <#lowbit.binary> : {rhs}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""

    require_kernel(text(case.m, 64, 512, f'dense<"0x{"01" * (64 * 512)}">'))
    inputs = {"a": 1 - 2 * case.lhs.astype(np.float32) if from_float else pack(case.lhs)}
    return prepare(text(case.m, case.n, case.k, literal(case.rhs.T)), inputs, 1, "packs activations" if from_float else "product only")


def float_matmul(case: FloatCase) -> Prepared:
    """f32, or bf16 with f32 sums, as a framework gives it: a matmul of linalg."""
    lhs, rhs, out = tensor(case.lhs), tensor(case.rhs), f"tensor<{case.m}x{case.n}xf32>"
    layout = "(n, k)" if case.transposed else "(k, n)"
    maps = f"[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> {layout}>, affine_map<(m, n, k) -> (m, n)>]"
    argument = "" if case.constant else f', %b: {rhs} {{lowbit.name = "b"}}'
    constant = f"  %b = arith.constant {literal(case.rhs)} : {rhs}\n" if case.constant else ""
    text = f"""func.func @main(%a: {lhs} {{lowbit.name = "a"}}{argument}) -> ({out} {{lowbit.name = "out"}}) {{
{constant}  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : {out}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {out}) -> {out}
  %r = linalg.matmul indexing_maps = {maps} ins(%a, %b : {lhs}, {rhs}) outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""
    inputs = {"a": case.lhs} if case.constant else {"a": case.lhs, "b": case.rhs}
    return prepare(text, inputs, 8 * case.rhs.itemsize, "product only")
