"""Run twins of integer contractions on processors that this machine only emulates: C programs, linked statically, give the bits of numpy's integers."""

from __future__ import annotations

import shutil
from pathlib import Path

import lowbit
import pytest
from c_program import build, call, write_program
from test_contract import SWEEPS, TARGETS, write_sweep

EMULATORS = {
    "aarch64+neon": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "cortex-a53"]),
    "aarch64+dotprod": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "neoverse-n1"]),
    "aarch64+i8mm": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "max"]),
    "riscv64+v": ("riscv64-linux-gnu", ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128"]),
}


def run_twin(folder: Path, target: str, name: str, sources: list[str], compiler: list[str], emulator: list[str]) -> None:
    """Compiles a sweep for `target`, links it into a C program, and compares what that gives."""
    inputs, expected = write_sweep(name, folder)
    module = lowbit.load(folder / "m.mlir")
    module.export(folder / "k.o", target=target, header=folder / "k.h")
    write_program(folder, "k.h", "k_main", module)
    build(folder, "main.c", *sources, "k.o", "-lm", "-o", "program", compiler=compiler)
    results = call(folder, [*emulator, "./program"], module, inputs)
    assert not [result for result, array in expected.items() if results[result] != array.tobytes()]


@pytest.mark.parametrize("target", EMULATORS)
@pytest.mark.parametrize("name", SWEEPS)
def test_bits(tmp_path: Path, target: str, name: str) -> None:
    triple, emulator = EMULATORS[target]
    if not shutil.which(emulator[0]):
        pytest.skip(f"no {emulator[0]}: install qemu-user")
    if not Path(f"/usr/{triple}/lib/libc.a").exists():
        pytest.skip(f"no C library for {triple}: install libc6-dev-*-cross")
    run_twin(tmp_path, target, name, [], ["clang-22", f"--target={triple}", "-fuse-ld=lld", "-static", "-std=c99"], emulator)


@pytest.mark.skipif("x86-64-avx512vnni" not in TARGETS, reason="the code around tiles needs AVX-512")
@pytest.mark.parametrize("name", ["matrix", "extremes", "tiles", "rows"])
def test_tiles(tmp_path: Path, name: str) -> None:
    """AMX, its instructions computed by the program itself where the processor has none."""
    emulator = Path(__file__).parents[2] / "Execution/Inputs/amx_emulator.c"
    run_twin(tmp_path, "x86-64-amx-int8", name, [str(emulator)], ["clang-22", "-std=gnu99"], [])
