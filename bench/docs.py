"""docs/Performance.md and its picture, out of the last results."""

from __future__ import annotations

from pathlib import Path

from bench import machine, plot, suites, table
from bench.report import read_rows

HEAD = """# Performance

<!-- Written by `scripts/bench --docs` from the results of `scripts/bench`; run it again rather than change this file. -->

Lowbit beside what else there is, on one core of one machine, in one process: implementations take turns, and the smallest time of each counts.
`scripts/bench` makes all of it again ([how](../CONTRIBUTING.md#a-benchmark-or-a-peer-in-one)).

- A cell is microseconds a call, weights packed and results allocated before. Behind a peer's time, how many times ours that is; then the part of the
  limit it reaches. The fastest is bold. **Below 1.00× the peer is faster.**
- The limit is the larger of two times: all products at the rate of the instruction named, or the weights (at our bits a weight) read at the rate measured for
  memory of their size. It is measured in every round beside the calls. `hot`: the weights are where the last call left them. `cold`: the caches are taken by
  other data before every call, so that weights come from memory.
- Where a peer quantizes float activations inside of its call, ours does the same. Results are checked: integers to the bit.
- Where ours is missing, the contraction has no code of its own yet and would run in the reference lowering.
"""


def write(results: Path, docs: Path) -> None:
    """The page and the picture; suites without results are left out."""
    found = {name: rows for name in suites.NAMES if (rows := list(read_rows(results, name)))}
    if not found:
        raise SystemExit("scripts/bench: no results; run scripts/bench first")
    parts = [HEAD, _machine(results), "![Percent of the limit](performance.svg)\n"]
    for name, rows in found.items():
        parts.append(f"## {suites.load(name).TITLE}\n\n{table.markdown(rows)}")
        parts.append(_peers(name, rows))
    (docs / "Performance.md").write_text("\n".join(part for part in parts if part))
    plot.draw(found, docs / "performance.svg")


def _machine(results: Path) -> str:
    found = machine.read(results)
    if not found:
        return ""
    rates = ", ".join(f"{name} {value:,.0f}" for name, value in found["compute"].items())
    reads = ", ".join(f"{level} {value:,.0f}" for level, value in found["read"].items())
    return f"{found['processor']} ({found['family']}); measured before the suites: GOP/s {rates}; reads in GB/s {reads}.\n"


def _peers(suite: str, rows: list[dict]) -> str:
    """Versions, and what a call does."""
    lines: dict[str, str] = {}
    for row in rows:
        # How weights are packed may depend on the case.
        bits = sorted({other["bits_per_weight"] for other in rows if other["impl"] == row["impl"]})
        words = [
            row.get("version", ""),
            row.get("call", ""),
            f"{' to '.join(f'{some:g}' for some in (bits[0], bits[-1])[: len(bits)])} bits a weight",
        ]
        lines.setdefault(row["impl"], ", ".join(word for word in words if word))
    return "\n".join(f"- {name}: {text}" for name, text in lines.items()) + "\n"
