"""Rows of results: one JSON object a line, and what is said while they are made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The order in which a row's fields are written; `case` fields come after `suite`.
FIELDS = (
    *("impl", "version", "types", "call", "temperature", "bits_per_weight", "us_min", "us_med", "rounds", "samples"),
    *("limit", "limit_value", "fraction", "ratio", "checked", "cosine", "cosine_min", "nbytes", "compile_seconds", "detail"),
)


class Report:
    """The results of one suite, written as they come; those of a part of its cases or implementations do not replace all of them."""

    def __init__(self, suite: str, folder: Path, partial: bool = False) -> None:
        self.suite, self.path = suite, folder / f"{suite}{'-part' if partial else ''}.jsonl"
        self.rows: list[dict[str, Any]] = []
        self.failures = 0
        self._missing: set[str] = set()
        self._file = self.path.open("w")

    def add(self, case: dict[str, Any], row: dict[str, Any]) -> None:
        """Writes a row and prints its gist."""
        row = {"suite": self.suite, **case, **{name: row[name] for name in FIELDS if name in row}}
        self.rows.append(row)
        print(json.dumps(row), file=self._file, flush=True)
        named = " ".join(f"{name}={value}" for name, value in case.items())
        ratio = f"{row['ratio']:7.2f}x" if row.get("ratio") else " " * 8
        fraction = f"{row['fraction']:6.1%} of {row['limit']}" if "limit" in row else ""
        print(f"{self.suite:8} {named:44} {row['impl']:34} {row['us_min']:11.2f} us {ratio} {fraction}", flush=True)

    def missing(self, implementation: str, reason: str) -> None:
        """Says once that something is not measured, and why."""
        if f"{implementation}: {reason}" not in self._missing:
            self._missing.add(f"{implementation}: {reason}")
            print(f"{self.suite}: without {implementation}: {reason}", file=sys.stderr, flush=True)

    def wrong(self, implementation: str, case: dict[str, Any]) -> None:
        """Says that a result is not what it has to be."""
        self.failures += 1
        print(f"{self.suite}: error: the result of {implementation} is wrong for {case}", file=sys.stderr, flush=True)


def read_rows(folder: Path, suite: str) -> Iterator[dict[str, Any]]:
    """The rows of an earlier run; none when there was none."""
    path = folder / f"{suite}.jsonl"
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)
