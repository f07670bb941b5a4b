"""Measures suites of cases: Lowbit and its peers in turns, in one process on one core, beside the limits of the machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench import docs, machine, suites, table
from bench.compare import Options
from bench.report import Report


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; exits with 1 when a suite is unknown."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {' '.join(suites.NAMES)}; all by default")
    parser.add_argument("--only", metavar="NAME,…", default="", help="only these implementations, such as lowbit,onednn")
    parser.add_argument(
        "--select", metavar="FIELD=VALUE,…", action="append", default=[], help="only cases with these values, such as M=1,16"
    )
    parser.add_argument("--rounds", type=int, default=7, help="turns that each implementation gets (default 7)")
    parser.add_argument("--slice", type=float, default=15, metavar="MS", help="milliseconds of a turn (default 15)")
    parser.add_argument("--docs", action="store_true", help="write docs/Performance.md and its plots from the last results")
    parsed = parser.parse_args(arguments)
    for name in parsed.suites:
        if name not in suites.NAMES:
            print(f"scripts/bench: unknown suite `{name}`; expected one of {', '.join(suites.NAMES)}", file=sys.stderr)
            sys.exit(1)
    if parsed.rounds < 3:
        print(f"scripts/bench: {parsed.rounds} rounds; expected at least 3", file=sys.stderr)
        sys.exit(1)
    for text in parsed.select:
        if "=" not in text:
            print(f"scripts/bench: `--select {text}`; expected a field of a case and its values, such as M=1,16", file=sys.stderr)
            sys.exit(1)
    return parsed


def main(arguments: list[str]) -> int:
    """Runs what was asked for; returns the exit code."""
    parsed = parse(arguments)
    folder = Path(os.environ["LOWBIT_BENCH_OUTPUT"])
    folder.mkdir(parents=True, exist_ok=True)
    only = frozenset(name for name in parsed.only.split(",") if name)
    options = Options(parsed.rounds, parsed.slice / 1e3, only, dict(text.split("=", 1) for text in parsed.select))
    names = parsed.suites or ([] if parsed.docs else suites.NAMES)
    if names:
        machine.write(folder)
    for name in names:
        suite, report = suites.load(name), Report(name, folder, partial=bool(only or options.select))
        suite.run(report, options)
        report.path.with_suffix(".md").write_text(f"# {suite.TITLE}\n\n{table.markdown(report.rows)}" if report.rows else "")
    if parsed.docs:
        docs.write(folder, Path(__file__).resolve().parents[1] / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
