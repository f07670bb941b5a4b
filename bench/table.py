"""Tables of results, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bench.report import FIELDS


def case_of(row: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What tells the row's case from others."""
    fields = tuple((name, value) for name, value in row.items() if name not in FIELDS and name != "suite")
    return (*fields, ("temperature", row["temperature"])) if row["temperature"] == "cold" else fields


def case_name(case: Iterable[tuple[str, Any]]) -> str:
    """Such as `M 1, N 384, K 384, s8`."""
    return ", ".join(str(value) if isinstance(value, str) else f"{name} {value}" for name, value in case)


def geometric_mean(values: Iterable[float]) -> float:
    """1 for none."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else 1.0


def format_time(microseconds: float) -> str:
    """Three or four digits, as microseconds or milliseconds."""
    if microseconds >= 10000:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds:.0f}" if microseconds >= 1000 else f"{microseconds:.1f}" if microseconds >= 100 else f"{microseconds:.2f}"


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """A table of cases and implementations, then the geometric means."""
    implementations = list(dict.fromkeys(row["impl"] for row in rows))
    cases: dict[Any, dict[str, dict[str, Any]]] = {}
    for row in rows:
        cases.setdefault(case_of(row), {})[row["impl"]] = row
    lines = [f"| Case | {' | '.join(implementations)} | limit |", "| --- |" + " ---: |" * len(implementations) + " --- |"]
    for case, found in cases.items():
        best = min(found.values(), key=lambda row: row["us_min"])
        limit = next(iter(found.values()))
        cells = [_cell(found.get(implementation), best) for implementation in implementations]
        lines.append(f"| {case_name(case)} | {' | '.join(cells)} | {limit.get('limit', '')} {limit.get('limit_value', '')} |")
    return "\n".join([*lines, "", *_means(rows, implementations)]) + "\n"


def _cell(row: dict[str, Any] | None, best: dict[str, Any]) -> str:
    if row is None:
        return "–"
    time = format_time(row["us_min"])
    if row is best:
        time = f"**{time}**"
    if row.get("ratio", 1.0) != 1.0:
        time += f" ({row['ratio']:.2f}×)"
    if "fraction" in row:
        time += f" {row['fraction']:.0%}"
    return f"{time}, cos {row['cosine']:.4f}" if "cosine" in row else time


def _means(rows: Sequence[dict[str, Any]], implementations: Sequence[str]) -> list[str]:
    """Geometric means of what a peer takes over what ours takes, apart for one row and many, and for each kind of case."""
    lines = []
    for implementation in implementations:
        groups: dict[str, list[float]] = {}
        summed = [row for row in rows if row["impl"] == implementation and "count" in row]
        if summed:
            total = sum(row["us_min"] * row["count"] for row in summed)
            lines.append(f"- {implementation}: {total / 1000:.2f} ms for all, each as often as the network has it")
        for row in rows:
            if row["impl"] == implementation and row.get("ratio", 1.0) != 1.0:
                groups.setdefault(_kind(row), []).append(row["ratio"])
        for kind, values in groups.items():
            least = f"{geometric_mean(values):.2f}× on the geometric mean, least {min(values):.2f}×"
            lines.append(f"- {implementation}{', ' if kind else ''}{kind}: {least} ({len(values)} cases)")
    return lines


def _kind(row: dict[str, Any]) -> str:
    words = [value for name, value in case_of(row) if isinstance(value, str) and name not in ("conv", "case")]
    if "M" in row:
        words.insert(0, "M = 1" if row["M"] == 1 else "M > 1")
    return ", ".join(words)
