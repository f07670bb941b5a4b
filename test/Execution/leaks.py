"""How much resident memory calls leave behind."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

CALLS = 10_000
LIMIT = 4 << 20  # bytes; a kilobyte a call would be 10 million
_SETTLED = 1_000  # calls after which everything that is kept is there


def resident() -> int:
    """Bytes of memory of this process, without what is free in the heap."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def growth(call: Callable[[], object], calls: int = CALLS) -> int:
    """By how many bytes the process grows in so many calls."""
    for _ in range(_SETTLED):
        call()
    before = resident()
    for _ in range(calls):
        call()
    return resident() - before


def check(call: Callable[[], object], calls: int = CALLS) -> None:
    """10,000 calls leave nothing behind."""
    found = growth(call, calls)
    assert found < LIMIT * calls // CALLS, f"{found} bytes are left behind by {calls} calls"
