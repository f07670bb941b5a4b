"""Libraries for GPUs, called as a C program would, over a driver that is none: results, what stays in memory, and every refusal."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import leaks
import lowbit
import numpy as np
import pytest
from fake_gpu import Driver, build_driver, check_header, check_needs, lower, run

SCALES = np.float32([0.5, 1, 2, 4, 8, 16])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the driver and the library."""
    folder = tmp_path_factory.mktemp("gpu")
    build_driver(folder)
    lowbit.load(lower(folder)).export(folder / "model.so", "nvptx:sm_80", header=folder / "model.h")
    return folder


class Calls:
    """A library of one's own, whose driver counts from zero."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.driver = Driver(shutil.copy(built / "libfake_cuda.so", folder / "driver.so"))
        self._library = ctypes.CDLL(str(shutil.copy(built / "model.so", folder / "model.so")))
        self._library.model_error.restype = ctypes.c_char_p
        self._owned: list[int] = []

    def upload(self, array: np.ndarray) -> int:
        """A copy in device memory."""
        address = self.driver.allocate(array.nbytes)
        ctypes.memmove(address, array.ctypes.data, array.nbytes)
        self._owned.append(address)
        return address

    def arrays(self, seed: int = 1) -> tuple[list[int], np.ndarray]:
        """Addresses of x, y, codes and the workspace, and the codes that are right."""
        generator = np.random.default_rng(seed)
        x, y = (generator.normal(size=(5, 6)).astype(np.float32) * 20 for _ in range(2))
        want = np.rint(np.clip(((x + y) + y) * SCALES, -128, 127)).astype(np.int8)
        places = [self.upload(x), self.upload(y), self.upload(np.full((5, 6), 77, np.int8)), self.upload(np.zeros(128, np.int8))]
        return places, want

    def call(self, places: list[int], stream: int = 0) -> int:
        """What the function returns."""
        return self._library.model_main(*(ctypes.c_void_p(place) for place in places), ctypes.c_void_p(stream))

    def codes(self, places: list[int]) -> np.ndarray:
        """What it wrote."""
        return np.frombuffer(ctypes.string_at(places[2], 30), np.int8).reshape(5, 6)

    def refuse(self, places: list[int]) -> str:
        """The message of a call that must fail."""
        assert self.call(places) == -1
        return self._library.model_error().decode()

    def close(self) -> None:
        """Gives everything back: nothing is left."""
        self._library.model_release()
        for place in self._owned:
            self.driver.free(place)
        for what in ("allocations", "bytes", "modules", "graphs", "executables", "streams"):
            assert self.driver[what] == 0, what


@pytest.fixture
def calls(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Calls that leave nothing behind."""
    monkeypatch.setenv("LOWBIT_CUDA_DRIVER", str(tmp_path / "driver.so"))
    made = Calls(built, tmp_path)
    yield made
    made.close()


def test_results_are_right_at_every_call(calls: Calls) -> None:
    """The first call runs, the second is recorded, later ones are replayed."""
    places, want = calls.arrays()
    for _ in range(4):
        ctypes.memset(places[2], 77, 30)
        assert calls.call(places) == 0
        np.testing.assert_array_equal(calls.codes(places), want)
    assert calls.driver["captures"] == 1
    assert calls.driver["replays"] == 3
    assert calls.driver["loads"] == 1
    assert calls.driver["uploads"] == 1  # of the constant


def test_a_call_allocates_nothing_and_nothing_leaks(calls: Calls) -> None:
    """10,000 calls leave what the first two did, on the device and on the host; half of them are refused."""
    places, want = calls.arrays()
    for _ in range(2):
        calls.call(places)
    names = ("allocations", "bytes", "modules", "executables", "streams", "calls_to_allocate", "graphs")
    before = {name: calls.driver[name] for name in names}
    host = np.zeros(64, np.float32)
    wrong = [*places[:2], host.ctypes.data + -host.ctypes.data % 16, places[3]], [*places[:2], places[2] + 4, places[3]]

    def call() -> None:
        assert calls.call(places) == 0
        assert [calls.call(each) for each in wrong] == [-1, -1]

    leaks.check(call)
    assert {name: calls.driver[name] for name in names} == before
    np.testing.assert_array_equal(calls.codes(places), want)


