"""Objects and shared libraries: C programs get the bits that the JIT gives, and nothing is half-written."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest
from c_program import build, call, write_program

LINEAR = """
func.func @main(%x: tensor<5x24xf32> {lowbit.name = "x"}) -> (tensor<5x18xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense<WEIGHT> : tensor<24x18xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<5x18xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<5x18xf32>) -> tensor<5x18xf32>
  %r = linalg.matmul ins(%x, %w : tensor<5x24xf32>, tensor<24x18xf32>) outs(%init : tensor<5x18xf32>) -> tensor<5x18xf32>
  %e = linalg.erf ins(%r : tensor<5x18xf32>) outs(%empty : tensor<5x18xf32>) -> tensor<5x18xf32>
  return %e : tensor<5x18xf32>
}
"""
TWO = """
func.func @first(%x: tensor<4xf32>) -> tensor<4xf32> {
  %empty = tensor.empty() : tensor<4xf32>
  %r = linalg.exp ins(%x : tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
func.func private @hidden(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  return %x : tensor<2x4xf32>
}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %r = call @hidden(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}
"""
ELEMENT_TYPES = ["i1", "i4", "ui4", "i8", "ui8", "i16", "ui16", "i32", "i64", "ui64", "index", "f16", "bf16", "f32", "f64", "f8E4M3FN"]


def linear() -> str:
    weight = np.random.default_rng(3).normal(size=(24, 18)).astype(np.float32)
    return LINEAR.replace("WEIGHT", str(weight.tolist()))


def every_type() -> str:
    """Copies of arrays and numbers of every element type."""
    arguments, results, body, values = [], [], "", []
    for element in ELEMENT_TYPES:
        held = element.replace("u", "") if element.startswith("ui") else element
        refined = f', lowbit.type = {element}' if element.startswith("ui") else ""
        arguments.append(f'%a_{element}: tensor<2x3x{held}> {{lowbit.name = "a.{element}"{refined}}}')
        arguments.append(f'%s_{element}: {held} {{lowbit.name = "s.{element}"{refined}}}')
        for kind, source, shape in (("a", f"tensor<2x3x{held}>", "2x3x"), ("s", held, "5x")):
            body += f"  %e_{kind}_{element} = tensor.empty() : tensor<{shape}{held}>\n"
            op = "copy" if kind == "a" else "fill"
            body += (f"  %r_{kind}_{element} = linalg.{op} ins(%{kind}_{element} : {source}) outs(%e_{kind}_{element} : tensor<{shape}{held}>)"
                     f" -> tensor<{shape}{held}>\n")
            results.append(f'tensor<{shape}{held}> {{lowbit.name = "{kind}.{element}.result"{refined}}}')
            values.append(f"%r_{kind}_{element} : tensor<{shape}{held}>")
    names, types = ", ".join(v.split(" : ")[0] for v in values), ", ".join(v.split(" : ")[1] for v in values)
    return f"func.func @main({', '.join(arguments)}) -> ({', '.join(results)}) {{\n{body}  return {names} : {types}\n}}\n"


def load(tmp_path: Path, text: str) -> lowbit.Module:
    (tmp_path / "m.mlir").write_text(text)
    return lowbit.load(tmp_path / "m.mlir")


def random_inputs(module: lowbit.Module) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(5)
    inputs = {}
    for port in module.inputs:
        if port.dtype == "bool":
            inputs[port.name] = generator.integers(0, 2, port.shape).astype(bool)
        elif port.dtype.startswith("float"):
            inputs[port.name] = np.asarray(generator.normal(size=port.shape), port.dtype)
        else:
            bits = "".join(filter(str.isdigit, port.type.split("x")[-1]))[:2]
            limit = 7 if bits == "4" else 100
            storage = port.dtype.replace("V", "uint") if not port.dtype.startswith("V") else f"uint{8 * int(port.dtype[1:])}"
            inputs[port.name] = np.asarray(generator.integers(0, limit + 1, port.shape), storage)
    return inputs


def compare(tmp_path: Path, module: lowbit.Module, suffix: str, threads: int = 1, target: str = "host") -> None:
    """A C program's results are the JIT's, byte for byte."""
    module.export(tmp_path / f"model{suffix}", target, threads, header=tmp_path / "model.h")
    write_program(tmp_path, "model.h", "model_main", module)
    flags = ["-fopenmp", "-Wl,-rpath,/usr/lib/llvm-22/lib:$ORIGIN"] if threads > 1 else ["-Wl,-rpath,$ORIGIN"]
    build(tmp_path, "main.c", f"./model{suffix}", "-lm", "-o", "program", *flags)
    inputs = random_inputs(module)
    expected = module.compile(target, threads)(**inputs)
    results = call(tmp_path, ["./program"], module, inputs)
    assert results == {name: np.ascontiguousarray(array).tobytes() for name, array in expected.items()}


@pytest.mark.parametrize("suffix", [".o", ".so"])
@pytest.mark.parametrize("recipe", ["", "w8a8-dynamic"])
def test_c_program_gets_the_bits_of_the_jit(tmp_path: Path, recipe: str, suffix: str) -> None:
    module = load(tmp_path, linear())
    compare(tmp_path, module.quantize(recipe) if recipe else module, suffix)


@pytest.mark.parametrize("target", ["reference", "generic"])
def test_code_for_any_processor(tmp_path: Path, target: str) -> None:
    """What the JIT makes for this processor and an object for every one has the same results."""
    compare(tmp_path, load(tmp_path, linear()).quantize("w8a8-dynamic"), ".o", target=target)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
@pytest.mark.parametrize("suffix", [".o", ".so"])
def test_threads_come_from_openmp(tmp_path: Path, suffix: str) -> None:
    compare(tmp_path, load(tmp_path, linear()).quantize("w8a8-dynamic"), suffix, threads=2)


def test_every_element_type(tmp_path: Path) -> None:
    compare(tmp_path, load(tmp_path, every_type()), ".o")


def test_exactly_the_public_functions_are_exported(tmp_path: Path) -> None:
    load(tmp_path, TWO).export(tmp_path / "9-lives.o", header=tmp_path / "lives.h")
    symbols = subprocess.run(["/usr/lib/llvm-22/bin/llvm-nm", "--extern-only", "--defined-only", tmp_path / "9-lives.o"], capture_output=True, text=True, check=True)
    assert sorted(line.split()[-1] for line in symbols.stdout.splitlines()) == ["x9_lives_first", "x9_lives_main"]
    (tmp_path / "use.cpp").write_text('#include "lives.h"\nint main() { float x[4] = {}, y[4]; x9_lives_first(x, y); return y[0] != 1; }\n')
    build(tmp_path, "use.cpp", "9-lives.o", "-lm", "-o", "use", compiler=["clang++-22", "-std=c++11"])
    subprocess.run([tmp_path / "use"], check=True)


def test_names_that_c_cannot_say(tmp_path: Path) -> None:
    """Keywords, other alphabets, clashes, and the end of a comment: the header still compiles, and says what was meant."""
    text = """func.func @main(%a: tensor<2xf32> {lowbit.name = "int"}, %b: tensor<2xf32> {lowbit.name = "größe */ x"}, %c: tensor<2xf32> {lowbit.name = "y"})
        -> (tensor<2xf32> {lowbit.name = "y"}) {
      %e = tensor.empty() : tensor<2xf32>
      %r = linalg.add ins(%a, %b : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
      return %r : tensor<2xf32>
    }"""
    load(tmp_path, text).export(tmp_path / "m.o", header=tmp_path / "m.h")
    header = (tmp_path / "m.h").read_text()
    assert "const float *M_RESTRICT int_, " in header and "float *M_RESTRICT y_2)" in header
    (tmp_path / "use.c").write_text('#include "m.h"\nint main(void) { return 0; }\n')
    build(tmp_path, "use.c", "-o", "use")


def failure(module: lowbit.Module, path: Path, **options: object) -> str:
    with pytest.raises(lowbit.Error) as info:
        module.export(path, **options)
    return str(info.value)


def test_refusals(tmp_path: Path) -> None:
    module = load(tmp_path, linear())
    assert "has suffix `.obj`; expected `.o` or `.so`" in failure(module, tmp_path / "m.obj")
    assert "has suffix `.txt`; expected `.h`" in failure(module, tmp_path / "m.o", header=tmp_path / "m.txt")
    assert f"folder `{tmp_path / 'none'}` does not exist" in failure(module, tmp_path / "none/m.o")
    assert f"folder `{tmp_path / 'none'}` does not exist" in failure(module, tmp_path / "m.o", header=tmp_path / "none/m.h")
    assert "unknown target `pdp-11`; expected `host`, " in failure(module, tmp_path / "m.o", target="pdp-11")
    assert "more threads than cores: 4096 threads" in failure(module, tmp_path / "m.o", threads=4096)
    (tmp_path / "folder.o").mkdir()
    assert "is a folder" in failure(module, tmp_path / "folder.o")
    (tmp_path / "m.mlir").write_text("module {}")
    assert "no public function with a body" in failure(lowbit.load(tmp_path / "m.mlir", entry=None), tmp_path / "m.o")
    dynamic = "func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {\n  return %x : tensor<?xf32>\n}\n"
    message = failure(load(tmp_path, dynamic), tmp_path / "m.o")
    assert "m.mlir:1:1: function `main`: `arg0` has shape [?]" in message
    clash = TWO.replace("@first", '@"ma.in"').replace("@main", '@"ma_in"')
    (tmp_path / "m.mlir").write_text(clash)
    message = failure(lowbit.load(tmp_path / "m.mlir", entry=None), tmp_path / "m.o")
    assert "m.mlir:10:1: functions `ma.in` and `ma_in` are both `m_ma_in` in C; rename one" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.o", "m.mlir"]


def test_a_call_that_nothing_defines(tmp_path: Path) -> None:
    text = "func.func private @mystery(i32)\nfunc.func @main(%x: i32) {\n  call @mystery(%x) : (i32) -> ()\n  return\n}\n"
    assert "calls `mystery`, which the C library does not have" in failure(load(tmp_path, text), tmp_path / "m.o")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that even root cannot write to")
def test_all_or_nothing(tmp_path: Path) -> None:
    """A header that cannot be written leaves the object as it was."""
    module = load(tmp_path, linear())
    (tmp_path / "m.o").write_bytes(b"old")
    assert "/proc/m.h" in failure(module, tmp_path / "m.o", header="/proc/m.h")
    assert (tmp_path / "m.o").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.mlir", "m.o"]


def test_no_linker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no linker for x86_64" in failure(load(tmp_path, linear()), tmp_path / "m.so")


def test_the_documented_example(tmp_path: Path) -> None:
    """docs/embedding.md, as a reader would follow it."""
    page = (Path(__file__).parents[2] / "docs/embedding.md").read_text()
    blocks = {kind: text for kind, text in re.findall(r"```(mlir|c|text)\n(.*?)```", page, re.DOTALL)}
    (tmp_path / "main.c").write_text(blocks["c"])
    (tmp_path / "scale.mlir").write_text(blocks["mlir"])
    lowbit.load(tmp_path / "scale.mlir").export(tmp_path / "scale.o", header=tmp_path / "scale.h")
    assert blocks["text"] in (tmp_path / "scale.h").read_text()
    build(tmp_path, "main.c", "scale.o", "-lm", "-o", "scale")
    outcome = subprocess.run([tmp_path / "scale"], capture_output=True, text=True, check=True)
    assert outcome.stdout == "0.5 1 1.5\n2 2.5 3\n"


ROUND = """
func.func @main(%x: tensor<37xf32> {lowbit.name = "x"}) -> (tensor<37xbf16> {lowbit.name = "y"}) {
  %empty = tensor.empty() : tensor<37xbf16>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<37xf32>) outs(%empty : tensor<37xbf16>) {
  ^bb0(%in: f32, %out: bf16):
    %r = arith.truncf %in : f32 to bf16
    linalg.yield %r : bf16
  } -> tensor<37xbf16>
  return %y : tensor<37xbf16>
}
"""


@pytest.mark.parametrize("target", ["reference", "x86-64-avx2", "aarch64+neon"])
def test_bfloat16_needs_no_function_of_a_compiler(tmp_path: Path, target: str) -> None:
    load(tmp_path, ROUND).export(tmp_path / "m.o", target)
    symbols = subprocess.run(["/usr/lib/llvm-22/bin/llvm-nm", "--undefined-only", tmp_path / "m.o"], capture_output=True, text=True, check=True)
    assert symbols.stdout == ""


def test_bfloat16_rounds_half_to_even(tmp_path: Path) -> None:
    """Subnormals, ties, what overflows to infinity; a NaN stays one."""
    bits = np.random.default_rng(11).integers(0, 1 << 32, 37, dtype=np.uint32)
    bits[:9] = [0x00000001, 0x00008000, 0x00018000, 0x3F808000, 0x3F818000, 0x3F80FFFF, 0x7F7FFFFF, 0xFF800000, 0x7F800001]
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    nan = (bits & 0x7FFFFFFF) > 0x7F800000
    results = load(tmp_path, ROUND).compile()(x=bits.view(np.float32))["y"].view(np.uint16)
    np.testing.assert_array_equal(results[~nan], rounded[~nan])
    assert ((results[nan] & 0x7FFF) > 0x7F80).all()
