"""Kernels in SPIR-V, run by a driver for OpenCL where there is one: the same bits as the simulator's and the reference's."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lowbit
import numpy as np
import pytest
import test_loops
import test_sums
from lowbit import qat
from test_compiled import codes_of_codes
from test_kernel_files import FLOATS, SIGNS

TARGET = "spirv:opencl"
DRIVER = Path(sys.prefix, "lib", "libintelocl.so")  # scripts/requirements-opencl.txt


@pytest.fixture(scope="module", autouse=True)
def device(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A driver of this environment where the system names none; without any device that fits, tests are skipped."""
    folder = tmp_path_factory.mktemp("opencl")
    if DRIVER.exists() and "OCL_ICD_VENDORS" not in os.environ:
        (folder / "driver.icd").write_text(f"{DRIVER}\n")
        os.environ["OCL_ICD_VENDORS"] = str(folder)
    (folder / "m.mlir").write_text(codes_of_codes(1, 8, 16))
    try:
        lowbit.load(folder / "m.mlir").compile(TARGET)
    except lowbit.Error as error:
        pytest.skip(f"no device of OpenCL: {error}")


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], lowbit.Module]:
    def write(text: str) -> lowbit.Module:
        (tmp_path / "m.mlir").write_text(text)
        return lowbit.load(tmp_path / "m.mlir")

    return write


@pytest.mark.parametrize("size", [(1, 8, 16), (17, 33, 65), (70, 130, 200)])
def test_products_of_bytes(load: Callable[[str], lowbit.Module], size: tuple[int, int, int]) -> None:
    m, n, k = size
    module, random = load(codes_of_codes(*size)), np.random.default_rng(sum(size))
    f, reference = module.compile(TARGET), module.compile("reference")
    scale = random.uniform(1e-4, 2e-3, n).astype(np.float32)
    for low, high in ((-128, 128), (-128, -127), (127, 128)):
        a, b = (random.integers(low, high, shape).astype(np.int8) for shape in ((m, k), (n, k)))
        np.testing.assert_array_equal(f(a=a, b=b, scale=scale)["y"], reference(a=a, b=b, scale=scale)["y"])


def test_products_of_signs(load: Callable[[str], lowbit.Module]) -> None:
    module, random = load(SIGNS), np.random.default_rng(2)
    a, b = (random.normal(size=(rows, 100)).astype(np.float32) for rows in (5, 7))
    (found,), (want,) = (module.compile(target)(a, b).values() for target in (TARGET, "reference"))
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("narrow", ["f16", "bf16"])
def test_floats(load: Callable[[str], lowbit.Module], narrow: str) -> None:
    """Softmax, functions, halves, bits in bytes, 64-bit integers. bf16, which SPIR-V does not have, is computed in f32."""
    module, random = load(FLOATS.replace("NARROW", narrow)), np.random.default_rng(3)
    x = random.normal(size=(6, 40)).astype(np.float32) * 4
    w = random.uniform(0.25, 4, (6, 40)).astype(np.float16)
    found, want = (module.compile(target)(x, w, random.random((6, 40)) < 2).values() for target in (TARGET, "gpu-sim"))
    for one, other in zip(found, want, strict=True):
        if one.dtype.kind in "iu":
            np.testing.assert_array_equal(one, other)
        else:  # a sum by one thread, and by the 32 lanes of a warp
            np.testing.assert_allclose(one.astype(np.float32), other.astype(np.float32), rtol=2**-7 if narrow == "bf16" else 2**-10)


@pytest.mark.parametrize("case", [case for case in test_loops.CASES if case != "f64"])
def test_neighbours(tmp_path: Path, case: str) -> None:
    test_loops.check(tmp_path, case, TARGET)


@pytest.mark.parametrize("kind", test_sums.KINDS)
def test_sums_are_exact(tmp_path: Path, kind: str) -> None:
    test_sums.check(tmp_path, kind, TARGET)


