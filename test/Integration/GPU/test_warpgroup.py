"""Kernels by wgmma on the simulator: every tile, at borders of every kind, bit for bit; and whatever is wrong with one is found."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from mutants import check_mutants
from products import tiles

ROOT = Path(__file__).parents[3]
QUANT_OPT, GPU_SIM_RUN = ROOT / "build/bin/quant-opt", ROOT / "build/bin/gpu-sim-run"


def read_tile(name: str) -> tuple[int, int, int, int]:
    """Rows, columns, consumers, buffers, of a name as 64x32x128x16: a consumer has 64 rows, or fewer."""
    rows, columns, _, stages = map(int, name.split("x"))
    return rows, columns, -(-rows // 64), stages


TILES = [read_tile(name) for name in tiles("nvptx:sm_90a", "wgmma")]
SUM = "lowbit.yield %sum : i32"
CODE = """
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %real = arith.sitofp %sum : i32 to f32
    %left = arith.mulf %real, %l : f32
    %right = arith.mulf %left, %r : f32
    %biased = arith.addf %right, %bias : f32
    %rounded = math.roundeven %biased : f32
    %above = arith.cmpf ogt, %rounded, %low : f32
    %raised = arith.select %above, %rounded, %low : f32
    %below = arith.cmpf olt, %raised, %high : f32
    %clamped = arith.select %below, %raised, %high : f32
    %wide = arith.fptosi %clamped : f32 to i32
    %code = arith.trunci %wide : i32 to i8
    lowbit.yield %code : i8"""


class Kernel:
    """A product of m x k and n x k bytes as a kernel of one tile; with `is_code`, scaled by row and column, biased and rounded to bytes."""

    def __init__(self, folder: Path, tile: tuple, m: int, n: int, k: int, is_code: bool, word: str = "") -> None:
        self.folder, self.tile, self.shape, self.is_code, self.word = folder, tile, (m, n, k), is_code, word
        self.name = f"matmul_wgmma_{tile[0]}x{tile[1]}x128x{tile[3]}"
        types = [f"memref<{m}x1xf32>", f"memref<1x{n}xf32>", f"memref<1x{n}xf32>"] if is_code else []
        names = ["%s", "%t", "%u"][: len(types)]
        result = f"memref<{m}x{n}x{'i8' if is_code else 'i32'}>"
        operands = f"operands({', '.join(names)} : {', '.join(types)})" if is_code else ""
        (folder / "source.mlir").write_text(f"""
