"""Libraries for devices of OpenCL over a loader that is none (Inputs/fake_opencl.c): what is made and given back, and every refusal."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path

import leaks
import lowbit
import numpy as np
import pytest
from fake_gpu import INPUTS, check_header, check_needs, run

# One kernel, and one constant in device memory.
MODEL = """
func.func @main(%x: tensor<3x40xf32> {lowbit.name = "x"}, %k: f32 {lowbit.name = "k"}) -> (tensor<3x40xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense_resource<w> : tensor<40xf32>
  %e = tensor.empty() : tensor<3x40xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %w, %k : tensor<3x40xf32>, tensor<40xf32>, f32) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<3x40xf32>
  return %y : tensor<3x40xf32>
}
{-# dialect_resources: {builtin: {w: "0xBYTES"}} #-}
"""
WEIGHTS = np.arange(40, dtype=np.float32)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the loader and the library."""
    folder = tmp_path_factory.mktemp("opencl")
    driver = folder / "libfake_opencl.so"
    done = run("clang-22", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", INPUTS / "fake_opencl.c", "-o", driver)
    assert done.returncode == 0, done.stderr
    (folder / "m.mlir").write_text(MODEL.replace("BYTES", "04000000" + WEIGHTS.tobytes().hex()))
    lowbit.load(folder / "m.mlir").export(folder / "model.so", "spirv:opencl", header=folder / "model.h")
    return folder


class Calls:
    """A library of one's own, whose loader counts from zero."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.driver = ctypes.CDLL(str(shutil.copy(built / "libfake_opencl.so", folder / "driver.so")))
        self.driver.fake_queue.restype, self.driver.fake_get.restype = ctypes.c_void_p, ctypes.c_long
        self.library = ctypes.CDLL(str(shutil.copy(built / "model.so", folder / "model.so")))
        self.library.model_error.restype = ctypes.c_char_p
        self.queue = self.driver.fake_queue()
        memory = np.zeros(3 * 40 * 2 + 32, np.float32)
        first = memory.ctypes.data + -memory.ctypes.data % 64
        self.memory, self.places = memory, [first, first + 480]

    def call(self, places: list[int] | None = None, queue: int | None = 0) -> int:
        x, y = places or self.places
        queue = self.queue if queue == 0 else queue
        return self.library.model_main(ctypes.c_void_p(x), ctypes.c_float(2), ctypes.c_void_p(y), ctypes.c_void_p(queue))

    def refuse(self, **how: object) -> str:
        assert self.call(**how) == -1
        return self.library.model_error().decode()

    def count(self, name: str) -> int:
        return self.driver.fake_get(name.encode())

    def set(self, name: str, value: int) -> None:
        self.driver.fake_set(name.encode(), ctypes.c_long(value))


@pytest.fixture
def calls(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Calls that leave nothing behind."""
    monkeypatch.setenv("LOWBIT_OPENCL", str(tmp_path / "driver.so"))
    made = Calls(built, tmp_path)
    yield made
    made.library.model_release()
    for what in ("programs", "kernels", "allocations", "contexts"):
        assert made.count(what) == 0, what


def test_kernels_are_built_once_and_given_back(calls: Calls) -> None:
    for round_ in range(2):
        for _ in range(3):
            assert calls.call() == 0
        assert calls.count("builds") == calls.count("uploads") == round_ + 1
        assert calls.count("launches") == 3 * (round_ + 1)
        calls.library.model_release()
        assert calls.count("programs") == calls.count("allocations") == 0


def test_nothing_leaks(calls: Calls) -> None:
    """Of 10,000 calls, and of as many that are refused."""

    def call() -> None:
        assert calls.call() == 0
        assert calls.call(places=[calls.places[0], calls.places[1] + 4]) == -1
        assert calls.call(queue=None) == -1

    leaks.check(call)
    assert calls.count("builds") == calls.count("uploads") == 1


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("fail_load", -42, ["kernels of ", "bytes cannot be loaded: CL_INVALID_BINARY (Fake device)"]),
        ("fail_build", -11, ["kernels cannot be built: CL_BUILD_PROGRAM_FAILURE (Fake device)", "error: as the test asked for"]),
        ("fail_kernel", -46, ["kernel `loops", "cannot be found in its module: CL_INVALID_KERNEL_NAME"]),
        ("no_memory", 1, ["out of device memory: 160 bytes are asked for on Fake device", "smaller batch"]),
        ("fail_copy", -5, ["copy of 160 bytes: CL_OUT_OF_RESOURCES"]),
        ("fail_argument", -50, ["launch of kernel `loops", "CL_INVALID_ARG_VALUE"]),
        ("fail_launch", -5, ["launch of kernel `loops", "in groups of ", "CL_OUT_OF_RESOURCES (Fake device)"]),
        ("svm", 0, ["the queue's device does not fit: Fake device shares no addresses with the host (SVM)"]),
        ("out_of_order", 1, ["the queue does work in any order; expected one without CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE"]),
    ],
)
def test_what_the_driver_refuses_is_said_and_passes(calls: Calls, setting: str, value: int, words: list[str]) -> None:
    """Once the cause is gone, calls are put on the queue again."""
    before = calls.count(setting)
    calls.set(setting, value)
    message = calls.refuse()
    for word in words:
        assert word in message
    assert calls.count("launches") == 0
    calls.set(setting, before)
    assert calls.call() == 0
    assert calls.count("launches") == calls.count("uploads") == 1