def test_recordings_are_of_their_own_arrays(calls: Calls) -> None:
    """Two sets of arrays in turn have a recording each; sets that never come again have none."""
    first, second = calls.arrays(1), calls.arrays(2)
    for _ in range(3):
        for places, want in (first, second):
            assert calls.call(places) == 0
            np.testing.assert_array_equal(calls.codes(places), want)
    assert calls.driver["captures"] == 2
    places = calls.arrays(3)[0]
    outputs = [calls.upload(np.zeros((5, 6), np.int8)) for _ in range(12)]
    for _ in range(2):
        for output in outputs:  # more than are remembered
            assert calls.call([*places[:2], output, places[3]]) == 0
    assert calls.driver["captures"] == 2


def test_a_profile_times_every_launch(calls: Calls, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """With the variable set, each call says what it launched and how long that took, and is not recorded."""
    monkeypatch.setenv("LOWBIT_GPU_PROFILE", "1")
    places, want = calls.arrays()
    for _ in range(3):
        assert calls.call(places) == 0
    np.testing.assert_array_equal(calls.codes(places), want)
    lines = capfd.readouterr().err.splitlines()
    launches = calls.driver["launches"] // 3
    assert len(lines) == 3 * (launches + 1)
    assert all("blocks" in line and line.endswith("us 500.00") for line in lines[:launches])
    assert lines[launches].endswith(f"launches {launches} us {500 * launches:.2f}")
    assert calls.driver["captures"] == 0
    assert calls.driver["events"] == 0


def test_a_callers_own_recording_takes_the_launches(calls: Calls) -> None:
    """On a stream that is being recorded nothing is recorded or replayed besides."""
    places, _ = calls.arrays()
    assert calls.call(places) == 0
    library, stream, graph = calls.driver._library, ctypes.c_void_p(), ctypes.c_void_p()
    library.cuStreamCreate(ctypes.byref(stream), 1)
    launched = calls.driver["launches"]
    library.cuStreamBeginCapture_v2(stream, 1)
    assert calls.call(places, stream.value) == 0
    library.cuStreamEndCapture(stream, ctypes.byref(graph))
    assert calls.driver["captures"] == 1
    assert calls.driver["launches"] == launched
    library.cuGraphDestroy(graph)
    library.cuStreamDestroy_v2(stream)


def test_memory_comes_back_and_the_library_goes_on(calls: Calls) -> None:
    """After `release` the next call brings everything to the GPU again."""
    places, want = calls.arrays()
    for _ in range(2):
        for _ in range(3):
            assert calls.call(places) == 0
        calls._library.model_release()
        assert calls.driver["modules"] == calls.driver["executables"] == 0
    assert calls.driver["loads"] == 2
    np.testing.assert_array_equal(calls.codes(places), want)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("fail_load", 209, ["kernels for sm_80 cannot be loaded on Fake GPU, sm_80", "compile for `nvptx:sm_80`", "ptxas error"]),
        ("fail_load", 222, ["kernels for sm_80", "CUDA 12.4", "update the driver"]),
        ("fail_load", 200, ["CUDA_ERROR_INVALID_IMAGE", "update the driver"]),
        ("fail_launch", 719, ["launch of kernel `add` in 1x1x1 blocks of 128x1x1 threads", "CUDA_ERROR_LAUNCH_FAILED"]),
        ("free_bytes", 600, ["out of device memory: 24 bytes are asked for, and 0 of 600 are free", "smaller batch"]),
        ("fail_capture", 719, ["recording of `main`", "CUDA_ERROR_LAUNCH_FAILED"]),
    ],
)
def test_what_the_driver_refuses_is_said_and_passes(calls: Calls, setting: str, value: int, words: list[str]) -> None:
    """The message has what was wanted and what to do; once the cause is gone, calls are right again."""
    places, want = calls.arrays()
    if setting == "fail_capture":
        calls.call(places)
    before = calls.driver[setting]
    calls.driver[setting] = calls.driver["bytes"] if setting == "free_bytes" else value
    message = calls.refuse(places)
    for word in words:
        assert word.replace("600", str(calls.driver["bytes"])) in message
    calls.driver[setting] = before
    assert calls.call(places) == 0
    np.testing.assert_array_equal(calls.codes(places), want)


