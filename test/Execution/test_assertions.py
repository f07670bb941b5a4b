"""Assertions on the host: one that does not hold is an error of the call, in every way to call, and the process lives on."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest
from c_program import build
from fake_gpu import Driver, build_driver

QUANT_RUN = Path(__file__).resolve().parents[2] / "build/bin/quant-run"
ROWS, COLUMNS = 64, 37
# Two lookups after one another: the second would find its own index wrong, too, if it ran after the first has failed.
LOOKUPS = f"""
#map = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<5xf32> {{lowbit.name = "x"}}, %at: tensor<{ROWS}x{COLUMNS}xi64> {{lowbit.name = "at"}})
    -> (tensor<{ROWS}x{COLUMNS}xf32> {{lowbit.name = "y"}}) {{
  %five = arith.constant 5 : i64
  %e = tensor.empty() : tensor<{ROWS}x{COLUMNS}xf32>
  %first = linalg.generic {{indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]}}
      ins(%at : tensor<{ROWS}x{COLUMNS}xi64>) outs(%e : tensor<{ROWS}x{COLUMNS}xf32>) {{
  ^bb0(%i: i64, %o: f32):
    %0 = arith.cmpi ult, %i, %five : i64
    cf.assert %0, "the first index is one of five"
    %1 = arith.index_cast %i : i64 to index
    %2 = tensor.extract %x[%1] : tensor<5xf32>
    linalg.yield %2 : f32
  }} -> tensor<{ROWS}x{COLUMNS}xf32>
  %sums = tensor.empty() : tensor<{ROWS}xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%sums : tensor<{ROWS}xf32>) -> tensor<{ROWS}xf32>
  %sum = linalg.reduce {{arith.addf}} ins(%first : tensor<{ROWS}x{COLUMNS}xf32>) outs(%init : tensor<{ROWS}xf32>) dimensions = [1]
  %second = linalg.generic {{indexing_maps = [#map, affine_map<(i, j) -> (i)>, #map], iterator_types = ["parallel", "parallel"]}}
      ins(%first, %sum : tensor<{ROWS}x{COLUMNS}xf32>, tensor<{ROWS}xf32>) outs(%e : tensor<{ROWS}x{COLUMNS}xf32>) {{
  ^bb0(%v: f32, %s: f32, %o: f32):
    %i = arith.fptosi %v : f32 to i64
    %0 = arith.cmpi ult, %i, %five : i64
    cf.assert %0, "the second index is one of five"
    %1 = arith.index_cast %i : i64 to index
    %2 = tensor.extract %x[%1] : tensor<5xf32>
    %3 = arith.addf %2, %s : f32
    linalg.yield %3 : f32
  }} -> tensor<{ROWS}x{COLUMNS}xf32>
  return %second : tensor<{ROWS}x{COLUMNS}xf32>
}}
"""
TABLE = np.array([1, 3, 0, 4, 2], np.float32)
BROKEN = np.array([1, 3, 0, 4, 7], np.float32)  # the second lookup fails where the first reads its last element
TEXT = r"`cf.assert` at \S+m.mlir:\d+:5: an assertion does not hold: the {} index is one of five"
CORES = len(os.sched_getaffinity(0))
KINDS = [("host", 1), ("reference", 1), pytest.param("host", 2, marks=pytest.mark.skipif(CORES < 2, reason="one core"))]


def load(folder: Path) -> lowbit.Module:
    (folder / "m.mlir").write_text(LOOKUPS)
    return lowbit.load(folder / "m.mlir")


def indices(*wrong: int) -> np.ndarray:
    at = np.arange(ROWS * COLUMNS) % 4
    at[list(wrong)] = 1000
    return at.reshape(ROWS, COLUMNS)


def expected(at: np.ndarray) -> np.ndarray:
    first = TABLE[at]
    return TABLE[first.astype(np.int64)] + first.sum(1, keepdims=True)


@pytest.mark.parametrize(("target", "threads"), KINDS)
def test_a_call_fails_and_the_next_does_not(target: str, threads: int, tmp_path: Path) -> None:
    function = load(tmp_path).compile(target, threads)
    for wrong in ([0], [ROWS * COLUMNS - 1], list(range(0, ROWS * COLUMNS, 3))):
        with pytest.raises(lowbit.Error, match="function `main`: " + TEXT.format("first")):
            function(x=TABLE, at=indices(*wrong))
        assert np.array_equal(function(x=TABLE, at=indices())["y"], expected(indices()))
    last = indices()
    last[5, 6] = 4
    with pytest.raises(lowbit.Error, match=TEXT.format("second")):
        function(x=BROKEN, at=last)
    with pytest.raises(lowbit.Error, match=TEXT.format("first")):
        function.benchmark({"x": TABLE, "at": indices(7)}, repeat=2)


def test_a_bound_call_fails_by_what_its_arrays_hold(tmp_path: Path) -> None:
    at = indices()
    bound = load(tmp_path).compile("host").bind(x=TABLE, at=at)
    bound()
    at[3, 3] = -1
    with pytest.raises(lowbit.Error, match=TEXT.format("first")):
        bound()
    at[3, 3] = 2
    bound()


@pytest.mark.parametrize("suffix", [".o", ".so"])
def test_a_c_program_gets_the_number(suffix: str, tmp_path: Path) -> None:
    load(tmp_path).export(tmp_path / f"m{suffix}", header=tmp_path / "m.h")
    header = (tmp_path / "m.h").read_text()
    assert "int32_t m_main(" in header
    numbers = {
        word: next(n for n in (1, 2) if f" * {n}  `cf.assert`" in line)
        for word in ("first", "second")
        for line in header.splitlines()
        if f"the {word} index" in line
    }
    assert sorted(numbers.values()) == [1, 2]
    workspace = ", memory" if "M_MAIN_WORKSPACE_BYTES" in header else ""
    (tmp_path / "use.c").write_text(f"""
#include "m.h"
#include <stdio.h>
static int64_t at[{ROWS * COLUMNS}];
static float y[{ROWS * COLUMNS}];
#ifdef M_MAIN_WORKSPACE_BYTES
static _Alignas(64) char memory[M_MAIN_WORKSPACE_BYTES];
#endif
int main(void) {{
  float x[5] = {{1, 3, 0, 4, 2}};
  printf("%d ", m_main(x, at, y{workspace}));
  at[11] = 5;
  printf("%d ", m_main(x, at, y{workspace}));
  at[11] = 4;
  x[4] = 7;
  printf("%d", m_main(x, at, y{workspace}));
  return 0;
}}
""")
    build(tmp_path, "use.c", f"./m{suffix}", "-lm", "-o", "use", "-std=c11", "-Wl,-rpath,$ORIGIN")
    done = subprocess.run([tmp_path / "use"], check=True, capture_output=True, text=True)
    assert done.stdout == f"0 {numbers['first']} {numbers['second']}"


@pytest.mark.skipif(not QUANT_RUN.exists(), reason="quant-run is not built")
def test_quant_run_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path)
    np.savez(tmp_path / "in.npz", x=TABLE, at=indices(4))
    command = [QUANT_RUN, "m.mlir", "--inputs", "in.npz", "--output", "out.npz", "--target", "host"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "the first index is one of five" in done.stderr
    assert not (tmp_path / "out.npz").exists()


ON_A_NUMBER = """
func.func @main(%x: tensor<64xf32>, %n: i64) -> tensor<64xf32> {
  %five = arith.constant 5 : i64
  %0 = arith.cmpi ult, %n, %five : i64
  cf.assert %0, "n is less than five"
  %e = tensor.empty() : tensor<64xf32>
  %r = linalg.exp ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %r : tensor<64xf32>
}
"""


def test_what_the_host_asserts_for_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number is looked at before anything is launched: in the simulator, and in a library, which says why it gave -1."""
    (tmp_path / "m.mlir").write_text(ON_A_NUMBER)
    module = lowbit.load(tmp_path / "m.mlir")
    function = module.compile("gpu-sim")
    with pytest.raises(lowbit.Error, match="n is less than five"):
        function(arg0=np.zeros(64, np.float32), arg1=np.int64(5))
    assert np.array_equal(function(arg0=np.zeros(64, np.float32), arg1=np.int64(4))["result0"], np.ones(64, np.float32))
    module.export(tmp_path / "m.so", "nvptx:sm_80", header=tmp_path / "m.h")
    monkeypatch.setenv("LOWBIT_CUDA_DRIVER", str(build_driver(tmp_path)))
    driver, library = Driver(tmp_path / "libfake_cuda.so"), ctypes.CDLL(str(tmp_path / "m.so"))
    library.m_error.restype = ctypes.c_char_p
    x, y = (ctypes.c_void_p(driver.allocate(256)) for _ in range(2))
    for _ in range(3):  # nothing of a call that failed is recorded and played back
        assert library.m_main(x, ctypes.c_int64(5), y, None) == -1
        assert b"an assertion does not hold: n is less than five" in library.m_error()
