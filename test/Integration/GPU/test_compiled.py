"""Models compiled for GPUs: in the simulator the bits of the reference, on every machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowbit.models import minilm, sentences
from products import BIN

THREE_MAPS = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>"
MAPS = THREE_MAPS + ", affine_map<(m, n, k) -> (n)>"


def codes_of_codes(m: int, n: int, k: int) -> str:
    """Products of bytes whose sums become codes again, a scale for each column."""
    return f"""
func.func @main(%a: tensor<{m}x{k}xi8> {{lowbit.name = "a"}}, %b: tensor<{n}x{k}xi8> {{lowbit.name = "b"}},
                %s: tensor<{n}xf32> {{lowbit.name = "scale"}}) -> (tensor<{m}x{n}xi8> {{lowbit.name = "y"}}) {{
  %init = tensor.empty() : tensor<{m}x{n}xi8>
  %r = lowbit.contract [{MAPS}]
    lhs(%a <#lowbit.int<8>> : tensor<{m}x{k}xi8>) rhs(%b <#lowbit.int<8>> : tensor<{n}x{k}xi8>)
    outs(%init : tensor<{m}x{n}xi8>) epilogue(%s : tensor<{n}xf32>) {{
  ^bb0(%sum: i32, %scale: f32):
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %0 = arith.sitofp %sum : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    %2 = math.roundeven %1 : f32
    %3 = arith.maximumf %2, %low : f32
    %4 = arith.minimumf %3, %high : f32
    %5 = arith.fptosi %4 : f32 to i8
    lowbit.yield %5 : i8
  }} -> tensor<{m}x{n}xi8>
  return %r : tensor<{m}x{n}xi8>
}}
"""


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_75", "gpu-sim:sm_80", "gpu-sim:sm_100a"])
@pytest.mark.parametrize("size", [(1, 8, 16), (17, 33, 65), (64, 32, 128), (70, 130, 200)])
def test_codes_of_codes(tmp_path: Path, target: str, size: tuple[int, int, int]) -> None:
    (tmp_path / "m.mlir").write_text(codes_of_codes(*size))
    m, n, k = size
    generator = np.random.default_rng(sum(size))
    a, b = (generator.integers(-128, 128, shape).astype(np.int8) for shape in ((m, k), (n, k)))
    scale = generator.uniform(1e-4, 2e-3, n).astype(np.float32)
    f = lowbit.load(tmp_path / "m.mlir").compile(target)
    want = np.rint((a.astype(np.int32) @ b.astype(np.int32).T).astype(np.float32) * scale).clip(-128, 127).astype(np.int8)
    for _ in range(2):
        np.testing.assert_array_equal(f(a=a, b=b, scale=scale)["y"], want)


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_75", "gpu-sim:sm_80"])
@pytest.mark.parametrize("size", [(1, 24, 8192), (20, 40, 4096), (100, 8, 4608), (3, 9, 16496)])
def test_split_reductions(tmp_path: Path, target: str, size: tuple[int, int, int]) -> None:
    """Few tiles and a long reduction, even parts and not, with the largest sums: parts are added up in scratch memory, whatever a call finds there."""
    m, n, k = size
    (tmp_path / "m.mlir").write_text(codes_of_codes(*size))
    generator = np.random.default_rng(sum(size))
    a, b = (generator.choice([-128, 127, 0], (rows, k)).astype(np.int8) for rows in (m, n))
    a[0], b[0] = -128, -128
    scale = generator.uniform(1e-6, 2e-5, n).astype(np.float32)
    f = lowbit.load(tmp_path / "m.mlir").compile(target)
    want = np.rint((a.astype(np.int32) @ b.astype(np.int32).T).astype(np.float32) * scale).clip(-128, 127).astype(np.int8)
    for _ in range(2):
        np.testing.assert_array_equal(f(a=a, b=b, scale=scale)["y"], want)


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_75"])
@pytest.mark.parametrize("number", ["binary", "ternary"])
def test_codes_of_their_own_type(tmp_path: Path, target: str, number: str) -> None:
    """Signs are bits where a matrix unit multiplies those; else, as ternary codes, bytes."""
    code = f"!lowbit.code<#lowbit.{number}>"
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%a: tensor<5x100xf32> {{lowbit.name = "a"}}, %b: tensor<7x100xf32> {{lowbit.name = "b"}}) -> (tensor<5x7xi32> {{lowbit.name = "y"}}) {{
  %one = arith.constant dense<1.0> : tensor<f32>
  %p = lowbit.quantize %a, %one <#lowbit.{number}> : (tensor<5x100xf32>, tensor<f32>) -> tensor<5x100x{code}>
  %q = lowbit.quantize %b, %one <#lowbit.{number}> : (tensor<7x100xf32>, tensor<f32>) -> tensor<7x100x{code}>
  %init = tensor.empty() : tensor<5x7xi32>
  %r = lowbit.contract [{THREE_MAPS}]
    lhs(%p <#lowbit.{number}> : tensor<5x100x{code}>) rhs(%q <#lowbit.{number}> : tensor<7x100x{code}>)
    outs(%init : tensor<5x7xi32>) -> tensor<5x7xi32>
  return %r : tensor<5x7xi32>
}}
""")
    generator = np.random.default_rng(0)
    a, b = (generator.normal(size=(rows, 100)).astype(np.float32) for rows in (5, 7))
    digit = np.rint if number == "ternary" else np.sign
    want = (digit(a).clip(-1, 1) @ digit(b).clip(-1, 1).T).astype(np.int32)
    np.testing.assert_array_equal(lowbit.load(tmp_path / "m.mlir").compile(target)(a=a, b=b)["y"], want)


