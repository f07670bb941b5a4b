"""Learning rates over a training."""

from __future__ import annotations

import math
from collections.abc import Callable

from lowbit.errors import Error

_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1.0 - done,
}


def get_rate(schedule: str, rate: float, step: int, total: int, warmup: int = 0) -> float:
    """The rate of step number `step`, from 0, of `total`. Over the first `warmup` steps it rises in a line to what the schedule says."""
    if schedule not in _SCHEDULES:
        raise Error(f"there is no schedule `{schedule}`; expected {', '.join(sorted(_SCHEDULES))}")
    rise = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    return rate * rise * _SCHEDULES[schedule](step / max(total, 1))
