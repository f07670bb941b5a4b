"""The CUDA driver through ctypes, with as little as recording needs: no compiler, no headers, no CUDA run time."""

import ctypes
from ctypes import byref, c_float, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

import numpy as np


class CudaError(RuntimeError):
    """A driver call failed."""


class Device:
    """The first GPU."""

    def __init__(self) -> None:
        self.cuda = ctypes.CDLL("libcuda.so.1")
        self.call("cuInit", c_uint(0))
        device, context = c_int(), c_void_p()
        self.call("cuDeviceGet", byref(device), c_int(0))
        self.call("cuDevicePrimaryCtxRetain", byref(context), device)
        self.call("cuCtxSetCurrent", context)
        name = ctypes.create_string_buffer(100)
        self.call("cuDeviceGetName", name, c_int(100), device)
        self.name = name.value.decode()
        self.device = device

    def call(self, function: str, *arguments) -> None:
        """Any driver function; raises with its name and the driver's word for what went wrong."""
        status = getattr(self.cuda, function)(*arguments)
        if status:
            text = ctypes.c_char_p()
            self.cuda.cuGetErrorName(c_int(status), byref(text))
            raise CudaError(f"{function}: {text.value.decode() if text.value else status}")

    def attribute(self, number: int) -> int:
        """CUdevice_attribute by number."""
        value = c_int()
        self.call("cuDeviceGetAttribute", byref(value), c_int(number), self.device)
        return value.value

    def allocate(self, size: int) -> c_uint64:
        """Device memory, filled with zeros."""
        address = c_uint64()
        self.call("cuMemAlloc_v2", byref(address), c_size_t(max(size, 256)))
        self.call("cuMemsetD8_v2", address, ctypes.c_ubyte(0), c_size_t(max(size, 256)))
        return address

    def upload(self, array: np.ndarray) -> c_uint64:
        """A copy of the array in device memory."""
        array = np.ascontiguousarray(array)
        address = self.allocate(array.nbytes)
        if array.nbytes:
            self.call("cuMemcpyHtoD_v2", address, c_void_p(array.ctypes.data), c_size_t(array.nbytes))
        return address

    def download(self, address: c_uint64, shape: tuple[int, ...], kind: type) -> np.ndarray:
        """Device memory as an array."""
        array = np.zeros(shape, kind)
        if array.nbytes:
            self.call("cuMemcpyDtoH_v2", c_void_p(array.ctypes.data), address, c_size_t(array.nbytes))
        return array

    def free(self, address: c_uint64) -> None:
        """Gives memory back."""
        self.call("cuMemFree_v2", address)

    def function(self, cubin: bytes, name: str = "run", dynamic_shared: int = 0) -> c_void_p:
        """A kernel of a cubin."""
        module, function = c_void_p(), c_void_p()
        self.call("cuModuleLoadData", byref(module), ctypes.c_char_p(cubin))
        self.call("cuModuleGetFunction", byref(function), module, name.encode())
        if dynamic_shared > 48 << 10:
            self.call("cuFuncSetAttribute", function, c_int(8), c_int(dynamic_shared))
        return function

    def launch(self, function: c_void_p, grid: int, block: int, shared: int, arguments: list) -> None:
        """Starts a kernel on the default stream."""
        pointers = (c_void_p * len(arguments))(*[ctypes.cast(ctypes.pointer(a), c_void_p) for a in arguments])
        size = [c_uint(n) for n in (grid, 1, 1, block, 1, 1, shared)]
        self.call("cuLaunchKernel", function, *size, c_void_p(), pointers, c_void_p())

    def wait(self) -> None:
        """Until everything started is done."""
        self.call("cuCtxSynchronize")

    def seconds(self, run, repeat: int = 5) -> float:
        """The shortest time of `run` on the device, by events, after one run to warm up."""
        start, stop, best = c_void_p(), c_void_p(), float("inf")
        self.call("cuEventCreate", byref(start), c_uint(0))
        self.call("cuEventCreate", byref(stop), c_uint(0))
        for i in range(repeat + 1):
            self.call("cuEventRecord", start, c_void_p())
            run()
            self.call("cuEventRecord", stop, c_void_p())
            self.call("cuEventSynchronize", stop)
            elapsed = c_float()
            self.call("cuEventElapsedTime", byref(elapsed), start, stop)
            best = min(best, elapsed.value / 1e3) if i else best
        return best

    def tensor_map(self, address: int, sizes: tuple, pitches: tuple, box: tuple, element: int, swizzle: str, **_) -> np.ndarray:
        """The 128 bytes of a tiled tensor map over unsigned elements of `element` bytes; outside is zero."""
        rank = len(sizes)
        storage = (ctypes.c_ubyte * 192)()
        aligned = (ctypes.addressof(storage) + 63) // 64 * 64
        kind = {1: 0, 2: 1, 4: 2}[element]
        number = {"none": 0, "32B": 1, "64B": 2, "128B": 3}[swizzle]
        self.call(
            "cuTensorMapEncodeTiled", c_void_p(aligned), c_int(kind), c_uint32(rank), c_void_p(address),
            (c_uint64 * rank)(*sizes), (c_uint64 * rank)(*pitches), (c_uint32 * rank)(*box), (c_uint32 * rank)(*[1] * rank),
            c_int(0), c_int(number), c_int(0), c_int(0),
        )  # fmt: skip
        return np.frombuffer(ctypes.string_at(aligned, 128), np.uint8).copy()
