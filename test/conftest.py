"""What tests need of the machine, and whether they may do without."""

from __future__ import annotations

import os

import ptxas
import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_ptxas: runs NVIDIA's assembler; skipped without one, unless LOWBIT_REQUIRE_PTXAS is set")
    os.environ["LOWBIT_PTXAS"] = ptxas.find() or "none"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_ptxas") and not ptxas.find():
        (pytest.fail if ptxas.is_required() else pytest.skip)(f"needs ptxas; {ptxas.ADVICE}")
