"""Ops over the same rows, as models: IR, inputs, and what numpy says the result is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FAST = "fastmath<reassoc,nsz,arcp,contract>"


@dataclass
class Model:
    """A function, its inputs by name, and its result in f64."""

    text: str
    inputs: dict[str, np.ndarray]
    want: np.ndarray


def round_to_bf16(x: np.ndarray) -> np.ndarray:
    """The nearest numbers with seven bits behind the first, as f32."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def attention(rng: np.random.Generator, heads: int, rows: int, keys: int, width: int, half: str, are_halves: bool = False) -> Model:
    """softmax(q k^T / sqrt(width) + mask) v of halves: scores, weights and results in f32 but for the weights that meet v. are_halves: the
    inputs are f16 themselves.
    """
    narrow: Callable[[np.ndarray], np.ndarray] = round_to_bf16 if half == "bf16" else lambda x: x.astype(np.float16).astype(np.float32)
    q, k, v = (rng.normal(size=(heads, size, width)).astype(np.float32) for size in (rows, keys, keys))
    mask = np.where(rng.random(keys) < 0.8, 0, -1e4).astype(np.float32)
    mask[0] = 0
    scale = np.float32(width**-0.5)
    scores = (narrow(q).astype(np.float64) @ narrow(k).astype(np.float64).transpose(0, 2, 1)) * scale + mask
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = narrow((weights / weights.sum(-1, keepdims=True)).astype(np.float32)).astype(np.float64)
    want = weights @ narrow(v).astype(np.float64)
    h, m, n, d = heads, rows, keys, width

    def matrix(name: str, size: int) -> str:
        if are_halves:
            return ""
        return f"""  %{name}_e = tensor.empty() : tensor<{h}x{size}x{d}x{half}>
  %{name}h = linalg.generic {{indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%{name} : tensor<{h}x{size}x{d}xf32>) outs(%{name}_e : tensor<{h}x{size}x{d}x{half}>) {{
  ^bb0(%x: f32, %o: {half}):
    %0 = arith.truncf %x : f32 to {half}
    linalg.yield %0 : {half}
  }} -> tensor<{h}x{size}x{d}x{half}>
"""

    given = half if are_halves else "f32"
    text = f"""#all = affine_map<(h, i, j) -> (h, i, j)>
#row = affine_map<(h, i, j) -> (h, i)>
#column = affine_map<(h, i, j) -> (j)>
#q = affine_map<(h, i, j, k) -> (h, i, k)>
#k = affine_map<(h, i, j, k) -> (h, j, k)>
#v = affine_map<(h, i, j, k) -> (h, k, j)>
#r = affine_map<(h, i, j, k) -> (h, i, j)>
func.func @main(%q: tensor<{h}x{m}x{d}x{given}> {{lowbit.name = "q"}}, %k: tensor<{h}x{n}x{d}x{given}> {{lowbit.name = "k"}},
                %v: tensor<{h}x{n}x{d}x{given}> {{lowbit.name = "v"}}, %mask: tensor<{n}xf32> {{lowbit.name = "mask"}})
    -> (tensor<{h}x{m}x{d}xf32> {{lowbit.name = "y"}}) {{
{matrix("q", m)}{matrix("k", n)}{matrix("v", n)}  %zero = arith.constant 0.0 : f32
  %scale = arith.constant {scale:.9e} : f32
  %s_e = tensor.empty() : tensor<{h}x{m}x{n}xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<{h}x{m}x{n}xf32>) -> tensor<{h}x{m}x{n}xf32>
  %s = linalg.generic {{indexing_maps = [#q, #k, #r], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%qh, %kh : tensor<{h}x{m}x{d}x{half}>, tensor<{h}x{n}x{d}x{half}>) outs(%s_0 : tensor<{h}x{m}x{n}xf32>) {{
  ^bb0(%x: {half}, %y: {half}, %o: f32):
    %0 = arith.extf %x : {half} to f32
    %1 = arith.extf %y : {half} to f32
    %2 = arith.mulf %0, %1 {FAST} : f32
    %3 = arith.addf %o, %2 {FAST} : f32
    linalg.yield %3 : f32
  }} -> tensor<{h}x{m}x{n}xf32>
  %masked = linalg.generic {{indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%s, %mask : tensor<{h}x{m}x{n}xf32>, tensor<{n}xf32>) outs(%s_e : tensor<{h}x{m}x{n}xf32>) {{
  ^bb0(%x: f32, %y: f32, %o: f32):
    %0 = arith.mulf %x, %scale {FAST} : f32
    %1 = arith.addf %0, %y {FAST} : f32
    linalg.yield %1 : f32
  }} -> tensor<{h}x{m}x{n}xf32>
  %w = linalg.softmax dimension(2) ins(%masked : tensor<{h}x{m}x{n}xf32>) outs(%s_e : tensor<{h}x{m}x{n}xf32>) -> tensor<{h}x{m}x{n}xf32>
  %w_e = tensor.empty() : tensor<{h}x{m}x{n}x{half}>
  %wh = linalg.generic {{indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%w : tensor<{h}x{m}x{n}xf32>) outs(%w_e : tensor<{h}x{m}x{n}x{half}>) {{
  ^bb0(%x: f32, %o: {half}):
    %0 = arith.truncf %x : f32 to {half}
    linalg.yield %0 : {half}
  }} -> tensor<{h}x{m}x{n}x{half}>
  %y_e = tensor.empty() : tensor<{h}x{m}x{d}xf32>
  %y_0 = linalg.fill ins(%zero : f32) outs(%y_e : tensor<{h}x{m}x{d}xf32>) -> tensor<{h}x{m}x{d}xf32>
  %y = linalg.generic {{indexing_maps = [#q, #v, #r], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%wh, %vh : tensor<{h}x{m}x{n}x{half}>, tensor<{h}x{n}x{d}x{half}>) outs(%y_0 : tensor<{h}x{m}x{d}xf32>) {{
  ^bb0(%x: {half}, %z: {half}, %o: f32):
    %0 = arith.extf %x : {half} to f32
    %1 = arith.extf %z : {half} to f32
    %2 = arith.mulf %0, %1 {FAST} : f32
    %3 = arith.addf %o, %2 {FAST} : f32
    linalg.yield %3 : f32
  }} -> tensor<{h}x{m}x{d}xf32>
  return %y : tensor<{h}x{m}x{d}xf32>
}}
"""
    if are_halves:
        text = text.replace("%qh", "%q").replace("%kh", "%k").replace("%vh", "%v")
        q, k, v = (side.astype(np.float16) for side in (q, k, v))
    return Model(text, {"q": q, "k": k, "v": v, "mask": mask}, want)


