"""The report on disk: JSON, or one HTML file that needs nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.layers import SideBySide

_WORST = 5


def complete(report: dict[str, Any], beside: SideBySide | None = None, following: Callable[[str], str] | None = None) -> None:
    """Adds what runs have shown to the compiler's report, and which sites in codes are worst: by layers where they are known, else by weights.

    `offenders` holds, for each, `noise`: the error's energy as a part of the signal's. following: gives the command to try next for the worst.
    """
    for row in report["sites"]:
        if beside and row["site"] in beside.layers:
            row["layer"] = beside.layers[row["site"]].as_json()
    if beside:
        report["outputs"] = [output.as_json() for output in beside.outputs]
    figures = {
        row["site"]: sqnr
        for row in report["sites"]
        if row["site"] and is_quantized(row) and (sqnr := row.get("layer", {}).get("sqnr_db") if beside else _weight(row)) is not None
    }
    worst = sorted(figures.items(), key=lambda each: (each[1], each[0]))[:_WORST]
    report["offenders"] = [{"site": site, "sqnr_db": sqnr, "noise": 10 ** (-sqnr / 10)} for site, sqnr in worst]
    if following and worst:
        report["next"] = following(worst[0][0])


def is_quantized(row: Mapping[str, Any]) -> bool:
    """Whether the site computes on codes, or looks them up."""
    return "operands" in row and "float_reason" not in row


def _weight(row: Mapping[str, Any]) -> float | None:
    # 999 says that nothing was lost.
    return row["sqnr_db"] if row.get("sqnr_db", 999) < 999 else None


def write_report(report: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes .html or .json, whole or not at all."""
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        text = json.dumps(report, indent=1) + "\n"
    elif suffix in (".html", ".htm"):
        from lowbit.report_html import render

        text = render(report)
    else:
        raise Error(f"a report is .html or .json, not `{suffix}`", os.fspath(path))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
