"""What holds for every kernel: whatever is wrong with a mutant of it is found, but for what a test explains, and there are no bank conflicts."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable

ALL = "LOWBIT_ALL_MUTANTS" in os.environ
OFFSETS = ("another distance", "half the pitch", "is not swizzled")
STRIDES = ("half the stride", "the constant is one less")


def check_mutants(run: Callable[..., subprocess.CompletedProcess], same: dict[str, int] | None = None, strides: int = 0) -> None:
    """Runs a kernel's mutants: everything that orders, `strides` of each kind of strides (0: all) and one of each kind of offsets; all of
    them where the environment has LOWBIT_ALL_MUTANTS. same: how many of each kind compute the same.
    """
    limits = [] if ALL else [f"--strides={strides}", "--offsets=1"]
    outcome = run("--mutants", *limits)
    log = outcome.stdout + outcome.stderr
    assert re.search(r"^[1-9]\d* mutants, \d+ not found$", outcome.stdout, re.MULTILINE), log
    missed = Counter(": ".join(names) for names in re.findall(r"^mutant \d+, (\S+) at .*: (.*): NOT FOUND$", outcome.stdout, re.MULTILINE))
    for kind in {*missed, *(same or {})}:
        drawn = not ALL and kind.endswith(OFFSETS if strides == 0 else OFFSETS + STRIDES)
        found, expected = missed[kind], (same or {}).get(kind, 0)
        assert found <= expected if drawn else found == expected, f"{kind}: {found} not found, and {expected} compute the same\n{log}"


def check_banks(outcome: subprocess.CompletedProcess) -> int:
    """No bank of shared memory is asked for two words at once, by `--counts`; how many matrices were loaded or stored."""
    counts = re.search(r"(\d+) matrices in (\d+) phases, (\d+) accesses in (\d+) phases", outcome.stdout)
    assert counts, outcome.stdout + outcome.stderr
    matrices, phases, accesses, access_phases = map(int, counts.groups())
    assert matrices == phases, "ldmatrix has bank conflicts"
    assert accesses == access_phases, "plain loads or stores have bank conflicts"
    return matrices
