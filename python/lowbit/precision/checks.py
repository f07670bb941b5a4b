"""Files of a search as they come from outside: checked key by key before anything reads them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowbit.errors import Error

_KEYS = {
    "model": str,
    "measure": str,
    "kinds": list,
    "algorithms": list,
    "schemes": list,
    "rules": list,
    "rest": dict,
    "baseline": dict,
    "sites": list,
}


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a file holds; one that is no JSON is an error that says where."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as failure:
        raise Error(f"no JSON: {failure}", os.fspath(path)) from failure


def check_sensitivity(document: Any, where: str) -> dict[str, Any]:
    """The document, if it has the form of a file of sensitivity. What schemes and rules say is checked by the compiler, whenever it selects."""
    if not isinstance(document, dict) or document.get("kind") != "lowbit sensitivity":
        raise Error('expected an object with "kind": "lowbit sensitivity"', where)

    def refuse(what: str) -> Error:
        return Error(f"{what}; remove the file, and search again", where)

    for key, kind in _KEYS.items():
        if not isinstance(document.get(key), kind):
            raise refuse(f"key `{key}` is missing, or is no {'text' if kind is str else 'list' if kind is list else 'object'}")
    if document.get("version") != 1:
        raise refuse(f"version is {document.get('version')!r}; expected 1")
    for key in ("rest", "baseline"):
        _check_costs(document[key], f"`{key}`", refuse)
    schemes = [scheme.get("name") if isinstance(scheme, dict) else None for scheme in document["schemes"]]
    if not schemes or not all(isinstance(name, str) for name in schemes):
        raise refuse("`schemes`: expected objects with a `name`")
    if not document["sites"]:
        raise refuse("`sites` is empty")
    for number, site in enumerate(document["sites"]):
        if not isinstance(site, dict) or not isinstance(site.get("name"), str) or not isinstance(site.get("kind"), str):
            raise refuse(f"site number {number}: expected an object with `name` and `kind`")
        for key in ("rows", "inputs", "outputs"):
            if type(site.get(key)) is not int or not (0 if key == "rows" else 1) <= site[key] < 2**53:
                raise refuse(f"site `{site['name']}`: `{key}` is no size")
        if not isinstance(site.get("candidates"), list) or not site["candidates"]:
            raise refuse(f"site `{site['name']}`: `candidates` is no list of at least one")
        for candidate in site["candidates"]:
            if not isinstance(candidate, dict) or candidate.get("scheme") not in schemes:
                raise refuse(f"site `{site['name']}`: a candidate is of none of `schemes`")
            _check_costs(candidate, f"site `{site['name']}`, `{candidate['scheme']}`", refuse, "loss")
    return document


def _check_costs(costs: Mapping[str, Any], where: str, refuse: Any, *more: str) -> None:
    for key in ("bytes", "energy", *more):
        if not is_amount(costs.get(key)):
            raise refuse(f"{where}: `{key}` is no finite number from 0 on")
    if costs.get("latency") is not None and not is_amount(costs["latency"]):
        raise refuse(f"{where}: `latency` is neither null nor a finite number from 0 on")


def is_amount(value: Any) -> bool:
    """Whether a value is a finite number from 0 on."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def read_results(path: str | os.PathLike[str]) -> dict[str, float]:
    """Numbers by key, as a search keeps what it has measured; none where the file is not there."""
    if not Path(path).exists():
        return {}
    document = read_json(path)
    if not isinstance(document, dict) or not all(is_amount(value) for value in document.values()):
        raise Error("expected an object of finite numbers from 0 on; remove the file, and search again", os.fspath(path))
    return document
