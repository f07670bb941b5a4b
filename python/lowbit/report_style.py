"""What pages of reports share: style, cards, and numbers as people read them. Every text out of a model is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
:root { --ink: #1c2430; --soft: #5b6778; --line: #e6eaf0; --edge: #d5dbe3; --page: #fff; --mark: #4472b0; --alarm: #c0392b; --warm: #fff8ec; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dde3ea; --soft: #93a0b1; --line: #2a313b; --edge: #323a45; --page: #14181e; --mark: #7ea6dc; --alarm: #e57c6f; --warm: #2a2417; }
}
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: var(--ink); background: var(--page); }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 1.5rem; }
.card { border: 1px solid var(--edge); border-radius: 8px; padding: .6rem 1rem; min-width: 9rem; }
.card b { display: block; font-size: 1.25rem; }
.card span, small, .none { color: var(--soft); }
.alarm { border-left: 4px solid var(--alarm); padding: .3rem .8rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { position: sticky; top: 0; background: var(--page); font-size: .85em; vertical-align: bottom; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.scheme { min-width: 13rem; }
code { font-size: .85em; } pre { white-space: pre-wrap; margin: .3rem 0; }
tr.float td { background: var(--warm); }
svg { display: block; overflow: visible; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg rect, svg circle { fill: var(--mark); } svg line { stroke: var(--edge); } svg polyline { fill: none; stroke: var(--mark); }
svg .alarm { fill: var(--alarm); } svg circle.guess { fill: var(--page); stroke: var(--soft); } svg polyline.guess { stroke: var(--soft); stroke-dasharray: 3 3; }
"""


def page(title: str, body: str) -> str:
    """One file that needs nothing else."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def cards(entries: Iterable[tuple[str, str]]) -> str:
    """Names with their values, large."""
    body = "".join(f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in entries)
    return f'<div class="cards">{body}</div>'


def table(heads: Iterable[str], rows: Iterable[str], numbers: Iterable[str] = ()) -> str:
    """Rows are HTML; heads that are among `numbers` stand to the right."""
    right = set(numbers)
    head = "".join(f'<th class="number">{name}</th>' if name in right else f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(rows) + "\n</tbody></table>"


def decibels(value: float | None) -> str:
    """SQNR; None is no error at all."""
    return "&infin;" if value is None else f"{value:.1f} dB"


def si(count: float, unit: str = "") -> str:
    """1.23 M."""
    for factor, prefix in (
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1, ""),
        (1e-3, "m"),
        (1e-6, "&micro;"),
        (1e-9, "n"),
        (1e-12, "p"),
    ):
        if count >= factor:
            return f"{count / factor:.3g} {prefix}{unit}".rstrip()
    return f"0 {unit}".rstrip()


def joules(picojoules: float) -> str:
    """An energy."""
    return si(picojoules * 1e-12, "J")
