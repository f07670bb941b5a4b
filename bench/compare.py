"""One case, all implementations: prepared, checked against one another, timed in turns, written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.limits import Limits
from bench.native import Unavailable
from bench.report import Report
from bench.timing import Call, Measurement, measure


@dataclass
class Prepared:
    """An implementation that is ready to be called: weights packed, outputs allocated."""

    call: Call
    bits_per_weight: float
    result: Callable[[], np.ndarray] | None = None
    """What the last call computed."""
    version: str = ""
    includes: str = ""
    """What a call does besides the product."""
    detail: str = ""
    """Such as the kernel that was chosen."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of its row."""


@dataclass
class Options:
    """What the command line asks for."""

    rounds: int = 7
    slice_seconds: float = 0.015
    only: frozenset[str] = frozenset()
    """Names of implementations; all when empty."""
    select: Mapping[str, str] = field(default_factory=dict)
    """Values of case fields; cases that differ are left out."""

    def wants_case(self, case: Mapping[str, Any]) -> bool:
        """Whether the case was asked for."""
        return all(str(case.get(name)) in value.split(",") for name, value in self.select.items())

    def wants(self, implementation: str) -> bool:
        """Whether the implementation was asked for, by its name or its first word."""
        return not self.only or implementation in self.only or implementation.split()[0] in self.only


OURS = "lowbit"


def compare(
    report: Report,
    options: Options,
    case: dict[str, Any],
    types: str,
    makers: Mapping[str, Callable[[], Prepared]],
    operations: float,
    limit: str,
    weight_bytes: float,
    *,
    cold: bool = False,
    check: Callable[[np.ndarray], bool] | None = None,
) -> None:
    """Measures all `makers` on one case. Ratios are to the first, where that is ours and can be had."""
    if not options.wants_case(case):
        return
    ready = _prepare(report, options, makers)
    if not ready:
        return
    limits = Limits(limit, int(weight_bytes), cold)
    calls = [_LimitCall(limits), *(prepared.call for _, prepared in ready)]
    measured = measure(calls, options.rounds, options.slice_seconds, cold)[1:]
    first = ready[0][0]
    ours = measured[0].minimum if first == next(iter(makers)) and first.startswith(OURS) else None
    for (name, prepared), times in zip(ready, measured, strict=True):
        row = {"impl": name, "types": types, "temperature": "cold" if cold else "hot"}
        row |= _describe(prepared, times, limits.bound(operations))
        if ours is not None:
            row["ratio"] = round(times.minimum / ours, 4)
        if check is not None and prepared.result is not None:
            row["checked"] = check(prepared.result())
            if not row["checked"]:
                report.wrong(name, case)
        report.add(case, row)


def _describe(prepared: Prepared, times: Measurement, bound: tuple[float, str, float]) -> dict[str, Any]:
    """Fields of a row. A peer with larger weights of its own is held to the bound of ours: it says how much could be won, by fewer bits too."""
    seconds, limit, limit_value = bound
    return {
        "version": prepared.version,
        "call": prepared.includes,
        "bits_per_weight": round(prepared.bits_per_weight, 3),
        "us_min": round(times.minimum * 1e6, 3),
        "us_med": round(times.median * 1e6, 3),
        "rounds": times.rounds,
        "samples": times.samples,
        "limit": limit,
        "limit_value": round(limit_value, 1),
        "fraction": round(seconds / times.minimum, 4),
        "detail": prepared.detail,
        **prepared.extra,
    }


def _prepare(report: Report, options: Options, makers: Mapping[str, Callable[[], Prepared]]) -> Sequence[tuple[str, Prepared]]:
    ready = []
    for name, make in makers.items():
        if not options.wants(name):
            continue
        try:
            prepared = make()
        except (Unavailable, ImportError) as failure:
            report.missing(name, str(failure))
            continue
        ready.append((name, prepared))
    return ready


class _LimitCall:
    """Has the limits measured once a round."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def sample(self, batch: int, count: int) -> np.ndarray:
        """One measurement, whatever the count."""
        self._limits.sample()
        return np.full(1, 1e-2)
