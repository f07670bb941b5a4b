"""Lowbit: float models in, calibrated low-bit code out.

    m = lowbit.load("m.onnx")
    q = m.quantize("w8a8-dynamic")
    f = q.compile(target="host", threads=1)
    out = f(ids=ids, mask=mask)

Needs numpy alone; importing ONNX needs onnx and torch-mlir, which are loaded when they are used. The compiler itself is loaded with the
first name that needs it, so that importers' processes do without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lowbit.errors import Error

if TYPE_CHECKING:
    from lowbit.comparison import Comparison, compare
    from lowbit.device_array import DeviceArray
    from lowbit.function import BoundFunction, Function, Timing
    from lowbit.layers import Layer, SideBySide, compare_layers
    from lowbit.module import Module, Port, Site, load
    from lowbit.statistics import Statistics

__all__ = [
    "BoundFunction",
    "Comparison",
    "DeviceArray",
    "Error",
    "Function",
    "Layer",
    "Module",
    "Port",
    "SideBySide",
    "Site",
    "Statistics",
    "Timing",
    "compare",
    "compare_layers",
    "load",
]
__version__ = "0.1.0"

_HOMES = {
    "Comparison": "comparison",
    "compare": "comparison",
    "DeviceArray": "device_array",
    "BoundFunction": "function",
    "Function": "function",
    "Timing": "function",
    "Layer": "layers",
    "SideBySide": "layers",
    "compare_layers": "layers",
    "Module": "module",
    "Port": "module",
    "Site": "module",
    "load": "module",
    "Statistics": "statistics",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"lowbit.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
