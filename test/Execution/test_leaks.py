"""10,000 calls leave no memory behind: from Python and of libraries, on the host, in the simulator and on devices, with errors in between."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import leaks
import lowbit
import numpy as np
import pytest
from fake_gpu import PROLOGUE, folder, python

__all__ = ["folder"]

# One kernel; codes of less than a byte are converted on their way, and one of them is refused.
MODEL = """
func.func @main(%x: tensor<3x40xf32> {lowbit.name = "x"}, %c: tensor<40xi4> {lowbit.name = "c"})
    -> (tensor<3x40xf32> {lowbit.name = "y"}) {
  %one = arith.constant dense<0.5> : tensor<f32>
  %w = lowbit.dequantize %c, %one <#lowbit.int<4>> : (tensor<40xi4>, tensor<f32>) -> tensor<40xf32>
  %e = tensor.empty() : tensor<3x40xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]} ins(%x, %w : tensor<3x40xf32>, tensor<40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x40xf32>
  return %y : tensor<3x40xf32>
}
"""
X, CODES = np.arange(120, dtype=np.float32).reshape(3, 40), (np.arange(40) % 16 - 8).astype(np.int8)
ICD = Path(sys.prefix, "lib", "libintelocl.so")  # scripts/requirements-opencl.txt


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    (tmp_path / "m.mlir").write_text(MODEL)
    return lowbit.load(tmp_path / "m.mlir")


@pytest.fixture
def opencl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The driver of this environment where the system names none."""
    if ICD.exists() and "OCL_ICD_VENDORS" not in os.environ:
        (tmp_path / "driver.icd").write_text(f"{ICD}\n")
        monkeypatch.setenv("OCL_ICD_VENDORS", str(tmp_path))
    yield


def test_a_kilobyte_a_call_is_found() -> None:
    kept: list[bytes] = []
    assert leaks.growth(lambda: kept.append(os.urandom(1024))) > leaks.LIMIT


@pytest.mark.parametrize("target", ["host", "gpu-sim", "spirv:opencl"])
def test_calls_from_python(model: lowbit.Module, opencl: None, target: str) -> None:
    """Every other call is refused: for a shape, a code that the format has not, an output that cannot be written."""
    try:
        f = model.compile(target)
    except lowbit.Error as error:
        pytest.skip(f"no device: {error}")
    right, beyond, out, calls = X * (CODES * np.float32(0.5)), np.full(40, 99, np.int8), np.empty((3, 40), np.float32), 0
    fixed = np.empty((3, 40), np.float32)
    fixed.flags.writeable = False
    wrong: list[Callable[[], object]] = [
        lambda: f(x=X.T, c=CODES),
        lambda: f(x=X, c=beyond),
        lambda: f(x=X),
        lambda: f.into({"y": fixed}, x=X, c=CODES),
        lambda: f.into({"z": out}, x=X, c=CODES),
    ]

    def call() -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            with pytest.raises(lowbit.Error):
                wrong[calls // 2 % len(wrong)]()
        elif calls % 4:
            f.into({"y": out}, x=X, c=CODES)
        else:
            f(x=X, c=CODES)

    leaks.check(call)
    np.testing.assert_array_equal(f(x=X, c=CODES)["y"], right)
    np.testing.assert_array_equal(out, right)


def test_bindings_come_and_go(model: lowbit.Module) -> None:
    f = model.compile("gpu-sim")
    leaks.check(lambda: f.bind(x=X, c=CODES)(), calls=2000)


def test_a_library_of_the_host(model: lowbit.Module, tmp_path: Path) -> None:
    model.export(tmp_path / "m.so", header=tmp_path / "m.h")
    library, out = ctypes.CDLL(str(tmp_path / "m.so")), np.empty((3, 40), np.float32)
    workspace = np.empty(1 << 16, np.int8)
    places = [ctypes.c_void_p(array.ctypes.data) for array in (X, CODES & 15, out, workspace)]
    leaks.check(lambda: library.m_main(*places))
    np.testing.assert_array_equal(out, X * (CODES * np.float32(0.5)))


GPU = """
import leaks
from dlpack_producer import Lent

def lend(array, **how):
    address = driver.allocate(array.nbytes)
    ctypes.memmove(address, array.ctypes.data, array.nbytes)
    return Lent(array, address, **how)

lent, scattered, there = lend(x), lend(x, strides=(1, 5)), OnDevice(y)
fixed, out, calls = lend(np.zeros((5, 6), np.int8), read_only=True), lend(np.zeros((5, 6), np.int8)), 0
unsized = OnDevice(y, strides=(4, 20))
ours = f.to_device(x)

def fail(name, value):
    before, driver[name] = driver[name], value
    refusal(lambda: f(x=ours, y=there))
    driver[name] = before

good = [
    lambda: f(x=x, y=y)["codes"],
    lambda: f(x=lent, y=there)["codes"].numpy(),
    lambda: f(x=ours, y=y)["codes"],
    lambda: f(x=f.to_device(x), y=there)["codes"].__dlpack__(max_version=(1, 0)) and want,
    lambda: f.into({"codes": out}, x=ours, y=lent) or want,
    lambda: f.bind(x=lent, y=y)()["codes"],
]
wrong = [
    lambda: refusal(lambda: f(x=scattered, y=y)),
    lambda: refusal(lambda: f(x=unsized, y=y)),
    lambda: refusal(lambda: f.into({"codes": fixed}, x=lent, y=there)),
    lambda: refusal(lambda: f(x=lent, y=x.T)),
    lambda: fail("fail_launch", 719),
    lambda: fail("fail_sync", 719),
    lambda: fail("free_bytes", 0),
]

def call():
    global calls
    calls += 1
    if calls % 2:
        wrong[calls // 2 % len(wrong)]()
    else:
        found = good[calls // 2 % len(good)]()
        assert calls % 100 or found.shape == want.shape

for action in good[:4]:
    if isinstance(found := action(), np.ndarray):
        np.testing.assert_array_equal(found, want)
for action in good + wrong:
    action()
alive = driver["allocations"], driver["bytes"]
leaks.check(call)
assert (driver["allocations"], driver["bytes"]) == alive, (alive, driver["allocations"])
gc.collect()
for each in (lent, scattered, fixed, out):
    assert each.returned == each.given > 100
"""


def test_calls_for_a_gpu(folder: Path) -> None:
    """Arrays of the host, of the GPU by both protocols, and ours, which are made and given back; whatever the driver refuses, too."""
    python(folder, PROLOGUE + GPU)
