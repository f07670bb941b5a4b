"""Convolutions of 8-bit codes and of bits: contractions whose left map adds window to place."""

from __future__ import annotations

import numpy as np

from bench.compare import Prepared
from bench.convolution import ConvCase
from bench.ours import literal, prepare, require_kernel


def convolution(case: ConvCase) -> Prepared:
    """u8 codes to u8 codes, channels last: a contraction whose left map adds window to place."""

    def text(case: ConvCase, kernel: str) -> str:
        before, after = case.pad
        padded = case.size + before + after
        image, wide = f"tensor<{case.size}x{case.size}x{case.channels}xi8>", f"tensor<{padded}x{padded}x{case.channels}xi8>"
        weights = f"tensor<{case.window}x{case.window}x{case.channels}x{case.outputs}xi8>"
        sums, codes = (f"tensor<{case.result_size}x{case.result_size}x{case.outputs}x{element}>" for element in ("f32", "i8"))
        place = [f"{axis} * {case.stride} + {tap}" for axis, tap in (("h", "i"), ("w", "j"))]
        maps = [f"({place[0]}, {place[1]}, c)", "(i, j, c, o)", "(h, w, o)"]
        scheme = "<#lowbit.uint<8>, block = [0, 0, 0]>"
        padding = f"""  %x = tensor.pad %a low[{before}, {before}, 0] high[{after}, {after}, 0] {{
  ^bb0(%h: index, %w: index, %c: index):
    tensor.yield %border : i8
  }} : {image} to {wide}
"""
        return f"""func.func @main(%a: {image} {{lowbit.name = "a"}}) -> ({codes} {{lowbit.name = "out"}}) {{
  %border = arith.constant 0 : i8
  %k = arith.constant {kernel} : {weights}
  %sx = arith.constant dense<1.0> : tensor<1x1x1xf32>
  %sk = arith.constant dense<{case.scale}> : tensor<1x1x1x{case.outputs}xf32>
{padding if padded > case.size else ""}  %init = tensor.empty() : {sums}
  %r = lowbit.contract [{", ".join(f"affine_map<(h, w, o, i, j, c) -> {result}>" for result in maps)}]
    lhs({"%x" if padded > case.size else "%a"} scales %sx {scheme} : {wide}, tensor<1x1x1xf32>)
    rhs(%k scales %sk <#lowbit.int<8>, block = [0, 0, 0, 1]> : {weights}, tensor<1x1x1x{case.outputs}xf32>)
    outs(%init : {sums}) -> {sums}
  %q = lowbit.quantize %r, %sx {scheme} : ({sums}, tensor<1x1x1xf32>) -> {codes}
  return %q : {codes}
}}
"""

    require_kernel(text(ConvCase(8, 16, 16, case.window, case.stride), "dense<1>"))
    prepared = prepare(text(case, literal(case.kernel)), {"a": case.image}, 8, "convolution, requantized")
    signless = prepared.result
    prepared.result = lambda: signless().view(np.uint8)
    return prepared


def binary_convolution(case: ConvCase, image: np.ndarray, codes: np.ndarray, factor: np.ndarray, signs: bool = False) -> Prepared:
    """f32 to f32, channels last: signs taken and packed, borders of +1, sums normalized by a factor a channel. With `signs` those of the result
    are taken and packed again, eight a byte."""

    def text(case: ConvCase, kernel: str, factor: str) -> str:
        before, after = case.pad
        padded = case.size + before + after
        given, wide = (f"tensor<{size}x{size}x{case.channels}" for size in (case.size, padded))
        code = "x!lowbit.code<#lowbit.binary>>"
        weights, out = (
            f"tensor<{case.window}x{case.window}x{case.channels}x{case.outputs}{code}",
            f"tensor<{case.size}x{case.size}x{case.outputs}xf32>",
        )
        threshold, result, returned = "", "%r", out
        if signs:
            packed, returned = out.replace("xf32>", code), f"tensor<1x{case.size}x{case.size}x{case.outputs // 32}xi32>"
            threshold = f"""  %t = lowbit.quantize %r, %one <#lowbit.binary> : ({out}, tensor<f32>) -> {packed}
  %p = lowbit.to_bits %t : {packed} -> {returned} of #lowbit.binary
"""
            result = "%p"
        maps = ["(h + i, w + j, c)", "(i, j, c, o)", "(h, w, o)", "(o)"]
        return f"""func.func @main(%a: {given}xf32> {{lowbit.name = "a"}}) -> ({returned} {{lowbit.name = "out"}}) {{
  %border = arith.constant 1.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %k = arith.constant {kernel} : {weights}
  %f = arith.constant {factor} : tensor<{case.outputs}xf32>
  %x = tensor.pad %a low[{before}, {before}, 0] high[{after}, {after}, 0] {{
  ^bb0(%h: index, %w: index, %c: index):
    tensor.yield %border : f32
  }} : {given}xf32> to {wide}xf32>
  %q = lowbit.quantize %x, %one <#lowbit.binary> : ({wide}xf32>, tensor<f32>) -> {wide}{code}
  %init = tensor.empty() : {out}
  %r = lowbit.contract [{", ".join(f"affine_map<(h, w, o, i, j, c) -> {result}>" for result in maps)}]
    lhs(%q <#lowbit.binary> : {wide}{code}) rhs(%k <#lowbit.binary> : {weights})
    outs(%init : {out}) epilogue(%f : tensor<{case.outputs}xf32>) {{
  ^bb0(%sum: i32, %scale: f32):
    %real = arith.sitofp %sum : i32 to f32
    %scaled = arith.mulf %real, %scale : f32
    lowbit.yield %scaled : f32
  }} -> {out}
{threshold}  return {result} : {returned}
}}
"""

    small = ConvCase(8, 64, 32, case.window)
    require_kernel(text(small, f'dense<"0x{"01" * small.weight_bytes}">', "dense<0.5>"))
    return prepare(text(case, literal(codes), literal(factor)), {"a": image}, 1, "packs, normalizes" + (", packs" if signs else ""))
