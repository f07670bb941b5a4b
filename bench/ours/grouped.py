"""Products with weights of few bits in groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.compare import Prepared
from bench.grouped import GroupedCase
from bench.matmul import narrow
from bench.ours import MAPS, count_packed_bytes, literal, prepare, require_kernel

FORMS = {"int4": ("#lowbit.int<4>", "i4", 4), "ternary": ("#lowbit.ternary", "!lowbit.code<#lowbit.ternary>", 2)}
INCLUDES = {"dynamic": "quantizes activations", "codes": "product only", "f32": "f32 activations", "bf16": "bf16 activations"}
LEFT = "<#lowbit.int<8>, block = [1, 0]>"


def _text(case: GroupedCase, form: str, lhs: str, weights: str, scales: str) -> str:
    """C f32 = A W; `weights` of [k, n] and `scales` are literals."""
    format_text, element, _ = FORMS[form]
    block, scale_type = ("[0, 1]", "f32") if case.group == 0 else (f"[{case.group}, 1]", "f16")
    element_type = lhs if lhs == "bf16" else "f32"
    real, codes, steps = (f"tensor<{case.m}x{size}>" for size in (f"{case.k}x{element_type}", f"{case.k}xi8", "1xf32"))
    weight_type, scales_type = f"tensor<{case.k}x{case.n}x{element}>", f"tensor<{case.k // (case.group or case.k)}x{case.n}x{scale_type}>"
    out, given = f"tensor<{case.m}x{case.n}xf32>", f'%a: {codes if lhs == "codes" else real} {{lowbit.name = "a"}}'
    left, quantize = f"%a : {real}", ""
    if lhs == "codes":
        given += f', %s: {steps} {{lowbit.name = "s"}}'
        left = f"%a scales %s {LEFT} : {codes}, {steps}"
    if lhs == "dynamic":
        left = f"%q scales %s {LEFT} : {codes}, {steps}"
        quantize = f"""  %s = lowbit.compute_scales %a {LEFT} : ({real}) -> {steps}
  %q = lowbit.quantize %a, %s {LEFT} : ({real}, {steps}) -> {codes}
"""
    return f"""func.func @main({given}) -> ({out} {{lowbit.name = "out"}}) {{
  %w = arith.constant {weights} : {weight_type}
  %sw = arith.constant {scales} : {scales_type}
  %init = tensor.empty() : {out}
{quantize}  %r = lowbit.contract {MAPS} lhs({left})
    rhs(%w scales %sw <{format_text}, block = {block}, scale = {scale_type}> : {weight_type}, {scales_type})
    outs(%init : {out}) -> {out}
  return %r : {out}
}}
"""


def grouped_matmul(case: GroupedCase, form: str, lhs: str) -> Prepared:
    """Weights of few bits in groups. lhs: activations are f32 quantized to s8 by token in the call (`dynamic`), s8 codes with their scales
    (`codes`), or left in f32 or bf16."""
    small = replace(case, n=64, k=2 * max(case.group, 128))
    require_kernel(_text(small, form, lhs, f'dense<"0x{"01" * (small.n * small.k)}">', "dense<0.5>"))
    codes, scales = case.quantized(*((-1, 1) if form == "ternary" else (-8, 7)), np.float16 if case.group else np.float32)
    packed = (case.repeat(codes).T & (2 ** FORMS[form][2] - 1)).astype(np.uint8)
    text = _text(case, form, lhs, literal(packed), literal(case.repeat(scales).T))
    inputs = {"a": narrow(case.lhs) if lhs == "bf16" else case.lhs}
    if lhs == "codes":
        steps = (np.abs(case.lhs).max(1, keepdims=True) / 127).astype(np.float32)
        inputs = {"a": np.rint(case.lhs / steps).astype(np.int8), "s": steps}
    num_bytes = count_packed_bytes(text) + scales.nbytes * case.n // len(scales)
    return prepare(text, inputs, 8 * num_bytes / (case.n * case.k), INCLUDES[lhs])
