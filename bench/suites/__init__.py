"""Suites by name."""

from __future__ import annotations

import importlib

NAMES = ("int8", "int4", "ternary", "binary", "conv", "gemm", "model", "threads", "train")


def load(name: str):
    """The module of a suite: `run(report, options)` and what the table says about it."""
    return importlib.import_module(f"bench.suites.{name}")
