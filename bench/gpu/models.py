"""Functions as the compiler takes them, one for each case. Weights are arguments, [N, K], so that libraries stay small."""

from __future__ import annotations

from bench.gpu.cases import E2M1, FLOATS, NF4, Case

MAPS = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>"
BY_COLUMN = "affine_map<(m, n, k) -> (n)>"
STEP = 0.05  # of the codes that an epilogue makes
GROUP = 128  # weights in a row that share a scale


def _function(case: Case, arguments: str, result: str, body: str) -> str:
    return f"""func.func @{case.name}({arguments}) -> ({result} {{lowbit.name = "y"}}) {{
  %init = tensor.empty() : {result}
{body}
  return %r : {result}
}}
"""


def _attributes(case: Case, *words: str) -> str:
    """Of the product."""
    words += (f'lowbit.plan = "{case.plan}"',) if case.plan else ()
    return f"{{{', '.join(words)}}} " if words else ""


def _sides(case: Case, lhs: str = "#lowbit.int<8>", rhs: str = "#lowbit.int<8>") -> str:
    m, n, k = case.m, case.n, case.k
    return f"lhs(%a <{lhs}> : tensor<{m}x{k}xi8>)\n    rhs(%b <{rhs}> : tensor<{n}x{k}xi8>)"


def _codes(case: Case, unsigned: bool = False) -> str:
    refined = ", lowbit.type = ui8" if unsigned else ""
    return f'%a: tensor<{case.m}x{case.k}xi8> {{lowbit.name = "a"{refined}}}, %b: tensor<{case.n}x{case.k}xi8> {{lowbit.name = "b"}}'


def s8(case: Case, lhs: str = "#lowbit.int<8>") -> str:
    """Sums of products of bytes."""
    result = f"tensor<{case.m}x{case.n}xi32>"
    body = f"  %r = lowbit.contract [{MAPS}]\n    {_sides(case, lhs)}\n    outs(%init : {result}) {_attributes(case)}-> {result}"
    return _function(case, _codes(case, "uint" in lhs), result, body)


def u8(case: Case) -> str:
    """The same with unsigned activations."""
    return s8(case, "#lowbit.uint<8>")


def batched(case: Case) -> str:
    """Sums of products of bytes, for each head."""
    b, m, n, k = case.batches, case.m, case.n, case.k
    maps = ", ".join(f"affine_map<(b, m, n, k) -> ({axes})>" for axes in ("b, m, k", "b, n, k", "b, m, n"))
    left, right, result = f"tensor<{b}x{m}x{k}xi8>", f"tensor<{b}x{n}x{k}xi8>", f"tensor<{b}x{m}x{n}xi32>"
    body = f"""  %r = lowbit.contract [{maps}] lhs(%a <#lowbit.int<8>> : {left}) rhs(%b <#lowbit.int<8>> : {right})
    outs(%init : {result}) {_attributes(case)}-> {result}"""
    return _function(case, f'%a: {left} {{lowbit.name = "a"}}, %b: {right} {{lowbit.name = "b"}}', result, body)


def f32(case: Case) -> str:
    """Sums of products of f32; the kind says which axis of a side comes first."""
    sizes = {"m": case.m, "n": case.n, "k": case.k}
    axes = {"nt": ("mk", "nk"), "nn": ("mk", "kn"), "tn": ("km", "kn")}[case.kind.removeprefix("f32_")]
    left, right, result = ("tensor<" + "".join(f"{sizes[axis]}x" for axis in side) + "f32>" for side in (*axes, "mn"))
    maps = ", ".join(f"affine_map<(m, n, k) -> ({side[0]}, {side[1]})>" for side in (*axes, "mn"))
    body = f"""  %zero = arith.constant 0.0 : f32
  %zeros = linalg.fill ins(%zero : f32) outs(%init : {result}) -> {result}
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%a, %b : {left}, {right}) outs(%zeros : {result}) {f"attrs = {_attributes(case)}" if case.plan else ""}{{
  ^bb0(%l: f32, %s: f32, %sum: f32):
    %0 = arith.mulf %l, %s : f32
    %1 = arith.addf %sum, %0 : f32
    linalg.yield %1 : f32
  }} -> {result}"""
    return _function(case, f'%a: {left} {{lowbit.name = "a"}}, %b: {right} {{lowbit.name = "b"}}', result, body)


