"""Run twins of integer contractions on processors that this machine only emulates: C programs, linked statically, give the bits of numpy's integers."""

from __future__ import annotations

import shutil
from pathlib import Path

import lowbit
import numpy as np
import pytest
from c_program import build, call, write_program
from sweeps import TARGETS, Sweep, draw_parts, write_sweep
from test_binary_convolution import write_chain
from test_contract import SWEEPS, write_case

EMULATORS = {
    "aarch64+neon": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "cortex-a53"]),
    "aarch64+dotprod": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "neoverse-n1"]),
    "aarch64+i8mm": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "max"]),
    "riscv64+v": ("riscv64-linux-gnu", ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128"]),
}


def emulate(folder: Path, emulator: list[str], module: lowbit.Module, inputs: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The outputs' bytes. Debian 12's qemu-riscv64 ends with an assertion of its own where some vector instructions cross a page."""
    try:
        return call(folder, [*emulator, "./program"], module, inputs)
    except AssertionError as failure:
        if "decode_save_opc: Assertion" in str(failure):
            pytest.skip("the emulator failed in its translator")
        raise


def get_tools(target: str) -> tuple[list[str], list[str]]:
    """Compiler and emulator of a target; the test is skipped where one is not there."""
    triple, emulator = EMULATORS[target]
    if not shutil.which(emulator[0]):
        pytest.skip(f"no {emulator[0]}: install qemu-user")
    if not Path(f"/usr/{triple}/lib/libc.a").exists():
        pytest.skip(f"no C library for {triple}: install libc6-dev-*-cross")
    return ["clang-22", f"--target={triple}", "-fuse-ld=lld", "-static", "-std=c99"], emulator


LAYER = """
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
func.func @main(%x: tensor<9x24xf32> {lowbit.name = "x"}) -> (tensor<9x24xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %up = arith.constant dense<UP> : tensor<24x40xf32>
  %down = arith.constant dense<DOWN> : tensor<40x24xf32>
  %wide = tensor.empty() : tensor<9x40xf32>
  %narrow = tensor.empty() : tensor<9x24xf32>
  %one = tensor.empty() : tensor<9xf32>
  %init = linalg.fill ins(%zero : f32) outs(%wide : tensor<9x40xf32>) -> tensor<9x40xf32>
  %u = linalg.matmul ins(%x, %up : tensor<9x24xf32>, tensor<24x40xf32>) outs(%init : tensor<9x40xf32>) -> tensor<9x40xf32> loc("up")
  %g = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%u : tensor<9x40xf32>) outs(%wide : tensor<9x40xf32>) {
  ^bb0(%in: f32, %out: f32):
    %half = arith.constant 0.5 : f32
    %unit = arith.constant 1.0 : f32
    %root = arith.constant 0.707106769 : f32
    %a = arith.mulf %in, %root : f32
    %b = math.erf %a : f32
    %c = arith.addf %b, %unit : f32
    %d = arith.mulf %in, %half : f32
    %e = arith.mulf %c, %d : f32
    linalg.yield %e : f32
  } -> tensor<9x40xf32>
  %init2 = linalg.fill ins(%zero : f32) outs(%narrow : tensor<9x24xf32>) -> tensor<9x24xf32>
  %d = linalg.matmul ins(%g, %down : tensor<9x40xf32>, tensor<40x24xf32>) outs(%init2 : tensor<9x24xf32>) -> tensor<9x24xf32> loc("down")
  %lows = linalg.fill ins(%lowest : f32) outs(%one : tensor<9xf32>) -> tensor<9xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%d : tensor<9x24xf32>) outs(%lows : tensor<9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.maximumf %in, %out : f32
    linalg.yield %r : f32
  } -> tensor<9xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%d, %max : tensor<9x24xf32>, tensor<9xf32>) outs(%narrow : tensor<9x24xf32>) {
  ^bb0(%in: f32, %m: f32, %out: f32):
    %s = arith.subf %in, %m : f32
    %r = math.exp %s : f32
    linalg.yield %r : f32
  } -> tensor<9x24xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%one : tensor<9xf32>) -> tensor<9xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%exp : tensor<9x24xf32>) outs(%zeros : tensor<9xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = arith.addf %in, %out : f32
    linalg.yield %r : f32
  } -> tensor<9xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<9x24xf32>, tensor<9xf32>) outs(%narrow : tensor<9x24xf32>) {
  ^bb0(%in: f32, %s: f32, %out: f32):
    %r = arith.divf %in, %s : f32
    linalg.yield %r : f32
  } -> tensor<9x24xf32>
  return %y : tensor<9x24xf32>
}
"""


def write_layer(folder: Path) -> Path:
    """Two linear layers with GELU between them and a softmax behind."""
    rng = np.random.default_rng(9)
    text = LAYER
    for name, shape in (("UP", (24, 40)), ("DOWN", (40, 24))):
        text = text.replace(name, str((rng.normal(size=shape) / 5).astype(np.float32).tolist()))
    (folder / "m.mlir").write_text(text)
    return folder / "m.mlir"


def write_named(folder: Path, name: str) -> Sweep:
    return write_sweep(folder, draw_parts(name, SWEEPS[name], write_case))


def run_twin(sweep: Sweep, target: str, sources: list[str], compiler: list[str], emulator: list[str]) -> None:
    """Compiles a sweep for `target`, links it into a C program, and compares what that gives."""
    folder = sweep.folder
    module = lowbit.load(folder / "m.mlir")
    module.export(folder / "k.o", target=target, header=folder / "k.h")
    write_program(folder, "k.h", "k_main", module)
    build(folder, "main.c", *sources, "k.o", "-lm", "-o", "program", compiler=compiler)
    results = emulate(folder, emulator, module, {name: array for part in sweep.parts for name, array in part.inputs.items()})
    assert not [f"r{i}" for i, part in enumerate(sweep.parts) if results[f"r{i}"] != part.expected.tobytes()]


@pytest.mark.parametrize("target", EMULATORS)
@pytest.mark.parametrize("name", SWEEPS)
def test_bits(tmp_path: Path, target: str, name: str) -> None:
    compiler, emulator = get_tools(target)
    run_twin(write_named(tmp_path, name), target, [], compiler, emulator)


@pytest.mark.parametrize("target", EMULATORS)
def test_signs(tmp_path: Path, target: str) -> None:
    """Convolutions of signs: words out of comparisons, and population counts."""
    compiler, emulator = get_tools(target)
    run_twin(write_chain(tmp_path, channels=32), target, [], compiler, emulator)


@pytest.mark.parametrize("target", ["aarch64+dotprod", "riscv64+v"])
def test_layer(tmp_path: Path, target: str) -> None:
    """Quantized linear layers with GELU and softmax in float: up to the order of float sums as here."""
    compiler, emulator = get_tools(target)
    module = lowbit.load(write_layer(tmp_path)).quantize("w8a8-dynamic")
    inputs = {"x": np.random.default_rng(1).normal(size=(9, 24)).astype(np.float32)}
    module.export(tmp_path / "k.o", target=target, header=tmp_path / "k.h")
    write_program(tmp_path, "k.h", "k_main", module)
    build(tmp_path, "main.c", "k.o", "-lm", "-o", "program", compiler=compiler)
    result = np.frombuffer(emulate(tmp_path, emulator, module, inputs)["y"], np.float32)
    expected = module.compile("reference")(**inputs)["y"].ravel()
    np.testing.assert_allclose(result, expected, atol=0.02 * np.abs(expected).max())
    assert result @ expected > 0.9999 * np.linalg.norm(result) * np.linalg.norm(expected)


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "generic"])
@pytest.mark.parametrize("name", ["rows", "columns", "depth"])
def test_nothing_is_read_beyond_arrays(tmp_path: Path, target: str, name: str) -> None:
    """Tails of every size at the end of a page, on this processor."""
    run_twin(write_named(tmp_path, name), target, [], ["clang-22", "-std=c99"], [])


@pytest.mark.skipif("x86-64-avx512vnni" not in TARGETS, reason="the code around tiles needs AVX-512")
@pytest.mark.parametrize("name", ["matrix", "extremes", "tiles", "rows"])
def test_tiles(tmp_path: Path, name: str) -> None:
    """AMX, its instructions computed by the program itself where the processor has none."""
    emulator = Path(__file__).parents[2] / "Execution/Inputs/amx_emulator.c"
    run_twin(write_named(tmp_path, name), "x86-64-amx-int8", [str(emulator)], ["clang-22", "-std=gnu99"], [])
