"""A progress bar on stderr, only where somebody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_WIDTH = 30


def progress(items: Iterable[T], label: str, enabled: bool = True) -> Iterator[T]:
    """Yields `items`, drawing how many have been taken."""
    if not enabled or not sys.stderr.isatty():
        yield from items
        return
    total = len(items) if hasattr(items, "__len__") else None
    start = drawn = time.monotonic()
    count = 0
    _draw(label, 0, total, 0.0)
    try:
        for item in items:
            yield item
            count += 1
            now = time.monotonic()
            if now - drawn > 0.1 or count == total:
                drawn = now
                _draw(label, count, total, now - start)
    finally:
        sys.stderr.write("\n")


def _draw(label: str, count: int, total: int | None, seconds: float) -> None:
    if total:
        filled = _WIDTH * count // total
        body = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {count}/{total}"
    else:
        body = str(count)
    sys.stderr.write(f"\r{label} {body} {seconds:.1f} s")
    sys.stderr.flush()