def test_calls_that_cannot_be_made_are_refused(calls: Calls) -> None:
    assert "no queue is given; expected a cl_command_queue" in calls.refuse(queue=None)
    assert "the queue cannot be used: CL_INVALID_COMMAND_QUEUE" in calls.refuse(queue=calls.places[0])
    places = [calls.places[0], calls.places[1] + 4]
    assert "array `y` of `main` begins at 4 bytes past a multiple of 16" in calls.refuse(places=places)
    assert calls.call() == 0


CALL = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.model_error.restype = ctypes.c_char_p
for _ in range(2):
    assert library.model_main(ctypes.c_void_p(0), ctypes.c_float(1), ctypes.c_void_p(0), ctypes.c_void_p(64)) == -1
print(library.model_error().decode())
library.model_release()
"""


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ("/nowhere/libOpenCL.so", ["no OpenCL: /nowhere/libOpenCL.so: cannot open", "install a loader"]),
        ("libm.so.6", ["the OpenCL library has no `clGetPlatformIDs`; expected one of OpenCL 2.1 or newer"]),
    ],
)
def test_without_a_loader_that_fits(built: Path, driver: str, words: list[str]) -> None:
    """A message, at every call; the process lives on."""
    done = run("python3", "-c", CALL, built / "model.so", LOWBIT_OPENCL=driver)
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout


def test_a_library_needs_nothing_but_the_c_library(built: Path) -> None:
    """Kernels are inside; no OpenCL is linked, nor the run time of other devices; only the library's own functions are exported."""
    check_needs(built / "model.so")
    content = (built / "model.so").read_bytes()
    assert bytes([3, 2, 0x23, 7, 0, 4, 1, 0]) in content, "no SPIR-V 1.4"
    assert b"libOpenCL.so.1" in content
    assert b"libcuda.so.1" not in content


@pytest.mark.parametrize("compiler", [("clang-22", "-std=c99"), ("clang++-22", "-x", "c++")])
def test_the_header_is_c_and_cpp(built: Path, tmp_path: Path, compiler: tuple[str, ...]) -> None:
    header = check_header(built, tmp_path, compiler, "model_main(0, 1, 0, 0)", LOWBIT_OPENCL="/nowhere")
    for words in ("Target: spirv:opencl", "made by clSVMAlloc in the queue's context", "cl_command_queue", "void *queue)"):
        assert words in header


def test_objects_are_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(lowbit.Error, match=r"expected `.so`, `.spvasm` or `.spv`"):
        lowbit.load(built / "m.mlir").export(tmp_path / "m.o", "spirv:opencl")