def norm(rng: np.random.Generator, rows: int, columns: int) -> Model:
    """A layer norm and the mean of all its rows: along rows, then one row after the other."""
    x, gain = rng.normal(2, 3, (rows, columns)).astype(np.float32), rng.uniform(0.5, 2, columns).astype(np.float32)
    wide = x.astype(np.float64)
    centered = wide - wide.mean(1, keepdims=True)
    want = centered / np.sqrt((centered**2).mean(1, keepdims=True) + 1e-5) * gain
    text = f"""#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
func.func @main(%x: tensor<{rows}x{columns}xf32> {{lowbit.name = "x"}}, %gain: tensor<{columns}xf32> {{lowbit.name = "gain"}})
    -> (tensor<{rows}x{columns}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %count = arith.constant {columns}.0 : f32
  %small = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<{rows}x{columns}xf32>
  %s_e = tensor.empty() : tensor<{rows}xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<{rows}xf32>) -> tensor<{rows}xf32>
  %s = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%x : tensor<{rows}x{columns}xf32>) outs(%s_0 : tensor<{rows}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o {FAST} : f32
    linalg.yield %0 : f32
  }} -> tensor<{rows}xf32>
  %c = linalg.generic {{indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %s : tensor<{rows}x{columns}xf32>, tensor<{rows}xf32>) outs(%e : tensor<{rows}x{columns}xf32>) {{
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.divf %m, %count {FAST} : f32
    %1 = arith.subf %a, %0 {FAST} : f32
    linalg.yield %1 : f32
  }} -> tensor<{rows}x{columns}xf32>
  %q = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%c : tensor<{rows}x{columns}xf32>) outs(%s_0 : tensor<{rows}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a {FAST} : f32
    %1 = arith.addf %0, %o {FAST} : f32
    linalg.yield %1 : f32
  }} -> tensor<{rows}xf32>
  %y = linalg.generic {{indexing_maps = [#all, #row, #column, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%c, %q, %gain : tensor<{rows}x{columns}xf32>, tensor<{rows}xf32>, tensor<{columns}xf32>) outs(%e : tensor<{rows}x{columns}xf32>) {{
  ^bb0(%a: f32, %v: f32, %g: f32, %o: f32):
    %0 = arith.divf %v, %count {FAST} : f32
    %1 = arith.addf %0, %small {FAST} : f32
    %2 = math.sqrt %1 {FAST} : f32
    %3 = arith.divf %a, %2 {FAST} : f32
    %4 = arith.mulf %3, %g {FAST} : f32
    linalg.yield %4 : f32
  }} -> tensor<{rows}x{columns}xf32>
  return %y : tensor<{rows}x{columns}xf32>
}}
"""
    return Model(text, {"x": x, "gain": gain}, want)