@pytest.mark.parametrize("target", ["gpu-sim", "gpu-sim:sm_75", "gpu-sim:sm_80"])
@pytest.mark.parametrize("heads", [1, 3, 12])
def test_attention_of_codes(tmp_path: Path, target: str, heads: int) -> None:
    """Scores of queries and keys, and values by unsigned codes, of heads as tokens have them: sums to the bit."""
    tokens, depth = 21, 24
    axes = "(h, m, n, k)"
    scores = ", ".join(f"affine_map<{axes} -> ({each})>" for each in ("m, h, k", "n, h, k", "h, m, n"))
    values = ", ".join(f"affine_map<{axes} -> ({each})>" for each in ("h, m, k", "k, h, n", "h, m, n"))
    by_token, square, by_head = f"{tokens}x{heads}x{depth}", f"{heads}x{tokens}x{tokens}", f"{heads}x{tokens}x{depth}"
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%q: tensor<{by_token}xi8> {{lowbit.name = "q"}}, %k: tensor<{by_token}xi8> {{lowbit.name = "k"}},
                %p: tensor<{square}xi8> {{lowbit.name = "p"}}, %v: tensor<{by_token}xi8> {{lowbit.name = "v"}})
    -> (tensor<{square}xi32> {{lowbit.name = "scores"}}, tensor<{by_head}xi32> {{lowbit.name = "y"}}) {{
  %0 = tensor.empty() : tensor<{square}xi32>
  %s = lowbit.contract [{scores}]
    lhs(%q <#lowbit.int<8>> : tensor<{by_token}xi8>) rhs(%k <#lowbit.int<8>> : tensor<{by_token}xi8>)
    outs(%0 : tensor<{square}xi32>) -> tensor<{square}xi32>
  %1 = tensor.empty() : tensor<{by_head}xi32>
  %r = lowbit.contract [{values}]
    lhs(%p <#lowbit.uint<8>> : tensor<{square}xi8>) rhs(%v <#lowbit.int<8>> : tensor<{by_token}xi8>)
    outs(%1 : tensor<{by_head}xi32>) -> tensor<{by_head}xi32>
  return %s, %r : tensor<{square}xi32>, tensor<{by_head}xi32>
}}
""")
    generator = np.random.default_rng(heads)
    q, k, v = (generator.integers(-128, 128, (tokens, heads, depth)).astype(np.int8) for _ in range(3))
    p = generator.integers(0, 256, (heads, tokens, tokens)).astype(np.uint8)
    got = lowbit.load(tmp_path / "m.mlir").compile(target)(q=q, k=k, p=p.view(np.int8), v=v)
    wide = [each.astype(np.int32) for each in (q, k, p, v)]
    np.testing.assert_array_equal(got["scores"], np.einsum("mhk,nhk->hmn", wide[0], wide[1]))
    np.testing.assert_array_equal(got["y"], np.einsum("hmk,khn->hmn", wide[2], wide[3]))


@pytest.mark.parametrize("sides", [("m, k", "n, k"), ("m, k", "k, n"), ("k, m", "k, n"), ("k, m", "n, k")])
def test_floats_are_those_of_cpus(tmp_path: Path, sides: tuple[str, str]) -> None:
    """Forward and backward passes multiply f32 by f32, each along either axis: on all targets that choose, one order and one rounding a product."""
    m, n, k = 33, 50, 70
    sizes = {"m": m, "n": n, "k": k}
    shapes = [tuple(sizes[axis] for axis in side.split(", ")) for side in sides]
    a, b = ("x".join(map(str, shape)) + "xf32" for shape in shapes)
    maps = ", ".join(f"affine_map<(m, n, k) -> ({axes})>" for axes in (*sides, "m, n"))
    y = f"{m}x{n}xf32"
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%a: tensor<{a}> {{lowbit.name = "a"}}, %b: tensor<{b}> {{lowbit.name = "b"}}, %c: tensor<{n}xf32> {{lowbit.name = "c"}})
    -> (tensor<{y}> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{y}>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<{y}>) -> tensor<{y}>
  %p = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}}
    ins(%a, %b : tensor<{a}>, tensor<{b}>) outs(%z : tensor<{y}>) {{
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.mulf %l, %r : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  }} -> tensor<{y}>
  %r = linalg.generic {{indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]}} ins(%p, %c : tensor<{y}>, tensor<{n}xf32>) outs(%e : tensor<{y}>) {{
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.addf %l, %r : f32
    %1 = arith.maximumf %0, %zero : f32
    linalg.yield %1 : f32
  }} -> tensor<{y}>
  return %r : tensor<{y}>
}}
""")
    generator = np.random.default_rng(0)
    arrays = {name: generator.standard_normal(shape).astype(np.float32) for name, shape in zip("abc", (*shapes, (n,)))}
    model = lowbit.load(tmp_path / "m.mlir")
    want = model.compile("generic")(**arrays)["y"]
    for target in ("host", "gpu-sim", "gpu-sim:sm_75"):
        np.testing.assert_array_equal(model.compile(target)(**arrays)["y"], want)
    # Of the reference every product is rounded before it is added.
    np.testing.assert_allclose(model.compile("reference")(**arrays)["y"], want, atol=1e-5)


def test_a_library_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text(codes_of_codes(4, 8, 16))
    with pytest.raises(lowbit.Error, match="runs kernels inside this process only; choose a GPU's, such as `nvptx:sm_90a`"):
        lowbit.load(tmp_path / "m.mlir").export(tmp_path / "m.so", "gpu-sim")


@pytest.mark.parametrize("count", [1, 2])
def test_minilm(count: int, tmp_path: Path) -> None:
    """A whole model of `count` sentences: in every bit what loops in the order of the kernels compute. What is done before floats have an order
    changes no bit of the reference; order and precision of floats are all that is left, and that all results agree in.
    """
    (tmp_path / "minilm.onnx").write_bytes(minilm.build_minilm(count, 16).SerializeToString())
    ids, mask = (sentences.tokenize(sentences.calibration_sentences()[:6], 16, count)[name] for name in ("ids", "mask"))
    batches = [{"ids": ids[i], "mask": mask[i]} for i in range(len(ids))]
    calibrating, calls = batches[: 4 // count], batches[4 // count :]
    model = lowbit.load(tmp_path / "minilm.onnx")
    quantized = model.quantize("w8a8", model.calibrate(calibrating, recipe="w8a8", progress=False))

    quantized.save(tmp_path / "q.mlir")
    options = "--lowbit-form-kernel-ops=target=nvptx:sm_90a floats=0"
    subprocess.run([BIN / "quant-opt", tmp_path / "q.mlir", options, "--emit-bytecode", "-o", tmp_path / "ops.mlir"], check=True)
    functions = {target: quantized.compile(target) for target in ("gpu-sim", "reference:sm_90a", "reference")}
    functions["ops"] = lowbit.load(tmp_path / "ops.mlir").compile("reference")
    if count == 1:
        functions["host"] = quantized.compile("host")
    for call in calls:
        results = {target: f(**call)["emb"] for target, f in functions.items()}
        assert results["gpu-sim"].tobytes() == results["reference:sm_90a"].tobytes()
        assert results["ops"].tobytes() == results["reference"].tobytes()
        for found in results.values():
            np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
            assert float((found * results["reference"]).sum(-1).min()) > 0.999


# Rows, columns and depth, and which side lies across the reduction: one token's row, a classifier's few columns, tails, one product alone.
FEW = [
    (1, 100, 36, ""),
    (1, 130, 65, "rhs"),
    (7, 64, 1, "lhs rhs"),
    (15, 70, 132, "lhs"),
    (66, 2, 50, ""),
    (129, 10, 33, "rhs"),
    (64, 15, 7, "lhs"),
]


def product_of_floats(index: int, m: int, n: int, k: int, across: str) -> tuple[str, str]:
    """Arguments and body of max(a b + c, 0), the result being %y<index>."""
    a, b = (f"{k}x{m}" if "lhs" in across else f"{m}x{k}"), (f"{k}x{n}" if "rhs" in across else f"{n}x{k}")
    places = ("k, i" if "lhs" in across else "i, k", "k, j" if "rhs" in across else "j, k", "i, j")
    maps = ", ".join(f"affine_map<(i, j, k) -> ({place})>" for place in places)
    arguments = ", ".join(
        f'%{name}{index}: tensor<{shape}xf32> {{lowbit.name = "{name}{index}"}}' for name, shape in (("a", a), ("b", b), ("c", n))
    )
    result = f"tensor<{m}x{n}xf32>"
    body = f"""
  %e{index} = tensor.empty() : {result}
  %z{index} = linalg.fill ins(%zero : f32) outs(%e{index} : {result}) -> {result}
  %p{index} = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a{index}, %b{index} : tensor<{a}xf32>, tensor<{b}xf32>) outs(%z{index} : {result}) {{
  ^bb0(%x: f32, %w: f32, %o: f32):
    %0 = arith.mulf %x, %w : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  }} -> {result}
  %y{index} = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                               iterator_types = ["parallel", "parallel"]}}
      ins(%p{index}, %c{index} : {result}, tensor<{n}xf32>) outs(%e{index} : {result}) {{
  ^bb0(%s: f32, %bias: f32, %o: f32):
    %0 = arith.addf %s, %bias : f32
    %1 = arith.maximumf %0, %zero : f32
    linalg.yield %1 : f32
  }} -> {result}"""
    return arguments, body


def test_floats_of_few_rows(tmp_path: Path) -> None:
    """Kernels by tiles and not loops; the sums of the target that orders them alike, to the last bit."""
    parts = [product_of_floats(index, *case) for index, case in enumerate(FEW)]
    kinds = [f"tensor<{m}x{n}xf32>" for m, n, _, _ in FEW]
    named = ", ".join(f'{kind} {{lowbit.name = "y{index}"}}' for index, kind in enumerate(kinds))
    (tmp_path / "m.mlir").write_text(f"""
func.func @main({", ".join(arguments for arguments, _ in parts)}) -> ({named}) {{
  %zero = arith.constant 0.0 : f32
{"".join(body for _, body in parts)}
  return {", ".join(f"%y{index}" for index in range(len(FEW)))} : {", ".join(kinds)}
}}""")
    generator = np.random.default_rng(0)
    arrays, want = {}, {}
    for index, (m, n, k, across) in enumerate(FEW):
        a = generator.normal(size=(k, m) if "lhs" in across else (m, k)).astype(np.float32)
        b = generator.normal(size=(k, n) if "rhs" in across else (n, k)).astype(np.float32)
        c = generator.normal(size=n).astype(np.float32)
        arrays |= {f"a{index}": a, f"b{index}": b, f"c{index}": c}
        left, right = (a.T if "lhs" in across else a), (b if "rhs" in across else b.T)
        want[f"y{index}"] = np.maximum(left.astype(np.float64) @ right + c, 0)
    model = lowbit.load(tmp_path / "m.mlir")
    found = {target: model.compile(target)(**arrays) for target in ("gpu-sim", "gpu-sim:sm_75", "reference:sm_90a")}
    for name, exact in want.items():
        np.testing.assert_allclose(found["gpu-sim"][name], exact, rtol=1e-4, atol=1e-5)
        for target in ("gpu-sim:sm_75", "reference:sm_90a"):
            np.testing.assert_array_equal(found[target][name], found["gpu-sim"][name], f"{target}: {name}")
