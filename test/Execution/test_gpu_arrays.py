"""Arrays in a GPU's memory that come from other libraries and go to them, by DLPack and `__cuda_array_interface__`, over a driver that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_gpu import PROLOGUE, folder, python

__all__ = ["folder"]

LEND = """
from dlpack_producer import Lent, Managed, Versioned

def upload(array):
    address = driver.allocate(array.nbytes + 64)
    ctypes.memmove(address, array.ctypes.data, array.nbytes)
    return address

def lend(array, **how):
    return Lent(array, upload(array), **how)

def read(lent, offset=0):
    return np.frombuffer(ctypes.string_at(lent.address + offset, lent.array.nbytes), lent.array.dtype).reshape(lent.array.shape)

codes = np.full((5, 6), 77, np.int8)
"""

# Versioned capsules and older ones, with strides and without, and one that begins within its memory.
IN = """
for how in ({}, {"versions": False}, {"strides": (6, 1)}, {"device": (13, 0)}):
    a, b, out = lend(x, **how), lend(y, **how), lend(codes, **how)
    uploads = driver["uploads"]
    f.into({"codes": out}, x=a, y=b)
    np.testing.assert_array_equal(read(out), want)
    assert driver["uploads"] - uploads <= 1  # the constant
    gc.collect()
    assert [lent.returned for lent in (a, b, out)] == [lent.given for lent in (a, b, out)] == [1, 1, 1], how
    # Results are ordered after what the producer put on the default stream.
    assert all(asked["stream"] == 1 for lent in (a, b, out) for asked in lent.asked)
a = lend(x)
ctypes.memmove(a.address + 32, x.ctypes.data, x.nbytes)
ctypes.memset(a.address, 0xEE, 32)
a.offset = 32
np.testing.assert_array_equal(f(x=a, y=y)["codes"], want)
assert a.returned == 1
"""

REFUSED = """
for words, how in (
    ("`x` is not contiguous", {"strides": (1, 5)}),
    ("`x` is not contiguous", {"strides": (12, 1)}),
    ("`x` is on a device of type 10 (DLPack's number); expected the host's memory or an NVIDIA GPU's", {"device": (10, 0)}),
    ("begins at 4 bytes past a multiple of 16", {"offset": 4}),
    ("elements of V4; expected float32 (f32)", {"lanes": 2}),
    ("elements of V4; expected float32 (f32)", {"code": 5}),
):
    a, b = lend(x, **how), lend(y)
    assert words in (message := refusal(lambda: f(x=a, y=b))), message
    gc.collect()
    for lent in (a, b):
        assert lent.returned == lent.given, words
    np.testing.assert_array_equal(f(x=x, y=y)["codes"], want)  # the process lives on
driver["memory_ordinal"] = 1
a = lend(x, device=(2, 1))
assert "array `x` of `main` is on GPU 1, and the call is on GPU 0" in refusal(lambda: f(x=a, y=y))
driver["memory_ordinal"] = 0
assert a.returned == a.given == 1

class Broken(Lent):
    def __dlpack__(self, **asked):
        raise RuntimeError("as the test asked for")

assert refusal(lambda: f(x=Broken(x, 0), y=y)) == "array `x` cannot be had by DLPack: as the test asked for"

class Capsuleless(Lent):
    def __dlpack__(self, **asked):
        return 7

assert "no capsule of a tensor" in refusal(lambda: f(x=Capsuleless(x, 0), y=y))
driver["fail_launch"] = 719
a, b = lend(x), lend(y)
assert "launch of kernel `add`" in refusal(lambda: f(x=a, y=b))
driver["fail_launch"] = 0
assert a.returned == b.returned == 1
"""

READ_ONLY = """
a, b, out = lend(x, read_only=True), lend(y, read_only=True), lend(codes, read_only=True)
assert "output `codes` can only be read; expected an array to write into" in refusal(lambda: f.into({"codes": out}, x=a, y=b))
assert (read(out) == 77).all()
np.testing.assert_array_equal(f(x=a, y=b)["codes"], want)
gc.collect()
assert all(lent.returned == lent.given for lent in (a, b, out))
# What can only be read is lent on as such, or not at all.
bound = f.bind(x=a, y=y)
try:
    bound.inputs["x"].__dlpack__()
    raise AssertionError("not refused")