def requantize(case: Case) -> str:
    """y = clamp(round((sum * scale of the column + bias of the column) / step)), codes."""
    result, columns = f"tensor<{case.m}x{case.n}xi8>", f"tensor<{case.n}xf32>"
    body = f"""  %r = lowbit.contract [{MAPS}, {BY_COLUMN}, {BY_COLUMN}]
    {_sides(case)}
    outs(%init : {result}) epilogue(%scale, %bias : {columns}, {columns}) {{
  ^bb0(%sum: i32, %s: f32, %b0: f32):
    %step = arith.constant {STEP} : f32
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %0 = arith.sitofp %sum : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = arith.addf %1, %b0 : f32
    %3 = arith.divf %2, %step : f32
    %4 = math.roundeven %3 : f32
    %5 = arith.maximumf %4, %low : f32
    %6 = arith.minimumf %5, %high : f32
    %7 = arith.fptosi %6 : f32 to i8
    lowbit.yield %7 : i8
  }} {_attributes(case)}-> {result}"""
    arguments = f'{_codes(case)}, %scale: {columns} {{lowbit.name = "scale"}}, %bias: {columns} {{lowbit.name = "bias"}}'
    return _function(case, arguments, result, body)


def dequantize(case: Case) -> str:
    """y = f16((sum * scale of the row) * scale of the column): dynamic activations, per token."""
    result, m, n, k = f"tensor<{case.m}x{case.n}xf16>", case.m, case.n, case.k
    body = f"""  %r = lowbit.contract [{MAPS}]
    lhs(%a scales %rows <#lowbit.int<8>, block = [1, 0]> : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>)
    rhs(%b scales %columns <#lowbit.int<8>, block = [1, 0]> : tensor<{n}x{k}xi8>, tensor<{n}x1xf32>)
    outs(%init : {result}) {_attributes(case)}-> {result}"""
    arguments = (
        f'{_codes(case)}, %rows: tensor<{m}x1xf32> {{lowbit.name = "rows"}}, %columns: tensor<{n}x1xf32> {{lowbit.name = "columns"}}'
    )
    return _function(case, arguments, result, body)


def binary(case: Case) -> str:
    """Products of signs, of which a byte holds eight, from counts of bits: 4 * both - 2 * (those of the row + those of the column) + K."""
    m, n, k = case.m, case.n, case.k
    a, b, result = f"tensor<{m}x{k // 8}xi8>", f"tensor<{n}x{k // 8}xi8>", f"tensor<{m}x{n}xi32>"
    rows, columns = f"tensor<{m}x1xi32>", f"tensor<1x{n}xi32>"
    body = f"""  %r = lowbit.matmul lhs(%a : {a}) rhs(%b : {b}) outs(%init : {result}) operands(%rows, %columns : {rows}, {columns}) {{
  ^bb0(%both: i32, %left: i32, %right: i32):
    %two = arith.constant 2 : i32
    %four = arith.constant 4 : i32
    %depth = arith.constant {k} : i32
    %0 = arith.muli %both, %four : i32
    %1 = arith.addi %left, %right : i32
    %2 = arith.muli %1, %two : i32
    %3 = arith.subi %0, %2 : i32
    %4 = arith.addi %3, %depth : i32
    lowbit.yield %4 : i32
  }} {_attributes(case, "bits")}-> {result}"""
    arguments = f'%a: {a} {{lowbit.name = "a"}}, %b: {b} {{lowbit.name = "b"}}, %rows: {rows}, %columns: {columns}'
    return _function(case, arguments, result, body)


def float8(case: Case) -> str:
    """y = bf16((sum * scale of the row) * scale of the column), of floats of 8 bits with four of exponent."""
    m, n, k = case.m, case.n, case.k
    a, b, result = f"tensor<{m}x{k}xf8E4M3FN>", f"tensor<{n}x{k}xf8E4M3FN>", f"tensor<{m}x{n}xbf16>"
    rows, columns = f"tensor<{m}x1xf32>", f"tensor<{n}x1xf32>"
    body = f"""  %r = lowbit.contract [{MAPS}]
    lhs(%a scales %rows <#lowbit.float<f8E4M3FN>, block = [1, 0]> : {a}, {rows})
    rhs(%b scales %columns <#lowbit.float<f8E4M3FN>, block = [1, 0]> : {b}, {columns})
    outs(%init : {result}) {_attributes(case)}-> {result}"""
    names = {"a": a, "b": b, "rows": rows, "columns": columns}
    return _function(case, ", ".join(f'%{name}: {kind} {{lowbit.name = "{name}"}}' for name, kind in names.items()), result, body)


