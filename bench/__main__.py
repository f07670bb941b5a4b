"""Measures suites of cases: Lowbit and its peers in turns, in one process on one core, beside the limits of the machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench import docs, machine, suites, table
from bench.compare import Options
from bench.options import parse, suites_to_run
from bench.report import Report


def main(arguments: list[str]) -> int:
    """Runs what was asked for; returns the exit code."""
    parsed = parse(arguments)
    folder = Path(os.environ["LOWBIT_BENCH_OUTPUT"])
    folder.mkdir(parents=True, exist_ok=True)
    only = frozenset(name for name in parsed.only.split(",") if name)
    options = Options(parsed.rounds, parsed.slice / 1e3, only, dict(text.split("=", 1) for text in parsed.select))
    names = suites_to_run(parsed)
    if names:
        machine.write(folder)
    failures = 0
    for name in names:
        suite, report = suites.load(name), Report(name, folder, partial=bool(only or options.select))
        suite.run(report, options)
        failures += report.failures
        report.path.with_suffix(".md").write_text(f"# {suite.TITLE}\n\n{table.markdown(report.rows)}" if report.rows else "")
    if parsed.docs:
        docs.write(folder, Path(__file__).resolve().parents[1] / "docs")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
