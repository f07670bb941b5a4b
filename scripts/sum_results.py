"""Adds up JUnit files and prints `N passed, N failed`.

Usage: sum_results.py FOLDER SUITE...; a suite without its file FOLDER/SUITE.xml counts as one failure.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def count(path: Path) -> tuple[int, int, int]:
    """Returns (passed, failed, skipped) of one JUnit file."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(folder: str, suites: list[str]) -> int:
    """Prints a line for each suite and the sum; returns the exit code."""
    totals = [0, 0, 0]
    for suite in suites:
        path = Path(folder, f"{suite}.xml")
        try:
            counts = count(path)
        except (OSError, ElementTree.ParseError) as error:
            print(f"{suite}: no results ({error})")
            counts = (0, 1, 0)
        if counts == (0, 0, 0):
            print(f"{suite}: ran no test")
            counts = (0, 1, 0)
        print(f"{suite}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
        totals = [total + part for total, part in zip(totals, counts)]
    print(f"{totals[0]} passed, {totals[1]} failed")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
