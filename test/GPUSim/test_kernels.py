"""Kernels on the simulator: right and clean in every order of threads, for all tails; and every mutant of them is found."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from mutants import check_banks, check_mutants

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/bin"
INPUTS = ROOT / "test/unittests/GPUSim/Inputs"
ORDERS = [("ring", 1), ("reverse", 1), ("random", 1), ("random", 2)]


def make_problem(folder: Path, rows: int, columns: int, depth: int, kind: str = "random") -> None:
    """Writes a.npy [rows, depth], b.npy [columns, depth] and c.npy, a times the transpose of b in 32 bits."""
    generator = np.random.default_rng(rows * 7 + columns * 3 + depth)
    values = [-128, 127] if kind == "extreme" else np.arange(-128, 128)
    a, b = (generator.choice(np.int8(values), (n, depth)) for n in (rows, columns))
    np.save(folder / "a.npy", a)
    np.save(folder / "b.npy", b)
    np.save(folder / "c.npy", a.astype(np.int32) @ b.astype(np.int32).T)


def simulate(module: Path, kernel: str, grid, threads: int, shared: int, arguments, *options: str) -> subprocess.CompletedProcess:
    shape = [f"--kernel={kernel}", f"--grid={','.join(map(str, grid))}", f"--block={threads}", f"--shared={shared}"]
    return subprocess.run([TOOLS / "gpu-sim-run", module, *arguments, *shape, *options], check=False, capture_output=True, text=True)


def check(outcome: subprocess.CompletedProcess) -> None:
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "results are right" in outcome.stdout


def run_written(name: str, folder: Path, rows: int, columns: int, depth: int, *options: str) -> subprocess.CompletedProcess:
    """The kernel of Inputs/matmul.mlir or wgmma.mlir."""
    make_problem(folder, rows, columns, depth)
    a, b, c = (folder / f"{each}.npy" for each in "abc")
    if name == "matmul":
        arguments = [f"in={a}", f"in={b}", f"result={c}", f"i32={columns}", f"i32={depth}"]
        return simulate(INPUTS / "matmul.mlir", "matmul", (columns // 32, rows // 32), 128, 9216, arguments, *options)
    maps = [f"map=0,1,{rows},{depth},{depth},64,32,32", f"map=1,1,{columns},{depth},{depth},16,32,32"]
    arguments = [f"array={a}", f"array={b}", f"result={c}", f"i32={rows}", f"i32={columns}", f"i32={-(-depth // 32)}", *maps]
    grid = (-(-columns // 16), -(-rows // 64))
    return simulate(INPUTS / "wgmma.mlir", "matmul", grid, 128, 9240, arguments, *options)


@pytest.mark.parametrize("order, seed", ORDERS)
@pytest.mark.parametrize(
    "name, shape", [("matmul", (64, 96, 160)), ("matmul", (32, 32, 32)), ("wgmma", (100, 28, 192)), ("wgmma", (1, 2, 16))]
)
def test_written_kernels(tmp_path, name, shape, order, seed):
    check(run_written(name, tmp_path, *shape, f"--order={order}", f"--seed={seed}"))


# Six steps of K in three stages: every buffer is used again.
@pytest.mark.parametrize("name, shape", [("matmul", (64, 64, 160)), ("wgmma", (100, 28, 192))])
def test_mutants_of_written_kernels(tmp_path, name, shape):
    check_mutants(partial(run_written, name, tmp_path, *shape))


class CompiledKernel:
    """What `lowbit-launch-matmuls` makes of a product of bytes, and its launch."""

    def __init__(self, folder: Path, rows: int, columns: int, depth: int, plan: str):
        self.folder, self.rows, self.columns, self.depth = folder, rows, columns, depth
        lhs, rhs, result = f"memref<{rows}x{depth}xi8>", f"memref<{columns}x{depth}xi8>", f"memref<{rows}x{columns}xi32>"
        source = folder / "source.mlir"
        source.write_text(f"""
          func.func @f(%a: {lhs}, %b: {rhs}, %c: {result}) {{
            lowbit.matmul lhs(%a : {lhs}) rhs(%b : {rhs}) outs(%c : {result}) {{
            ^bb0(%sum: i32):
              lowbit.yield %sum : i32
            }}
            return
          }}""")
        command = [TOOLS / "quant-opt", source, f"--lowbit-launch-matmuls={plan}", "--canonicalize"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        module, host = re.fullmatch(r".*?(  gpu\.module.*?)(  func\.func @f.*)", text, re.DOTALL).groups()
        self.module = folder / "kernel.mlir"
        self.module.write_text(module)
        self.name = re.search(r"gpu\.func @(\w+)", module).group(1)
        constants = dict(re.findall(r"(%\S+) = arith\.constant (-?\d+) : ", host))
        launch = r"blocks in \((\S+), (\S+), (\S+)\) threads in \((\S+), \S+, \S+\)\s+dynamic_shared_memory_size (\S+) "
        numbers = [int(constants[each]) for each in re.search(launch, host).groups()]
        self.grid, self.threads, self.shared = numbers[:3], numbers[3], numbers[4]
        self.maps = []
        for index, call in enumerate(re.findall(r"call @lowbit_gpu_tensor_map\(\S+, (.*?)\) :", host)):
            element, tensor_rows, tensor_columns, pitch, *box = (constants[each] for each in call.split(", "))
            self.maps.append(f"map={index},{','.join([element, tensor_rows, tensor_columns, pitch, *box])}")

    def run(self, *options: str, kind: str = "random", grid=None) -> subprocess.CompletedProcess:
        make_problem(self.folder, self.rows, self.columns, self.depth, kind)
        arguments = [f"in={self.folder}/a.npy", f"in={self.folder}/b.npy", f"result={self.folder}/c.npy"]
        arguments += [f"i32={each}" for each in (self.rows, self.columns, self.depth, self.depth, self.depth)]
        return simulate(self.module, self.name, grid or self.grid, self.threads, self.shared, arguments + self.maps, *options)


PLANS = {"mma": "target=nvptx:sm_80 tile=mma_sync_32x64x128x4", "wgmma": "target=nvptx:sm_90a schedule=wgmma tile=wgmma_32x32x128x16"}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("rows, columns, depth", [(1, 1, 16), (31, 66, 144), (32, 64, 128), (33, 63, 656), (70, 130, 272)])
def test_compiled_kernels(tmp_path, plan, rows, columns, depth):
    kernel = CompiledKernel(tmp_path, rows, columns, depth, PLANS[plan])
    for order, seed in ORDERS:
        check(kernel.run(f"--order={order}", f"--seed={seed}"))
    check(kernel.run(kind="extreme"))


def test_no_bank_conflicts(tmp_path):
    outcome = CompiledKernel(tmp_path, 64, 128, 512, PLANS["mma"]).run("--counts")
    assert check_banks(outcome)


# More rows of tiles than are taken together, and more steps than stages. What changes nothing that a kernel computes is not found: counts
# of tiles that become more (all outside the result), the place of a second warpgroup where there is one, and the fence of the main loop,
# where nothing but products touches accumulators.
WARPGROUP = {
    "arith.shrui: the constant is one less": 2,
    "arith.muli: half the stride": 1,
    "nvvm.wgmma.fence.aligned: is not there": 1,
}


@pytest.mark.parametrize(
    "plan, rows, columns, depth, grid, same",
    [
        ("mma", 290, 130, 832, None, {}),
        ("wgmma", 300, 80, 832, (2, 1, 1), WARPGROUP),
    ],
)
def test_mutants_of_compiled_kernels(tmp_path, plan, rows, columns, depth, grid, same):
    kernel = CompiledKernel(tmp_path, rows, columns, depth, PLANS[plan])
    check(kernel.run(grid=grid))
    check_mutants(partial(kernel.run, grid=grid), same)


HALVES = """gpu.module @kernels {
  gpu.func @fma(%a: !llvm.ptr<1>, %b: !llvm.ptr<1>, %c: !llvm.ptr<1>, %to: !llvm.ptr<1>) kernel {
    %thread = gpu.thread_id x
    %lane = arith.index_cast %thread : index to i64
    %block = gpu.block_id x
    %number = arith.index_cast %block : index to i64
    %size = arith.constant 32 : i64
    %first = arith.muli %number, %size : i64
    %place = arith.addi %first, %lane : i64
    %pa = llvm.getelementptr %a[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<2xf16>
    %pb = llvm.getelementptr %b[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<2xf16>
    %pc = llvm.getelementptr %c[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<2xf16>
    %pto = llvm.getelementptr %to[%place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, vector<2xf16>
    %x = llvm.load %pa {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
    %y = llvm.load %pb {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
    %z = llvm.load %pc {alignment = 4 : i64} : !llvm.ptr<1> -> vector<2xf16>
    %r = math.fma %x, %y, %z : vector<2xf16>
    llvm.store %r, %pto {alignment = 4 : i64} : vector<2xf16>, !llvm.ptr<1>
    gpu.return
  }
}
"""


def test_fma_of_halves(tmp_path):
    """One rounding, where two would be wrong: products and sums near the middle of two halves, too."""
    generator = np.random.default_rng(0)
    a, b = (generator.integers(0x3C00, 0x4000, 2048).astype(np.uint16).view(np.float16) for _ in range(2))
    c = np.ldexp(generator.choice([-1.0, 1.0], 2048), generator.integers(-24, 12, 2048)).astype(np.float16)
    expected = np.empty_like(c)
    for i, (x, y, z) in enumerate(zip(a, b, c)):
        exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        near = np.float16(float(exact))
        around = [near, np.nextafter(near, np.float16(np.inf)), np.nextafter(near, np.float16(-np.inf))]
        # The nearest one; of two, the one whose last bit is zero.
        expected[i] = min(around, key=lambda half: (abs(Fraction(float(half)) - exact), int(half.view(np.uint16)) & 1))
    for name, array in {"a": a, "b": b, "c": c, "r": expected}.items():
        np.save(tmp_path / f"{name}.npy", array)
    (tmp_path / "halves.mlir").write_text(HALVES)
    arguments = [*(f"in={tmp_path}/{name}.npy" for name in "abc"), f"result={tmp_path}/r.npy"]
    check(simulate(tmp_path / "halves.mlir", "fma", (32, 1), 32, 0, arguments))