except BufferError as error:
    assert "the array can only be read" in str(error)
assert bound.inputs["x"].__cuda_array_interface__["data"] == (a.address, True)
"""

# A call that is bound keeps what it uses until it goes.
BOUND = """
a, b = lend(x), lend(y)
bound = f.bind(x=a, y=b)
gc.collect()
assert a.returned == b.returned == 0
for _ in range(3):
    out = bound()["codes"]
np.testing.assert_array_equal(out.numpy(), want)
other = OnDevice(x)
gone = other.address
import weakref
reference = weakref.ref(other)
bound = f.bind(x=other, y=b)
del other
gc.collect()
assert reference() is not None
np.testing.assert_array_equal(bound()["codes"].numpy(), want)
del bound
gc.collect()
assert reference() is None
assert a.returned == 1
"""

# Results are where the inputs are, and go on from there; what they take is given back once.
OUT = """
a, b = f.to_device(x), f.to_device(y)
assert (a.shape, a.dtype, a.nbytes, a.read_only, a.type) == ((5, 6), np.float32, 120, False, "f4")
np.testing.assert_array_equal(a.numpy(), x)
uploads = driver["uploads"]
result = f(x=a, y=b)["codes"]
assert isinstance(result, lowbit.DeviceArray) and repr(result) == "DeviceArray(shape=(5, 6), type=i8, gpu=0)", result
assert driver["uploads"] == uploads + 1  # the constant
np.testing.assert_array_equal(result.numpy(), want)
np.testing.assert_array_equal(np.asarray(result), want)
np.testing.assert_array_equal(np.asarray(result, np.float32), want.astype(np.float32))
interface = result.__cuda_array_interface__
assert interface == {
    "shape": (5, 6), "typestr": "|i1", "data": (result.address, False), "strides": None, "stream": None, "version": 3
}
assert result.address % 256 == 0 and result.__dlpack_device__() == (2, 0)
# In turn an output and an input, by all ways: as it is, by DLPack, by the interface.
class ByInterface:
    def __init__(self, array):
        self.array, self.__cuda_array_interface__ = array, array.__cuda_array_interface__
ones = f.to_device(np.ones((5, 6), np.float32))
for array in (a, ByInterface(a)):
    np.testing.assert_array_equal(f(x=array, y=b)["codes"].numpy(), want)
f.into({"codes": result}, x=ones, y=ones)
assert (result.numpy() == np.rint(np.clip(3 * np.float32([0.5, 1, 2, 4, 8, 16]), -128, 127))).all()
# Capsules of both kinds, taken or not.
for version in (None, (1, 0)):
    import lowbit._native as native
    memory, address, shape, kind, dense, read_only = native.take_capsule(result.__dlpack__(stream=2, max_version=version))
    assert (address, shape, kind, dense, read_only) == (result.address, [5, 6], "i1", True, False)
    del memory
    result.__dlpack__(max_version=version)
for wrong in ({"dl_device": (1, 0)}, {"copy": True}):
    try:
        result.__dlpack__(**wrong)
        raise AssertionError("not refused")
    except BufferError:
        pass
# Somebody else keeps the memory when the array goes.
alive, address, capsule = driver["allocations"], result.address, result.__dlpack__(max_version=(1, 0))
del result, interface
gc.collect()
assert driver["allocations"] == alive
del capsule
gc.collect()
assert driver["allocations"] == alive - 1
# Some here, some there: results are the host's.
assert isinstance(f(x=a, y=y)["codes"], np.ndarray)
assert "out of device memory" in (driver.__setitem__("free_bytes", 0), refusal(lambda: f(x=a, y=b)))[1]
driver["free_bytes"] = 1 << 20
del a, b, ones, array, f
gc.collect()

