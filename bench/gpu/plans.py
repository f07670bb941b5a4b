"""What may be asked for on each architecture: the tiles of lib/GPU's schedules, by what they multiply."""

from __future__ import annotations

from bench.gpu.cases import FEW_BITS, FLOATS
from bench.gpu.mixed import ROWS

_LARGEST = "128x256x64x4"
_MMA = (_LARGEST, "128x128x64x4", "64x128x64x4", "64x64x64x5", "32x128x64x5", "32x64x128x4", "16x128x128x4", "16x64x128x6", "16x32x128x8")
_MMA_OF_FLOATS = ("128x128x64x5", *(tile for tile in _MMA if tile not in (_LARGEST, "128x128x64x4")))
_SMALL_MMA = ("128x128x64", "64x128x64", "64x64x64", "32x64x64")
_WORDS = ("128x128x64", "64x64x64", "32x64x64", "16x64x128", "8x32x128")
_FMA = ("128x128x64", "64x64x64", "32x64x64", "32x32x64")
_STAGES = {256: 4, 128: 8, 96: 10, 64: 12, 32: 16}  # of wgmma, by columns
_WGMMA = ("128x256x128x4", "128x128x128x6", *(f"64x{n}x128x{_STAGES[n]}" for n in (128, 64, 32)))
_WGMMA += tuple(f"{m}x{n}x128x{_STAGES[n]}" for m in (32, 16) for n in (128, 96, 64, 32))
_TCGEN05 = ("128x256x128x4", "128x128x128x6", "128x64x128x8")
_TCGEN05 += tuple(f"{m}x{n}x128x{stages}" for m in (64, 32, 16) for n, stages in ((128, 6), (64, 8), (32, 10)))


def _named(schedule: str, tiles: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{schedule}_{tile}" for tile in tiles)


# sm_89 has too little shared memory for the largest tile.
_ADA = _named("mma_sync", _MMA[1:])
_AMPERE, _FLOAT8 = _named("mma_sync", _MMA), _named("mma_sync", _MMA_OF_FLOATS)
_HOPPER, _BLACKWELL = _named("wgmma", _WGMMA), _named("tcgen05", _TCGEN05)
_BYTES = {
    "sm_75": _named("mma_m8n8k16", _SMALL_MMA) + _named("dp4a", _WORDS),
    "sm_80": _AMPERE,
    "sm_89": _ADA,
    "sm_90a": _HOPPER + _AMPERE,
    "sm_100a": _BLACKWELL + _AMPERE,
}
_BITS = {"sm_75": _named("popc", _WORDS), "sm_80": _AMPERE, "sm_89": _ADA, "sm_90a": _HOPPER + _AMPERE, "sm_100a": _named("popc", _WORDS)}
_FLOATS = {"sm_89": _FLOAT8, "sm_90a": tuple(plan for plan in _HOPPER if "x256x" not in plan), "sm_100a": _FLOAT8}
TARGETS = tuple(_BYTES)


def get_plans(kind: str, target: str) -> tuple[str, ...] | None:
    """Those that a product may ask for: none for kinds that are planned by their sizes alone, None where the target has no kernel for the kind."""
    if kind == "float8":
        return _FLOATS.get(target)
    if kind in FEW_BITS:
        return None if target == "sm_75" else ()
    if kind in FLOATS:
        return _named("fma", _FMA)
    return {"binary": _BITS, **dict.fromkeys(("long", *ROWS), dict.fromkeys(TARGETS, ()))}.get(kind, _BYTES)[target]
