"""The command line of scripts/bench. Needs nothing but Python: it is asked before anything is installed."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from bench.suites import NAMES


class _Parser(argparse.ArgumentParser):
    """Refuses with 1, as the other scripts do."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        _refuse(message)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Exits with 1 when something is asked for that there is not."""
    parser = _Parser(
        prog="scripts/bench",
        description="Measures suites of cases: Lowbit and its peers in turns, in one process on one core, beside the limits of the machine. "
        "`scripts/bench gpu`, alone, measures kernels on a GPU beside PyTorch's.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {' '.join(NAMES)}; all by default")
    parser.add_argument("--only", metavar="NAME,…", default="", help="only these implementations, such as lowbit,onednn")
    parser.add_argument("--select", metavar="FIELD=VALUE,…", action="append", default=[], help="only cases with these values: M=1,16")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each implementation gets (default 7)")
    parser.add_argument("--slice", type=float, default=15, metavar="MS", help="milliseconds of a turn (default 15)")
    parser.add_argument("--docs", action="store_true", help="write docs/Performance.md and its picture from the last results")
    parsed = parser.parse_args(arguments)
    for name in parsed.suites:
        if name not in NAMES:
            _refuse(f"unknown suite `{name}`; expected one of {', '.join(NAMES)}")
    if parsed.rounds < 3:
        _refuse(f"{parsed.rounds} rounds; expected at least 3")
    for text in parsed.select:
        if "=" not in text:
            _refuse(f"`--select {text}`; expected a field of a case and its values, such as M=1,16")
    return parsed


def suites_to_run(parsed: argparse.Namespace) -> list[str]:
    """Those that are named; all when none is, or none when only documents are asked for."""
    return parsed.suites or ([] if parsed.docs else list(NAMES))


def _refuse(text: str) -> NoReturn:
    print(f"scripts/bench: {text}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    print(*(suites_to_run(parse(sys.argv[1:])) or ["threads"]))  # documents need the packages that every suite needs
