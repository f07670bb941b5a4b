"""What one core can do at most, measured in this process beside the calls."""

from __future__ import annotations

import ctypes

from bench import native

COMPUTE = ("vpdpbusd", "fma", "vdpbf16ps", "xor+vpopcntq+add")
LEVELS = {"L1": 16 << 10, "L2": 512 << 10, "L3": 8 << 20, "DRAM": 512 << 20}


def compute_limit(name: str, repeat: int = 8) -> float:
    """Operations a second (a product and its addition are two); 0 where the instruction is missing."""
    return _call("bench_limit", name.encode(), repeat)


def read_limit(num_bytes: int, repeat: int = 8) -> float:
    """Bytes a second out of `num_bytes` of memory that are read again and again; 0 where it cannot be measured."""
    return _call("bench_read_limit", ctypes.c_size_t(num_bytes), repeat)


def _call(name: str, *arguments: object) -> float:
    try:
        function = getattr(native.load("limits"), name)
    except native.Unavailable:
        return 0.0
    function.restype = ctypes.c_double
    return function(*arguments)


class Limits:
    """The limits of one case: the largest rate seen in any of its rounds counts."""

    def __init__(self, compute: str, num_bytes: int, cold: bool) -> None:
        self.compute_name, self.num_bytes, self.cold = compute, num_bytes, cold
        self.compute = self.read = 0.0

    def sample(self) -> None:
        """Measures both once more."""
        self.compute = max(self.compute, compute_limit(self.compute_name))
        sizes = [LEVELS["DRAM"]] if self.cold else [self.num_bytes]
        if LEVELS["L1"] < self.num_bytes < 2 * LEVELS["L2"] and not self.cold:
            sizes.append(LEVELS["L2"])  # the level's best: what is read from sizes near the first cache's is below it
        for size in sizes:
            self.read = max(self.read, read_limit(size, 2 if self.cold else 3))

    def bound(self, operations: float) -> tuple[float, str, float]:
        """Seconds below which no call can get that does `operations` and reads the weights; the limit's name and value (GOP/s or GB/s)."""
        compute, read = operations / self.compute if self.compute else 0.0, self.num_bytes / self.read if self.read else 0.0
        if compute >= read:
            return compute, self.compute_name, self.compute / 1e9
        return read, "read DRAM" if self.cold else "read", self.read / 1e9
