"""A picture of results: for each suite and case, which part of the machine's limit each implementation reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.compare import OURS
from bench.table import case_name, case_of

# Ours first and dark; the others by the order in which they come.
COLORS = ("#0b5fa5", "#e07b39", "#4d9e5f", "#b04a7a", "#8a6fb0", "#a08b5b", "#6aa7c8", "#888888")


def draw(results: Mapping[str, Sequence[dict[str, Any]]], path: Path) -> None:
    """One panel a suite."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "lowbit", "font.size": 7}
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(results), 1, figsize=(11, 2.7 * len(results)), squeeze=False, layout="constrained")
    for panel, (suite, rows) in zip(panels[:, 0], results.items(), strict=True):
        _draw_suite(panel, suite, rows)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _draw_suite(panel: Any, suite: str, rows: Sequence[dict[str, Any]]) -> None:
    cases = list(dict.fromkeys(case_of(row) for row in rows))
    implementations = sorted(dict.fromkeys(row["impl"] for row in rows), key=lambda name: not name.startswith(OURS))
    for index, implementation in enumerate(implementations):
        points = [(cases.index(case_of(row)), 100 * row["fraction"]) for row in rows if row["impl"] == implementation]
        marker = "o" if implementation.startswith(OURS) else "x"
        panel.plot(*zip(*points, strict=True), marker, color=COLORS[index % len(COLORS)], markersize=4, label=implementation)
    panel.axhline(100, color="#444444", linewidth=0.6)
    panel.set(title=f"{suite}: percent of the limit of one core", ylim=(0, 115), xlim=(-0.6, len(cases) - 0.4))
    panel.set_xticks(range(len(cases)), [case_name(case) for case in cases], rotation=90, fontsize=5)
    panel.grid(axis="y", linewidth=0.3)
    panel.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1, 1))
