"""Products with weights of few bits in groups."""

from __future__ import annotations

import numpy as np

from bench.compare import Prepared
from bench.grouped import GroupedCase
from bench.ours import MAPS, literal, prepare, require_kernel


def grouped_text(m: int, n: int, k: int, form: str, scale_block: str, weights: str, scales: str, lhs: str) -> str:
    """C f32 = A W: A is f32 quantized to s8 by token (`dynamic`), s8 codes with their scales (`codes`), or left in f32 (`float`); `weights`
    and `scales` are attributes with their types, of W [k, n] in `form` with scales for blocks `scale_block`."""
    out, scheme = f"tensor<{m}x{n}xf32>", "<#lowbit.int<8>, block = [1, 0]>"
    wide, codes, scale = f"tensor<{m}x{k}xf32>", f"tensor<{m}x{k}xi8>", f"tensor<{m}x1xf32>"
    arguments = {
        "dynamic": f'%a: {wide} {{lowbit.name = "a"}}',
        "codes": f'%q: {codes} {{lowbit.name = "a"}}, %s: {scale} {{lowbit.name = "s"}}',
        "float": f'%a: {wide} {{lowbit.name = "a"}}',
    }
    quantize = f"""  %s = lowbit.compute_scales %a {scheme} : ({wide}) -> {scale}
  %q = lowbit.quantize %a, %s {scheme} : ({wide}, {scale}) -> {codes}
"""
    left = f"%a : {wide}" if lhs == "float" else f"%q scales %s {scheme} : {codes}, {scale}"
    return f"""func.func @main({arguments[lhs]}) -> ({out} {{lowbit.name = "out"}}) {{
  %w = arith.constant {weights}
  %sw = arith.constant {scales}
  %init = tensor.empty() : {out}
{quantize if lhs == "dynamic" else ""}  %r = lowbit.contract {MAPS} lhs({left})
    rhs(%w scales %sw <{form}, block = {scale_block}, scale = {scales.split("x")[-1].rstrip(">")}> : {weights.split(" : ")[-1]}, {scales.split(" : ")[-1]})
    outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""


FORMS = {"int4": ("#lowbit.int<4>", "i4", 4), "ternary": ("#lowbit.ternary", "!lowbit.code<#lowbit.ternary>", 2)}


def grouped_matmul(case: GroupedCase, form: str, lhs: str) -> Prepared:
    """Weights of few bits in groups. lhs: what a call is given and does, as in `grouped_text`."""
    format_text, element, bits = FORMS[form]
    block, scale = ("[0, 1]", "f32") if case.group == 0 else (f"[{case.group}, 1]", "f16")

    def text(m: int, n: int, k: int, weights: str, scales: str) -> str:
        types = f"tensor<{k}x{n}x{element}>", f"tensor<{k // (case.group or k)}x{n}x{scale}>"
        return grouped_text(m, n, k, format_text, block, f"{weights} : {types[0]}", f"{scales} : {types[1]}", lhs)

    small_k = 2 * max(case.group, 128)
    require_kernel(text(case.m, 64, small_k, f'dense<"0x{"01" * (64 * small_k)}">', "dense<0.5>"))
    codes, scales = case.quantized(*((-1, 1) if form == "ternary" else (-8, 7)), np.float16 if scale == "f16" else np.float32)
    packed = (case.repeat(codes).T & (2**bits - 1)).astype(np.uint8)
    module = text(case.m, case.n, case.k, literal(packed), literal(case.repeat(scales).T))
    inputs = {"a": case.lhs}
    if lhs == "codes":
        steps = (np.abs(case.lhs).max(1, keepdims=True) / 127).astype(np.float32)
        inputs = {"a": np.rint(case.lhs / steps).astype(np.int8), "s": steps}
    includes = {"dynamic": "quantizes activations", "codes": "product only", "float": "float activations"}[lhs]
    return prepare(module, inputs, bits + scales.nbytes * 8 / codes.size, includes)
