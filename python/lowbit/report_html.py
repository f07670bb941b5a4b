"""The report as one HTML file: a summary, and a table of sites with their histograms as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2430; background: #fff; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 1.5rem; }
.card { border: 1px solid #d5dbe3; border-radius: 8px; padding: .6rem 1rem; min-width: 9rem; }
.card b { display: block; font-size: 1.25rem; }
.card span, small, .none { color: #5b6778; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid #e6eaf0; vertical-align: top; }
th { position: sticky; top: 0; background: #fff; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: .85em; }
tr.float td { background: #fff8ec; }
svg rect { fill: #4472b0; } svg line { stroke: #b9c2ce; }
@media (prefers-color-scheme: dark) {
  body, th { background: #14181e; color: #dde3ea; } tr.float td { background: #2a2417; }
  .card, th, td { border-color: #323a45; } svg rect { fill: #7ea6dc; }
}
"""
_WIDTH, _HEIGHT = 140, 34


def render(report: dict[str, Any]) -> str:
    """The page. Every text out of the model is escaped."""
    rows = "\n".join(_row(row) for row in report["sites"])
    heads = ["site", "scheme", "weight", "activation", "SQNR of weight", "bytes", "multiply-accumulates"]
    numbers = set(heads[4:])
    head = "".join(f'<th class="number">{name}</th>' if name in numbers else f"<th>{name}</th>" for name in heads)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Lowbit report</title><style>{_STYLE}</style></head><body>
<h1>Quantization report</h1>
<small>Histograms are of reals, over their whole range, heights by square root. SQNR compares the reals that codes of a weight stand for
with the float weight. Energy is of arithmetic alone, by the figures of Horowitz (ISSCC 2014, 45 nm).</small>
{_cards(report)}
<table><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


def _is_quantized(row: dict[str, Any]) -> bool:
    return "operands" in row and "float_reason" not in row


def _cards(report: dict[str, Any]) -> str:
    sites, sizes, macs = report["sites"], report["bytes"], report["macs"]
    cards = [
        ("sites in codes", f"{sum(map(_is_quantized, sites))} of {len(sites)}"),
        ("bytes of constants", f"{sizes['quantized']:,}"),
        ("bytes in float", f"{sizes['float']:,}"),
    ]
    if sizes["quantized"]:
        cards.append(("smaller", f"{sizes['float'] / sizes['quantized']:.2f}x"))
    total = sum(macs.values())
    for width, count in macs.items():
        share = f" ({100 * count / total:.1f} %)" if total else ""
        cards.append((f"multiply-accumulates of {width} bits", f"{_si(count)}{share}"))
    cards.append(("energy of arithmetic", f"{report['energy_pj'] * 1e-9:.3g} mJ"))
    body = "".join(f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in cards)
    return f'<div class="cards">{body}</div>'


def _row(row: dict[str, Any]) -> str:
    quantized = _is_quantized(row)
    if quantized:
        scheme = "<br>".join(f"{escape(side)}: <code>{escape(_short(text))}</code>" for side, text in row["operands"].items())
    else:
        scheme = f"float<br><small>{escape(row.get('float_reason') or 'no rule of the recipe matches')}</small>"
    sqnr = f"{row['sqnr_db']:.1f} dB" if "sqnr_db" in row else ""
    sizes = row.get("bytes") or {}
    size = f"{sizes['float']:,} &rarr; {sizes['quantized']:,}" if sizes.get("quantized") else ""
    macs = "<br>".join(f"{_si(count)} of {escape(width)}" for width, count in (row.get("macs") or {}).items())
    name = row["site"] or row["loc"]
    return (
        f'<tr class="{"codes" if quantized else "float"}"><td>{escape(name)}<br><small>{escape(row["kind"])}</small></td>'
        f"<td>{scheme}</td><td>{_histogram(row.get('weight_histogram'))}</td><td>{_histogram(row.get('histogram'), row.get('range'))}</td>"
        f'<td class="number">{sqnr}</td><td class="number">{size}</td><td class="number">{macs}</td></tr>'
    )


def _short(scheme: str) -> str:
    return scheme.replace("#lowbit.scheme", "").replace("#lowbit.", "")


def _histogram(histogram: dict[str, Any] | None, limits: Sequence[float] | None = None) -> str:
    counts: Sequence[int] = histogram["counts"] if histogram else ()
    filled = [index for index, count in enumerate(counts) if count]
    if not filled or not histogram:
        return '<span class="none">&ndash;</span>'
    first, last = filled[0], filled[-1] + 1
    low, high = limits or (histogram["low"] + first * histogram["width"], histogram["low"] + last * histogram["width"])
    highest, step = max(counts), _WIDTH / (last - first)
    bars = "".join(
        f'<rect x="{(index - first) * step:.1f}" y="{_HEIGHT - height:.1f}" width="{step:.1f}" height="{height:.1f}"/>'
        for index in filled
        # The square root lets tails be seen beside the peak.
        if (height := _HEIGHT * (counts[index] / highest) ** 0.5) > 0
    )
    label = f"{low:.4g} to {high:.4g}"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="histogram, {label}">'
        f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>{bars}</svg><br><small>{label}</small>'
    )


def _si(count: float) -> str:
    for factor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return f"{count:.0f}"