def _few_bits(
    case: Case,
    width: int,
    group: int,
    lhs: str,
    body: str,
    scales: tuple[str, ...] = (),
    levels: tuple[float, ...] = (),
    group_scale: str = "f16",
) -> str:
    """Weights of few bits in the order of lanes; `scales` are operands of the epilogue, `body` makes `%real` of `%sum` and them, where it is not the same."""
    m, n, k = case.m, case.n, case.k
    tiles, chunk = -(-n // 16), max(group or 128, 256 // width)
    a, b, result = f"tensor<{m}x{k}x{lhs}>", f"tensor<{tiles}x{-(-k // chunk) * chunk * width * 2}xi8>", f"tensor<{m}x{n}xf16>"
    shapes = {"rows": f"tensor<{m}x1xf32>", "columns": f"tensor<1x{n}xf32>", "tensor": "tensor<1x1xf32>"}
    arguments = [f'%a: {a} {{lowbit.name = "a"}}', f'%b: {b} {{lowbit.constant, lowbit.name = "b"}}']
    grouped, after = "", f"width {width}" + (f" levels [{', '.join(f'{level:.17e}' for level in levels)}]" if levels else "")
    if group:
        kind = f"tensor<{k // group}x{tiles * 16}x{group_scale}>"
        arguments.append(f'%scales: {kind} {{lowbit.constant, lowbit.name = "scales"}}')
        grouped, after = f"scales(%scales : {kind})", f"{after} group {group}"
    arguments += [f'%{name}: {shapes[name]} {{lowbit.name = "{name}"}}' for name in scales]
    names, types = ", ".join(f"%{name}" for name in scales), ", ".join(shapes[name] for name in scales)
    operands = f"operands({names} : {types})" if scales else ""
    block = ", ".join([f"%sum: {'i32' if lhs == 'i8' and not group else 'f32'}", *(f"%{name}_element: f32" for name in scales)])
    text = f"""  %r = lowbit.grouped_matmul lhs(%a : {a}) rhs(%b : {b}) {grouped} outs(%init : {result}) {operands} {after} {{
  ^bb0({block}):
{body}    %half = arith.truncf {"%real" if body else "%sum"} : f32 to f16
    lowbit.yield %half : f16
  }} -> {result}"""
    return _function(case, ", ".join(arguments), result, text)


BY_ROW_SCALE = "    %real = arith.mulf %sum, %rows_element : f32\n"
BY_COLUMN_SCALE = "    %real = arith.mulf %sum, %columns_element : f32\n"
BY_BOTH_SCALES = """    %float = arith.sitofp %sum : i32 to f32
    %once = arith.mulf %float, %rows_element : f32
    %real = arith.mulf %once, %columns_element : f32
"""


def w4a16(case: Case) -> str:
    """y = f16(sum over groups, in order, of dot * scale): halves by weights of four bits."""
    return _few_bits(case, 4, GROUP, "f16", "")


def w2a16(case: Case) -> str:
    """The same with two bits, in groups of 64."""
    return _few_bits(case, 2, 64, "f16", "")


def w4a8(case: Case) -> str:
    """The same with four bits and codes of a scale for each row."""
    return _few_bits(case, 4, GROUP, "i8", BY_ROW_SCALE, ("rows",))


def ternary(case: Case) -> str:
    """y = f16(sum * scale of the column): halves by -1, 0 and 1."""
    return _few_bits(case, 2, 0, "f16", BY_COLUMN_SCALE, ("columns",))


def ternary_a8(case: Case) -> str:
    """y = f16((sum * scale of the row) * scale of the column): codes by -1, 0 and 1."""
    return _few_bits(case, 2, 0, "i8", BY_BOTH_SCALES, ("rows", "columns"))


def nf4(case: Case) -> str:
    """y = f16(sum over groups of 64, in order, of dot * scale): halves by the levels of NF4."""
    return _few_bits(case, 4, 64, "f16", "", levels=NF4)


def mxfp4(case: Case) -> str:
    """The same by floats of four bits, in groups of 32 whose scales are powers of two."""
    return _few_bits(case, 4, 32, "f16", "", levels=E2M1, group_scale="f8E8M0FNU")


def nvfp4(case: Case) -> str:
    """The same in groups of 16 whose scales are floats of eight bits, and a scale of the tensor."""
    body = "    %real = arith.mulf %sum, %tensor_element : f32\n"
    return _few_bits(case, 4, 16, "f16", body, ("tensor",), E2M1, "f8E4M3FN")


BUILDERS = {
    "binary": binary,
    "s8": s8,
    "u8": u8,
    "batched": batched,
    "long": s8,
    **{floats: f32 for floats in FLOATS},
    "requantize": requantize,
    "dequantize": dequantize,
    "float8": float8,
    "w4a16": w4a16,
    "w2a16": w2a16,
    "w4a8": w4a8,
    "ternary": ternary,
    "ternary_a8": ternary_a8,
    "nf4": nf4,
    "mxfp4": mxfp4,
    "nvfp4": nvfp4,
}
