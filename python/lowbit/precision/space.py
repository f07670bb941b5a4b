"""What a search may choose from: schemes by name, and what is fixed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from lowbit.errors import Error
from lowbit.precision.checks import read_json

KIND = "lowbit precision space"
_KEYS = ("kind", "version", "kinds", "algorithms", "schemes", "rules")
_ACTIVATION = {"format": "uint<8>", "zero": "i8", "per": "token", "mode": "dynamic"}

# Damping that does with little data: a few dozen sentences.
_ALGORITHMS = [
    {"use": "scale-search", "weighting": "inverse", "damping": 0.1, "centered": True},
    {"use": "gptq", "damping": 0.1, "centered": True},
    "bias-correction",
]


def _codes(name: str, width: int, group: int | None) -> dict[str, Any]:
    weight: dict[str, Any] = {"format": f"int<{width}>", "per": "channel", "scale": "f16"}
    if group:
        weight["group"] = group
    return {"name": name, "weight": weight, "activation": _ACTIVATION}


def default_space(algorithms: list[Any] | None = None) -> dict[str, Any]:
    """Integers of 2 to 8 bits with activations of 8 bits, and both 16-bit floats, for linears; tables in 8 bits, products of activations in float."""
    return {
        "kind": KIND,
        "version": 1,
        "kinds": ["linear"],
        "algorithms": _ALGORITHMS if algorithms is None else algorithms,
        "schemes": [
            _codes("w8", 8, None),
            _codes("w6g128", 6, 128),
            _codes("w5g128", 5, 128),
            _codes("w4g32", 4, 32),
            _codes("w4g128", 4, 128),
            _codes("w3g32", 3, 32),
            _codes("w3g128", 3, 128),
            _codes("w2g32", 2, 32),
            {"name": "f16", "float": "f16"},
            {"name": "bf16", "float": "bf16"},
        ],
        "rules": [
            {"kind": "embedding", "weight": {"format": "int<8>", "per": "channel"}},
            {"keep": "its precision is not searched for"},
        ],
    }


def read_space(source: str | os.PathLike[str] | Mapping[str, Any] | None) -> dict[str, Any]:
    """A document, or a file with one; the default space for None. The compiler checks what is in it."""
    if source is None:
        return default_space()
    if isinstance(source, Mapping):
        document, where = dict(source), "space"
    else:
        where = os.fspath(source)
        document = read_json(source)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise Error(f'expected an object with "kind": "{KIND}"', where)
    if set(document) != set(_KEYS):
        wrong = sorted(set(document) ^ set(_KEYS))
        raise Error(f"key `{wrong[0]}` is unknown or missing; expected {', '.join(_KEYS)}", where)
    return document