func.func @f(%a: memref<{m}x{k}xi8>, %b: memref<{n}x{k}xi8>, {"".join(f"{x}: {t}, " for x, t in zip(names, types))}%c: {result}) {{
  lowbit.matmul lhs(%a : memref<{m}x{k}xi8>) rhs(%b : memref<{n}x{k}xi8>) outs(%c : {result}) {operands} {{
  ^bb0(%sum: i32{", %l: f32, %r: f32, %bias: f32" if is_code else ""}):
    {CODE if is_code else SUM}
  }} {f"{{{word}}}" if word else ""}
  return
}}""")
        launch = f"lowbit-launch-matmuls{{target=nvptx:sm_90a schedule=wgmma tile={self.name.removeprefix('matmul_')}}}"
        passes = f"--pass-pipeline=builtin.module({launch},gpu.module(lowbit-round-by-addition))"
        text = subprocess.run([QUANT_OPT, folder / "source.mlir", passes], check=True, capture_output=True, text=True).stdout
        self.shared = re.search(r"dynamic_shared_memory_size %c(\d+)", text)[1]
        # The simulator runs kernels alone.
        text = text[: text.index("  func.func @f")] + "}\n"
        (folder / "kernel.mlir").write_text(re.sub(r"  func.func private .*\n", "", text))

    def run(self, *options: str, blocks: int = 3) -> subprocess.CompletedProcess:
        """Random and extreme bytes through the simulator, compared with NumPy."""
        m, n, k = self.shape
        rng = np.random.default_rng(m * n + k)
        a, b = (rng.integers(-128, 128, (size, k), np.int8) for size in (m, n))
        a[0], b[0], b[-1] = -128, -128, 127
        if self.word == "lhs_unsigned":
            a = a.view(np.uint8)
        arrays = {"a": a, "b": b}
        if self.word == "bits":
            a, b = (np.unpackbits(side.view(np.uint8), axis=1) for side in (a, b))
        result = a.astype(np.int32) @ b.astype(np.int32).T
        if self.is_code:
            arrays |= {"s": rng.random((m, 1), np.float32) * np.float32(0.1), "t": rng.random((1, n), np.float32) * np.float32(0.03)}
            arrays["u"] = rng.standard_normal((1, n)).astype(np.float32) * np.float32(20)
            arrays["s"][-1] = np.float32(0.5) / np.float32(128)  # halves
            real = result.astype(np.float32) * arrays["s"] * arrays["t"] + arrays["u"]
            result = np.clip(np.rint(real), -128, 127).astype(np.int8)
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)
        np.save(self.folder / "result.npy", result)
        rows, columns, consumers, _ = self.tile
        command = [GPU_SIM_RUN, "kernel.mlir", "--kernel", self.name, f"--block={128 * (consumers + 1)}", f"--grid={blocks}"]
        command += ["--shared", self.shared, *options, *[f"in={name}.npy" for name in arrays], "result=result.npy"]
        command += [f"i32={value}" for value in (m, n, k, k, k)]
        command += [f"map={i},1,{size},{k},{k},{box},128,128" for i, size, box in ((0, m, rows), (1, n, columns))]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("is_code", [False, True], ids=["sum", "code"])
@pytest.mark.parametrize("tile", TILES, ids=lambda tile: f"{tile[0]}x{tile[1]}")
def test_borders(tmp_path: Path, tile: tuple, is_code: bool) -> None:
    """One row and less than a piece of columns; borders inside tiles, with all buffers used again; columns stored one by one."""
    rows, columns, _, stages = tile
    for m, n, k in ((1, 8, 16), (rows + 5, columns + 16, 128 * (stages + 2) + 48), (2 * rows, columns - 1, 256)):
        done = Kernel(tmp_path, tile, m, n, k, is_code).run()
        assert done.stdout == "results are right\n" and done.returncode == 0, (m, n, k, done.stdout + done.stderr)


@pytest.mark.parametrize("order", ["reverse", "random"])
def test_orders_of_threads(tmp_path: Path, order: str) -> None:
    """A block with several tiles, more than buffers of each."""
    done = Kernel(tmp_path, TILES[1], 200, 272, 1040, True).run(f"--order={order}")
    assert done.stdout == "results are right\n", done.stdout + done.stderr


@pytest.mark.parametrize("word", ["lhs_unsigned", "bits"])
@pytest.mark.parametrize("tile", TILES, ids=lambda tile: f"{tile[0]}x{tile[1]}")
def test_types(tmp_path: Path, tile: tuple, word: str) -> None:
    """Rows, columns and a step that end inside of a tile, and random and extreme bytes."""
    done = Kernel(tmp_path, tile, 70, 136, 272, False, word).run()
    assert done.stdout == "results are right\n", done.stdout + done.stderr


def test_mutants(tmp_path: Path) -> None:
    """Every barrier, wait, parity, count, stride: one less, or another, is found, but for what changes nothing that the kernel computes.

    That is: counts of tiles that become more (all outside the result), the fence of the main loop, where nothing but products touches
    accumulators, and the order of more than eight rows of tiles, which test/GPUSim/test_kernels.py has and this problem has not.
    """
    same = {
        "arith.shrui: the constant is one less": 2,
        "arith.muli: half the stride": 2,
        "nvvm.wgmma.fence.aligned: is not there": 1,
    }
    check_mutants(Kernel(tmp_path, TILES[1], 200, 272, 1040, False).run, same)
