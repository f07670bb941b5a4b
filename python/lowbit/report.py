"""The report on disk: JSON, or one HTML file that needs nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from lowbit.errors import Error
from lowbit.files import whole_file


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