assert [driver[what] for what in ("allocations", "bytes", "modules", "streams")] == [0] * 4
"""

INTERFACE = """
def change(array, **fields):
    made = OnDevice(array)
    made.__cuda_array_interface__ |= fields
    return made

def call(**fields):
    return f(x=change(x, **fields), y=y)["codes"]

# Streams: what is on the producer's is done first; calls are on the default one (1) themselves.
for stream, waited in ((None, 0), (1, 0), (2, 2), (0x1230, 0x1230)):
    driver["waited_for"] = 0
    np.testing.assert_array_equal(call(stream=stream), want)
    assert driver["waited_for"] == waited, stream
for stream in (0, -1, "1"):
    assert "has the stream " + repr(stream) + "; expected a CUstream's address" in refusal(lambda: call(stream=stream))
driver["fail_sync"] = 719
assert "a kernel failed while it ran" in refusal(lambda: call(stream=0x1230))
driver["fail_sync"] = 0
assert "array `x` has a mask; expected an array whose elements all count" in refusal(lambda: call(mask=object()))
np.testing.assert_array_equal(call(mask=None), want)
# Strides of dense rows are those of none.
np.testing.assert_array_equal(call(strides=(24, 4)), want)
np.testing.assert_array_equal(call(strides=None), want)
for strides in ((4, 20), (48, 4), (0, 4), (-24, 4)):
    assert "array `x` is not contiguous" in refusal(lambda: call(strides=strides)), strides
# Read-only arrays are inputs, and no outputs.
a = change(x, data=(OnDevice(x).address, True))
np.testing.assert_array_equal(f(x=a, y=y)["codes"], want)
out = change(codes)
out.__cuda_array_interface__["data"] = (out.address, True)
assert "output `codes` can only be read" in refusal(lambda: f.into({"codes": out}, x=a, y=y))
assert (out.read() == 77).all()
for typestr in (">f4", "<c8", "<f16", "|O8"):
    assert f"elements of {typestr}; expected numbers" in refusal(lambda: call(typestr=typestr))
assert "`x` has elements of" in refusal(lambda: call(typestr="<i4"))
"""


@pytest.mark.parametrize(
    "program", [IN, REFUSED, READ_ONLY, BOUND, OUT, INTERFACE], ids=["in", "refused", "read-only", "bound", "out", "interface"]
)
def test_arrays(folder: Path, program: str) -> None:
    python(folder, PROLOGUE + LEND + program)


ELSEWHERE = """
model = sys.argv[1].replace("kernels.mlir", "plain.mlir")
open(model, "w").write('''
func.func @main(%x: tensor<5x6xf32> {lowbit.name = "x"}) -> (tensor<5x6xf32> {lowbit.name = "y"}) {
  %e = tensor.empty() : tensor<5x6xf32>
  %y = linalg.exp ins(%x : tensor<5x6xf32>) outs(%e : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}''')
for target, where in (("host", "runs on the host; copy it there"), ("gpu-sim", "runs on another device; copy it to the host")):
    g = lowbit.load(model).compile(target)
    right = g(x=x)["y"]
    for array in (lend(x), OnDevice(x), f.to_device(x)):
        for action in (lambda: g(x=array), lambda: g.into({"y": array}, x=x), lambda: g.bind(x=array)):
            assert "is in a GPU's memory, and this function " + where in refusal(action)
    assert "the function runs on no NVIDIA GPU; expected a target `nvptx:…`" in refusal(lambda: g.to_device(x))
    np.testing.assert_array_equal(g(x=x)["y"], right)
    # The host's, of a library that speaks nothing but DLPack.
    mine = Lent(x, x.ctypes.data, device=(1, 0))
    np.testing.assert_array_equal(g(x=mine)["y"], right)
    gc.collect()
    assert mine.returned == mine.given == 1
"""


def test_functions_that_run_elsewhere_refuse_them(folder: Path) -> None:
    """The host's and the simulator's: nothing is read where it does not lie."""
    python(folder, PROLOGUE + LEND + ELSEWHERE)
