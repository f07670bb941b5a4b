"""Functions compiled for a GPU, called from Python, over a driver that is none: arrays of the host and of the GPU, results, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_gpu import INPUTS, PROLOGUE, build_driver, folder, lower, python

__all__ = ["folder"]

HOST = """
for _ in range(4):
    np.testing.assert_array_equal(f(x=x, y=y)["codes"], want)
assert driver["allocations"] == 2, driver["allocations"]  # what calls need, and the constant
assert driver["captures"] == 1 and driver["replays"] == 3
allocations = driver["calls_to_allocate"]
for _ in range(2000):
    f(x=x, y=y)
assert driver["calls_to_allocate"] == allocations
assert f.benchmark({"x": x, "y": y}, repeat=5).minimum > 0
del f
gc.collect()
assert [driver[what] for what in ("allocations", "modules", "executables", "graphs", "streams")] == [0] * 5
"""

DEVICE = """
a, b, codes = OnDevice(x), OnDevice(y), OnDevice(np.full((5, 6), 77, np.int8))
uploads = driver["uploads"]
for _ in range(3):
    assert f.into({"codes": codes}, x=a, y=b) is None
np.testing.assert_array_equal(codes.read(), want)
assert driver["uploads"] == uploads + 1  # the constant
np.testing.assert_array_equal(f(x=a, y=y)["codes"], want)  # some here, some there
out = np.empty((5, 6), np.int8)
f.into({"codes": out}, x=a, y=b)
np.testing.assert_array_equal(out, want)
assert "is not contiguous" in refusal(lambda: f(x=OnDevice(x, strides=(4, 20)), y=y))
assert "outputs 'z' given; expected 'codes'" in refusal(lambda: f.into({"z": codes}, x=a, y=b))
assert "no contiguous, writable array" in refusal(lambda: f.into({"codes": out.T}, x=a, y=b))
driver["memory_ordinal"] = 1
assert "array `x` of `main` is on GPU 1, and the call is on GPU 0" in refusal(lambda: f(x=OnDevice(x), y=OnDevice(y)))
driver["memory_ordinal"] = 0
assert "has elements of >f4" in refusal(lambda: f(x=OnDevice(x.astype(">f4")), y=y))
"""

BOUND = """
bound = f.bind(x=x, y=y)
np.testing.assert_array_equal(bound()["codes"], want)
assert bound() is bound.outputs
x[...], y[...] = 0, 0  # read again at each call
assert not bound()["codes"].any()
allocations = driver["calls_to_allocate"]
for _ in range(100):
    bound()
assert driver["calls_to_allocate"] == allocations and driver["captures"] == 1 and driver["replays"] > 100
bound.pull(), bound.push()  # nothing that it updates
assert "expected one of the host" in refusal(lambda: bound.function)
driver["fail_launch"] = 719
other = f.bind(x=x + 1, y=y)
assert "launch of kernel `add`" in refusal(other)
driver["fail_launch"] = 0
np.testing.assert_array_equal(other()["codes"], f(x=x + 1, y=y)["codes"])
assert "`x` has shape [" in refusal(lambda: f.bind(x=x.T.copy(), y=y))
del f
gc.collect()
assert not bound()["codes"].any()
del bound, other
gc.collect()
assert [driver[what] for what in ("allocations", "modules", "executables", "graphs", "streams")] == [0] * 5
"""

REFUSALS = """
assert "`x` has shape [" in (message := refusal(lambda: f(x=x.T.copy(), y=y))), message
for setting, value, words in (
    ("free_bytes", 0, "function `main`: out of device memory"),
    ("fail_load", 209, "compile for `nvptx:sm_80`"),
    ("fail_launch", 719, "launch of kernel `add`"),
    ("fail_sync", 719, "a kernel failed while it ran"),
):
    before = driver[setting]
    driver[setting] = value
    assert words in refusal(lambda: f(x=x, y=y)), setting
    driver[setting] = before
np.testing.assert_array_equal(f(x=x, y=y)["codes"], want)
"""

NO_DRIVER = """
import sys
import lowbit
try:
    lowbit.load(sys.argv[1]).compile("nvptx:sm_80")
except lowbit.Error as error:
    print(error)
"""


@pytest.mark.parametrize("program", [HOST, DEVICE, BOUND, REFUSALS], ids=["host", "device", "bound", "refusals"])
def test_calls(folder: Path, program: str) -> None:
    python(folder, PROLOGUE + program)


EARLY = """
for _ in range(3):
    np.testing.assert_array_equal(f(x=x, y=y)["codes"], want)
# The second of three kernels, in the first call and in the one that is recorded.
assert driver["early_launches"] == 2, driver["early_launches"]
"""


def test_kernels_that_wait_themselves_begin_early(tmp_path: Path) -> None:
    build_driver(tmp_path)
    text, source = (INPUTS / "kernels.mlir").read_text(), tmp_path / "source.mlir"
    begin = "%row = gpu.block_id x"
    assert text.count(begin) == 1
    source.write_text(text.replace(begin, f"nvvm.griddepcontrol wait\n      {begin}").replace("sm_80", "sm_90a"))
    lower(tmp_path, source)
    python(tmp_path, PROLOGUE.replace("sm_80", "sm_90a") + EARLY, FAKE_CUDA="architecture=90")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"LOWBIT_CUDA_DRIVER": "/nowhere/libcuda.so"}, "target `nvptx:sm_80` cannot run here: no NVIDIA driver: /nowhere/libcuda.so"),
        ({"FAKE_CUDA": "version=11080"}, "the NVIDIA driver is for CUDA 11.8; expected 12.0 or newer"),
        ({"FAKE_CUDA": "devices=0"}, "the NVIDIA driver finds no GPU"),
    ],
)
def test_code_is_made_ready_only_where_a_gpu_is(folder: Path, settings: dict[str, str], words: str) -> None:
    assert words in python(folder, NO_DRIVER, **settings)
