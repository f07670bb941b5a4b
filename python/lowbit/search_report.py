"""The report of a search as a document: what was chosen, what it costs by prediction and by measurement, who loses the most, what to try next.

The same search gives the same document but for its key `times`, which holds everything that a clock has said.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.search import Found, Point, offenders

_WORST = 5


def build(found: Found, command: str) -> dict[str, Any]:
    """The document. command: what to try next."""
    point, sensitivity = found.chosen, found.sensitivity
    summary, baseline = point.summary, sensitivity.document["baseline"]
    model = found.model.report()
    return {
        "kind": "lowbit search report",
        "version": 1,
        "goal": {"budgets": dict(found.goal.budgets), "keep": list(found.goal.keep), "together": list(found.goal.together)}
        | {"mode": found.goal.mode, "most_loss": found.goal.most_loss, "unmet": found.unmet or None},
        "metric": found.metric,
        "measure": sensitivity.document["measure"],
        "chosen": {
            "loss": {
                "predicted": summary["loss"],
                "measured": point.loss,
                "bound": summary["bound"] if summary["mode"] == "exact" else None,
            },
            "bits": summary["bits"],
            "bytes": summary["bytes"],
            "energy_pj": summary["energy"],
        },
        "float": {"bytes": baseline["bytes"], "energy_pj": baseline["energy"]},
        "outputs": [output.as_json() for output in found.beside.outputs] if found.beside else [],
        "front": [_mark(each, each is point) for each in sorted([*found.front, point], key=_place)],
        "offenders": [
            {"site": site, "scheme": scheme, "share": share, "sqnr_db": _sqnr(found, site)}
            for site, scheme, share in offenders(sensitivity, point, _WORST)
        ],
        "next": command,
        "energy_table": model["energy_table"],
        "sites": _sites(found, {row["site"]: row for row in model["sites"]}),
        "times": found.times,
    }


def _place(point: Point) -> tuple[float, float]:
    return point.summary["bits"], math.inf if point.loss is None else point.loss


def _mark(point: Point, chosen: bool) -> dict[str, Any]:
    figures = {key: point.summary[key] for key in ("bits", "bytes", "energy")}
    return {**figures, "predicted": point.summary["loss"], "measured": point.loss, "chosen": chosen}


def _sqnr(found: Found, site: str) -> float | None:
    layer = found.beside.layers.get(site) if found.beside else None
    return layer.as_json()["sqnr_db"] if layer else None


def _sites(found: Found, rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    sensitivity, chosen = found.sensitivity, found.chosen.summary["sites"]
    shares = {name: share for name, _, share in offenders(sensitivity, found.chosen, len(sensitivity.sites))}
    result = []
    for site in sensitivity.sites:
        name, candidates = site["name"], sensitivity.candidates(site)
        candidate, row = candidates[chosen[name]], rows.get(name, {})
        entry: dict[str, Any] = {"site": name, "kind": site["kind"], "scheme": chosen[name]}
        entry |= {"bits": 8 * candidate["bytes"] / (site["inputs"] * site["outputs"]), "bytes": candidate["bytes"]}
        entry |= {"energy_pj": candidate["energy"], "loss": candidate["loss"], "share": shares[name]}
        entry["candidates"] = {scheme: {key: each[key] for key in ("loss", "bytes", "energy")} for scheme, each in candidates.items()}
        entry |= {key: row[key] for key in ("sqnr_db", "weight_histogram") if key in row}
        if found.beside and name in found.beside.layers:
            entry["layer"] = found.beside.layers[name].as_json()
        result.append(entry)
    return result


def write_search_report(found: Found, path: str | os.PathLike[str], command: str) -> None:
    """Writes .html or .json, whole or not at all."""
    if not is_report(path):
        raise Error("the report of a search is .html or .json", os.fspath(path))
    document = build(found, command)
    if Path(path).suffix.lower() == ".json":
        text = json.dumps(document, indent=1) + "\n"
    else:
        from lowbit.search_page import render

        text = render(document)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def describe(point: Point, metric: str) -> str:
    """One line: what a selection is, predicted against measured."""
    summary: dict[str, Any] = point.summary
    parts = [f"{summary['bits']:.3f} bits a weight", f"{summary['bytes']:,} bytes", f"loss predicted {summary['loss']:.6f}"]
    if point.loss is not None:
        parts.append(f"measured {point.loss:.6f} ({metric})")
    if summary["latency"] is not None:
        measured = f", measured {1e3 * point.latency:.3f} ms" if point.latency is not None else ""
        parts.append(f"latency predicted {1e3 * summary['latency']:.3f} ms{measured}")
    return ", ".join(parts)


def is_report(path: str | os.PathLike[str]) -> bool:
    """Whether a report can be written there."""
    return Path(path).suffix.lower() in (".html", ".htm", ".json")