def test_arrays_that_kernels_cannot_read_are_refused(calls: Calls) -> None:
    """Arrays of the host, of another GPU, and such as begin anywhere."""
    places, _ = calls.arrays()
    host = np.zeros(64, np.float32)
    at = host.ctypes.data + -host.ctypes.data % 16
    assert "array `y` of `main` is not in device memory; expected memory of Fake GPU" in calls.refuse([places[0], at, *places[2:]])
    assert "array `codes` of `main` begins at 4 bytes past a multiple of 16" in calls.refuse([*places[:2], places[2] + 4, places[3]])
    calls.driver["memory_ordinal"] = 1
    assert "array `x` of `main` is on GPU 1, and the call is on GPU 0" in calls.refuse(places)
    calls.driver["memory_ordinal"] = 0
    assert calls.call(places) == 0


CALL = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.model_error.restype = ctypes.c_char_p
for _ in range(2):
    assert library.model_main(*[ctypes.c_void_p(0)] * 5) == -1
print(library.model_error().decode())
library.model_release()
"""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LOWBIT_CUDA_DRIVER": "/nowhere/libcuda.so"}, ["no NVIDIA driver: /nowhere/libcuda.so", "install release 525", "`gpu-sim`"]),
        ({"FAKE_CUDA": "version=11040"}, ["the NVIDIA driver is for CUDA 11.4; expected 12.0 or newer (release 525)"]),
        ({"FAKE_CUDA": "devices=0"}, ["finds no GPU (CUDA_ERROR_NO_DEVICE", "CUDA_VISIBLE_DEVICES"]),
        ({"LOWBIT_CUDA_DRIVER": "libm.so.6"}, ["the NVIDIA driver has no `cuInit`"]),
    ],
)
def test_without_a_driver_that_fits(built: Path, settings: dict[str, str], words: list[str]) -> None:
    """A message, at every call; the process lives on."""
    environment = {"LOWBIT_CUDA_DRIVER": str(built / "libfake_cuda.so"), **settings}
    done = run("python3", "-c", CALL, built / "model.so", **environment)
    assert done.returncode == 0, done.stderr
    for word in words:
        assert word in done.stdout


def test_a_library_needs_nothing_but_the_c_library(built: Path) -> None:
    """No C++ library, no CUDA, nothing of the compiler; only its own functions are exported."""
    check_needs(built / "model.so")


@pytest.mark.parametrize("compiler", [("clang-22", "-std=c99"), ("clang++-22", "-x", "c++")])
def test_the_header_is_c_and_cpp(built: Path, tmp_path: Path, compiler: tuple[str, ...]) -> None:
    header = check_header(built, tmp_path, compiler, "model_main(0, 0, 0, 0, 0)", LOWBIT_CUDA_DRIVER="/nowhere")
    assert "int32_t model_main(const float *" in header
    assert "Target: nvptx:sm_80" in header
    assert "in the memory of one GPU, at multiples of 16 bytes" in header


def refusal(action: Any) -> str:
    with pytest.raises(lowbit.Error) as caught:
        action()
    return str(caught.value)


def test_kernels_alone(built: Path, tmp_path: Path) -> None:
    """`.ptx` is text, `.cubin` needs the assembler, and neither has functions for C."""
    module = lowbit.load(built / "kernels.mlir")
    module.export(tmp_path / "k.ptx", "nvptx:sm_80")
    assert ".target sm_80" in (tmp_path / "k.ptx").read_text()
    assert ".visible .entry requantize(" in (tmp_path / "k.ptx").read_text()
    assert "kernels alone have no functions" in refusal(lambda: module.export(tmp_path / "k.ptx", "nvptx:sm_80", header=tmp_path / "k.h"))
    assert "expected `.so`, `.ptx` or `.cubin`" in refusal(lambda: module.export(tmp_path / "k.o", "nvptx:sm_80"))
    assert "expected `.o` or `.so`" in refusal(lambda: module.export(tmp_path / "k.ptx", "host"))
    (tmp_path / "ptx").mkdir()
    text_only = lowbit.load(lower(tmp_path / "ptx", LOWBIT_PTXAS="none"))
    assert "no `ptxas` is there" in refusal(lambda: text_only.export(tmp_path / "k.cubin", "nvptx:sm_80"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.ptx", "ptx"]


@pytest.mark.needs_ptxas
def test_cubins_are_machine_code(built: Path, tmp_path: Path) -> None:
    lowbit.load(built / "kernels.mlir").export(tmp_path / "k.cubin", "nvptx:sm_80")
    assert (tmp_path / "k.cubin").read_bytes()[:4] == b"\x7fELF"