def test_training(load: Callable[[str], lowbit.Module]) -> None:
    """What a step updates stays on the device between steps."""
    module = load("""
func.func @main(%x: tensor<4x6xf32> {lowbit.name = "x"}) -> (tensor<4x3xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, -0.25, 0.125], [1.0, 0.5, -0.5], [0.25, 0.75, 0.5], [-0.5, 0.5, 0.25], [0.5, 1.0, -1.0], [0.125, 0.25, 0.5]]> : tensor<6x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x6xf32>, tensor<6x3xf32>) outs(%z : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  return %y : tensor<4x3xf32>
}""")
    random = np.random.default_rng(5)
    data = {"x": random.normal(size=(12, 6)).astype(np.float32), "labels": random.integers(0, 3, 12).astype(np.int32)}
    here, there = (qat.fit(module, data, None, epochs=2, rate=0.01, progress=False, target=target) for target in ("host", TARGET))
    for name, value in here.parameters.items():
        np.testing.assert_allclose(there.parameters[name], value, rtol=1e-5, atol=1e-6)


def test_what_is_wrong_is_said(load: Callable[[str], lowbit.Module]) -> None:
    f = load(codes_of_codes(4, 8, 16)).compile(TARGET)
    with pytest.raises(lowbit.Error, match="`a` has shape"):
        f(a=np.zeros((3, 16), np.int8), b=np.zeros((8, 16), np.int8), scale=np.ones(8, np.float32))


class Queue:
    """A queue of the device, as a program has one that uses OpenCL itself."""

    def __init__(self) -> None:
        self.opencl = cl = ctypes.CDLL("libOpenCL.so.1")
        for name in ("clCreateContext", "clCreateCommandQueueWithProperties", "clSVMAlloc"):
            getattr(cl, name).restype = ctypes.c_void_p
        platform, device, status = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int()
        assert cl.clGetPlatformIDs(1, ctypes.byref(platform), None) == 0
        assert cl.clGetDeviceIDs(platform, ctypes.c_uint64(0xFFFFFFFF), 1, ctypes.byref(device), None) == 0
        self.context = ctypes.c_void_p(cl.clCreateContext(None, 1, ctypes.byref(device), None, None, ctypes.byref(status)))
        self.queue = ctypes.c_void_p(cl.clCreateCommandQueueWithProperties(self.context, device, None, ctypes.byref(status)))
        assert status.value == 0

    def upload(self, array: np.ndarray) -> ctypes.c_void_p:
        """A copy in memory of the context."""
        place = ctypes.c_void_p(self.opencl.clSVMAlloc(self.context, ctypes.c_uint64(1), ctypes.c_size_t(array.nbytes), 128))
        self.copy(place, array.ctypes.data_as(ctypes.c_void_p), array.nbytes)
        return place

    def copy(self, target: ctypes.c_void_p, source: ctypes.c_void_p, size: int) -> None:
        assert self.opencl.clEnqueueSVMMemcpy(self.queue, 1, target, source, ctypes.c_size_t(size), 0, None, None) == 0


def test_library(tmp_path: Path, load: Callable[[str], lowbit.Module]) -> None:
    """A library in this process, on queues of two contexts."""
    m, n, k = 17, 40, 65
    load(codes_of_codes(m, n, k)).export(tmp_path / "m.so", TARGET, header=tmp_path / "m.h")
    size = int(re.search(r"M_MAIN_WORKSPACE_BYTES (\d+)", (tmp_path / "m.h").read_text())[1])
    library, reference = ctypes.CDLL(str(tmp_path / "m.so")), lowbit.load(tmp_path / "m.mlir").compile("reference")
    library.m_error.restype = ctypes.c_char_p
    random = np.random.default_rng(7)
    for queue in (Queue(), Queue()):
        a, b = (random.integers(-128, 128, shape).astype(np.int8) for shape in ((m, k), (n, k)))
        scale, found = random.uniform(1e-4, 2e-3, n).astype(np.float32), np.zeros((m, n), np.int8)
        places = [queue.upload(array) for array in (a, b, scale, found, np.zeros(size, np.int8))]
        for _ in range(2):
            assert library.m_main(*places, queue.queue) == 0, library.m_error()
        queue.copy(found.ctypes.data_as(ctypes.c_void_p), places[3], found.nbytes)
        np.testing.assert_array_equal(found, reference(a=a, b=b, scale=scale)["y"])
    library.m_release()


def test_without_a_loader(tmp_path: Path) -> None:
    """In a process of its own: a loader is looked for once."""
    (tmp_path / "m.mlir").write_text(codes_of_codes(4, 8, 16))
    program = f"import lowbit\nlowbit.load({str(tmp_path / 'm.mlir')!r}).compile({TARGET!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env={**os.environ, "LOWBIT_OPENCL": "/none.so"}
    )
    assert done.returncode == 1
    assert "target `spirv:opencl` cannot run here: no OpenCL: /none.so: cannot open" in done.stderr
