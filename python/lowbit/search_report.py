"""The report of a search: one HTML file with the Pareto front, the worst offenders, and a row for each site."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from lowbit.files import whole_file
from lowbit.report_html import _STYLE
from lowbit.search import Found, Point, offenders

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 280, 70, 40
_MORE = """
svg.front text { font: 11px system-ui, sans-serif; fill: #5b6778; } svg.front circle { fill: #4472b0; } svg.front circle.chosen { fill: #c0392b; }
svg.front polyline { fill: none; stroke: #4472b0; } td.bar { min-width: 8rem; } td.bar div { background: #4472b0; height: .7rem; }
"""


def write_search_report(found: Found, path: str | os.PathLike[str], command: str) -> None:
    """Writes the page, whole or not at all. command: what to try next."""
    with whole_file(path) as temporary:
        temporary.write_text(render(found, command), encoding="utf-8")


def render(found: Found, command: str) -> str:
    """The page. Every text out of the model is escaped."""
    worst = "".join(
        f"<li><code>{escape(name)}</code> in {escape(scheme)}: {100 * share:.1f} % of all predicted losses</li>"
        for name, scheme, share in offenders(found.sensitivity, found.chosen)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Lowbit search</title><style>{_STYLE}{_MORE}</style></head><body>
<h1>Mixed precision: what was chosen</h1>
<small>Predicted losses: {escape(found.sensitivity.document["measure"])}. Energy is of arithmetic alone, by the figures of Horowitz
(ISSCC 2014, 45 nm).</small>
{_cards(found)}
<h2>Size against loss</h2>
{_front(found)}
<h2>Worst offenders</h2><ol>{worst}</ol>
<p>To try next: <code>{escape(command)}</code></p>
{_table(found)}
</body></html>
"""


def _cards(found: Found) -> str:
    summary, point = found.chosen.summary, found.chosen
    baseline = found.sensitivity.document["baseline"]
    cards = [
        (f"loss, {found.metric}, measured", f"{point.loss:.6f}" if point.loss is not None else "not measured"),
        ("loss, predicted", f"{summary['loss']:.6f}"),
    ]
    if summary["mode"] == "exact":
        cards.append(("no selection loses less than", f"{summary['bound']:.6f}"))
    cards += [
        ("bits a weight, scales included", f"{summary['bits']:.3f}"),
        ("bytes of constants", f"{summary['bytes']:,}"),
        ("bytes in float", f"{baseline['bytes']:,}"),
        ("energy, of the float model's", f"{100 * summary['energy'] / baseline['energy']:.1f} %" if baseline["energy"] else "unknown"),
    ]
    if summary["latency"] is not None:
        cards.append(("latency, predicted", f"{1e3 * summary['latency']:.3f} ms"))
    if point.latency is not None:
        cards.append(("latency, measured", f"{1e3 * point.latency:.3f} ms"))
    body = "".join(f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in cards)
    return f'<div class="cards">{body}</div>'


def _front(found: Found) -> str:
    points = [point for point in [*found.front, found.chosen] if point.loss is not None]
    points.sort(key=lambda point: (point.summary["bits"], point.loss))
    if not points:
        return '<p class="none">nothing was measured</p>'
    bits = [point.summary["bits"] for point in points]
    losses = [math.log10(max(point.loss or 0.0, 1e-9)) for point in points]
    low, high = math.floor(min(losses)), max(math.floor(min(losses)) + 1, math.ceil(max(losses)))
    first, last = min(bits), max(max(bits), min(bits) + 1e-9)

    def place(bit: float, loss: float) -> tuple[float, float]:
        return (
            _LEFT + (bit - first) / (last - first) * (_WIDTH - _LEFT - 20),
            20 + (high - loss) / (high - low) * (_HEIGHT - _BOTTOM - 20),
        )

    parts = []
    for power in range(low, high + 1):
        _, y = place(first, power)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 20}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
    places = [place(bit, loss) for bit, loss in zip(bits, losses, strict=True)]
    lowest, line = math.inf, []
    for (x, y), loss in zip(places, losses, strict=True):
        if loss < lowest:
            lowest = loss
            line.append(f"{x:.1f},{y:.1f}")
    parts.append(f'<polyline points="{" ".join(line)}"/>')
    for point, (x, y) in zip(points, places, strict=True):
        chosen = point is found.chosen
        title = f"{point.summary['bits']:.3f} bits, loss {point.loss:.6f}"
        parts.append(
            f'<circle class="{"chosen" if chosen else "other"}" cx="{x:.1f}" cy="{y:.1f}" r="{6 if chosen else 4}"><title>{title}</title></circle>'
        )
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{point.summary["bits"]:.2f}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 4}" text-anchor="middle">bits a weight; up: loss ({escape(found.metric)})</text>')
    return f'<svg class="front" width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="Pareto front">{"".join(parts)}</svg>'


def _table(found: Found) -> str:
    rows = {row["site"]: row for row in found.model.report()["sites"]}
    shares = {name: share for name, _, share in offenders(found.sensitivity, found.chosen, len(found.sensitivity.sites))}
    most = max(shares.values(), default=1.0) or 1.0
    body = []
    for site in found.sensitivity.sites:
        name = site["name"]
        candidates = found.sensitivity.candidates(site)
        scheme = found.chosen.summary["sites"][name]
        chosen = candidates[scheme]
        latency = f"{1e6 * chosen['latency']:.1f} us" if chosen["latency"] is not None else ""
        sqnr = rows.get(name, {}).get("sqnr_db")
        others = ", ".join(f"{each}: {candidate['loss']:.2g}" for each, candidate in candidates.items())
        body.append(
            f"<tr><td>{escape(name)}</td><td>{escape(scheme)}</td>"
            f'<td class="number">{8 * chosen["bytes"] / (site["inputs"] * site["outputs"]):.2f}</td><td class="number">{chosen["bytes"]:,}</td>'
            f'<td class="number">{f"{sqnr:.1f} dB" if sqnr is not None else ""}</td><td class="number">{latency}</td>'
            f'<td class="bar"><div style="width:{100 * shares[name] / most:.0f}%"></div><small>{100 * shares[name]:.1f} %</small></td>'
            f"<td><small>{escape(others)}</small></td></tr>"
        )
    heads: Sequence[str] = ("site", "scheme", "bits", "bytes", "SQNR of weight", "latency", "part of the loss", "loss by scheme")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def describe(point: Point, metric: str) -> str:
    """One line: what a selection is, predicted against measured."""
    summary: dict[str, Any] = point.summary
    parts = [f"{summary['bits']:.3f} bits a weight", f"{summary['bytes']:,} bytes", f"loss predicted {summary['loss']:.6f}"]
    if point.loss is not None:
        parts.append(f"measured {point.loss:.6f} ({metric})")
    if summary["latency"] is not None:
        measured = f", measured {1e3 * point.latency:.3f} ms" if point.latency is not None else ""
        parts.append(f"latency predicted {1e3 * summary['latency']:.3f} ms{measured}")
    return ", ".join(parts)


def suffix_is_page(path: str) -> bool:
    """Whether a report can be written there."""
    return Path(path).suffix.lower() in (".html", ".htm")
