"""Importers: other programs' models in, MLIR text out. Nothing optional is imported until a function needs it."""

from __future__ import annotations

from typing import Any

from lowbit.frontends.errors import ImportFailure

__all__ = ["ImportFailure", "import_onnx", "import_onnx_apart", "import_onnx_to_file"]


def __getattr__(name: str) -> Any:
    """Loads an importer when it is first asked for, which leaves its module free to run as a program."""
    if name in ("import_onnx", "import_onnx_apart", "import_onnx_to_file"):
        from lowbit.frontends import torch_mlir

        return getattr(torch_mlir, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