def pool(rng: np.random.Generator, batches: int, tokens: int, columns: int) -> Model:
    """Sums of tokens, over the length of the sums: one after the other, then along rows."""
    x = rng.normal(0.3, 1, (batches, tokens, columns)).astype(np.float32)
    sums = x.astype(np.float64).sum(1)
    want = sums / np.sqrt((sums**2).sum(1, keepdims=True))
    text = f"""#in = affine_map<(i, k, j) -> (i, k, j)>
#out = affine_map<(i, k, j) -> (i, j)>
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @main(%x: tensor<{batches}x{tokens}x{columns}xf32> {{lowbit.name = "x"}}) -> (tensor<{batches}x{columns}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{batches}x{columns}xf32>
  %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<{batches}x{columns}xf32>) -> tensor<{batches}x{columns}xf32>
  %s = linalg.generic {{indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction", "parallel"]}}
      ins(%x : tensor<{batches}x{tokens}x{columns}xf32>) outs(%0 : tensor<{batches}x{columns}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %o {FAST} : f32
    linalg.yield %t : f32
  }} -> tensor<{batches}x{columns}xf32>
  %l_e = tensor.empty() : tensor<{batches}xf32>
  %l_0 = linalg.fill ins(%zero : f32) outs(%l_e : tensor<{batches}xf32>) -> tensor<{batches}xf32>
  %l = linalg.generic {{indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%s : tensor<{batches}x{columns}xf32>) outs(%l_0 : tensor<{batches}xf32>) {{
  ^bb0(%a: f32, %o: f32):
    %p = arith.mulf %a, %a {FAST} : f32
    %t = arith.addf %p, %o {FAST} : f32
    linalg.yield %t : f32
  }} -> tensor<{batches}xf32>
  %y = linalg.generic {{indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%s, %l : tensor<{batches}x{columns}xf32>, tensor<{batches}xf32>) outs(%e : tensor<{batches}x{columns}xf32>) {{
  ^bb0(%a: f32, %q: f32, %o: f32):
    %r = math.sqrt %q {FAST} : f32
    %d = arith.divf %a, %r {FAST} : f32
    linalg.yield %d : f32
  }} -> tensor<{batches}x{columns}xf32>
  return %y : tensor<{batches}x{columns}xf32>
}}
"""
    return Model(text, {"x": x}, want)
