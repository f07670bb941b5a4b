"""The machine of a run: what it is, and its limits measured before the suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.limits import COMPUTE, LEVELS, compute_limit, read_limit


def describe() -> dict[str, Any]:
    """Processor, cores, and limits in GOP/s and GB/s."""
    lines = [line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line]
    fields = {name.strip(): value.strip() for name, value in reversed(lines)}
    return {
        "processor": fields.get("model name", "unknown"),
        "family": f"family {fields.get('cpu family', '?')}, model {fields.get('model', '?')}",
        "compute": {name: round(compute_limit(name, 40) / 1e9, 1) for name in COMPUTE},
        "read": {level: round(read_limit(size, 10) / 1e9, 1) for level, size in LEVELS.items()},
    }


def write(folder: Path) -> None:
    """Beside the results."""
    (folder / "machine.json").write_text(json.dumps(describe()))


def read(folder: Path) -> dict[str, Any]:
    """That of the last run; nothing when there was none."""
    path = folder / "machine.json"
    return json.loads(path.read_text()) if path.exists() else {}
