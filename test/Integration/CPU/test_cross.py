"""Run twins of integer contractions on processors that this machine only emulates: C programs, linked statically, give the bits of numpy's integers."""

from __future__ import annotations

import shutil
from pathlib import Path

import lowbit
import pytest
from c_program import build, call, write_program
from test_contract import SWEEPS, write_sweep

EMULATORS = {
    "aarch64+neon": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "cortex-a53"]),
    "aarch64+dotprod": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "neoverse-n1"]),
    "aarch64+i8mm": ("aarch64-linux-gnu", ["qemu-aarch64", "-cpu", "max"]),
    "riscv64+v": ("riscv64-linux-gnu", ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128"]),
}


@pytest.mark.parametrize("target", EMULATORS)
@pytest.mark.parametrize("name", SWEEPS)
def test_bits(tmp_path: Path, target: str, name: str) -> None:
    triple, emulator = EMULATORS[target]
    if not shutil.which(emulator[0]):
        pytest.skip(f"no {emulator[0]}: install qemu-user")
    if not Path(f"/usr/{triple}/lib/libc.a").exists():
        pytest.skip(f"no C library for {triple}: install libc6-dev-*-cross")
    inputs, expected = write_sweep(name, tmp_path)
    module = lowbit.load(tmp_path / "m.mlir")
    module.export(tmp_path / "k.o", target=target, header=tmp_path / "k.h")
    write_program(tmp_path, "k.h", "k_main", module)
    compiler = ["clang-22", f"--target={triple}", "-fuse-ld=lld", "-static", "-std=c99"]
    build(tmp_path, "main.c", "k.o", "-lm", "-o", "program", compiler=compiler)
    results = call(tmp_path, [*emulator, "./program"], module, inputs)
    assert not [result for result, array in expected.items() if results[result] != array.tobytes()]
