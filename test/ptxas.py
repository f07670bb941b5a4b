"""NVIDIA's assembler for tests, who make the compiler use the same one: both agree on whether there is one, and on which."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ADVICE = "LOWBIT_SETUP_PTXAS=1 scripts/setup installs one"


def find(python: str = sys.executable) -> str | None:
    """Where the compiler looks (`findPTXAssembler`), with `python`'s packages as those beside it."""
    if named := os.environ.get("LOWBIT_PTXAS"):
        return None if named == "none" else named
    packages = Path(python).parents[1].glob("lib/python3*/site-packages/nvidia/*/bin")
    usual = map(Path, ("/usr/local/cuda/bin", "/opt/cuda/bin"))
    return shutil.which("ptxas") or next((found for folder in (*packages, *usual) if (found := shutil.which("ptxas", path=folder))), None)


def is_required() -> bool:
    """Whether tests that need one fail without it, and are not skipped."""
    return bool(os.environ.get("LOWBIT_REQUIRE_PTXAS"))
