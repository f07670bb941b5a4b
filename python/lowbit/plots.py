"""Plots as inline SVG: a histogram, a bar, a front of size and loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_WIDTH, _HEIGHT = 140, 34
_FRONT_WIDTH, _FRONT_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 680, 320, 60, 20, 12, 48


def histogram(counts: Mapping[str, Any] | None, limits: Sequence[float] | None = None) -> str:
    """Of {"low", "width", "counts"}, over what is filled; heights by square root, so that tails are seen beside the peak."""
    heights: Sequence[int] = counts["counts"] if counts else ()
    filled = [index for index, count in enumerate(heights) if count]
    if not filled or not counts:
        return '<span class="none">&ndash;</span>'
    first, last = filled[0], filled[-1] + 1
    low, high = limits or (counts["low"] + first * counts["width"], counts["low"] + last * counts["width"])
    highest, step = max(heights), _WIDTH / (last - first)
    bars = "".join(
        f'<rect x="{(index - first) * step:.1f}" y="{_HEIGHT - height:.1f}" width="{step:.1f}" height="{height:.1f}"/>'
        for index in filled
        if (height := _HEIGHT * (heights[index] / highest) ** 0.5) > 0
    )
    label = f"{low:.4g} to {high:.4g}"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="histogram, {label}">'
        f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}"/>{bars}</svg><small>{label}</small>'
    )


def bar(part: float, label: str, alarming: bool = False) -> str:
    """A bar of `part`, 0 to 1, with its label beside it."""
    width = _WIDTH * min(1.0, max(0.0, part))
    kind = ' class="alarm"' if alarming else ""
    return (
        f'<svg width="{_WIDTH + 110}" height="14" role="img" aria-label="{label}"><rect{kind} x="0" y="2" width="{max(width, 0.5):.1f}" height="10"/>'
        f'<text x="{width + 6:.1f}" y="11">{label}</text></svg>'
    )


class Mark(NamedTuple):
    """A selection in the front: bits a weight, loss as it was predicted and as it was measured."""

    bits: float
    predicted: float
    measured: float | None
    chosen: bool


def front(marks: Sequence[Mark], measure: str) -> str:
    """Size against loss, both logarithmic: measured losses as points, their lower edge as a line, predictions dashed."""
    marks = sorted(mark for mark in marks if mark.measured is not None)
    if not marks:
        return '<p class="none">nothing was measured</p>'
    losses = [_logarithm(value) for mark in marks for value in (mark.predicted, mark.measured or 0.0)]
    low, high = math.floor(min(losses)), max(math.floor(min(losses)) + 1, math.ceil(max(losses)))
    first, last = math.log(marks[0].bits), max(math.log(marks[-1].bits), math.log(marks[0].bits) + 1e-9)
    width, height = _FRONT_WIDTH - _LEFT - _RIGHT, _FRONT_HEIGHT - _TOP - _BOTTOM

    def place(bits: float, loss: float) -> tuple[float, float]:
        across = (math.log(bits) - first) / (last - first) if len(marks) > 1 else 0.5
        return _LEFT + across * width, _TOP + (high - _logarithm(loss)) / (high - low) * height

    parts = []
    for power in range(low, high + 1):
        y = place(marks[0].bits, 10.0**power)[1]
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_FRONT_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">1e{power}</text>')
    guesses = " ".join("{:.1f},{:.1f}".format(*place(mark.bits, mark.predicted)) for mark in marks)
    parts.append(f'<polyline class="guess" points="{guesses}"/>')
    parts.append(f'<polyline points="{" ".join(_edge(marks, place))}"/>')
    free = -math.inf  # where the next label below the axis may begin
    for mark in marks:
        x, y = place(mark.bits, mark.measured or 0.0)
        kind, radius = ("alarm", 6) if mark.chosen else ("other", 4)
        title = f"{mark.bits:.3f} bits: loss {mark.measured:.6g}, predicted {mark.predicted:.6g}"
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{title}</title></circle>')
        if x > free or mark.chosen:
            lower = 14 if mark.chosen and x <= free else 0
            parts.append(f'<text x="{x:.1f}" y="{_FRONT_HEIGHT - _BOTTOM + 16 + lower}" text-anchor="middle">{mark.bits:.2f}</text>')
            free = max(free, x + 30)
    parts.append(
        f'<text x="{_LEFT + width / 2}" y="{_FRONT_HEIGHT - 2}" text-anchor="middle">bits a weight; up: {measure}; red: chosen; dashed: predicted</text>'
    )
    return f'<svg class="front" width="{_FRONT_WIDTH}" height="{_FRONT_HEIGHT}" role="img" aria-label="Pareto front">{"".join(parts)}</svg>'


def _edge(marks: Sequence[Mark], place: Any) -> list[str]:
    """Points that nothing smaller is better than."""
    lowest, line = math.inf, []
    for mark in marks:
        if mark.measured is not None and mark.measured < lowest:
            lowest = mark.measured
            line.append("{:.1f},{:.1f}".format(*place(mark.bits, mark.measured)))
    return line


def _logarithm(value: float) -> float:
    return math.log10(max(value, 1e-9))
