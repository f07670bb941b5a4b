"""Times of a selection: what its sites take by a table of costs, what that makes of the model, and what a clock says of the model."""

from __future__ import annotations

from typing import Any

from lowbit.precision.costs import CostTable, Peaks
from lowbit.precision.sensitivity import Sensitivity
from lowbit.search import Point, Search

_FLOAT = {"float": "f32"}


def collect_times(search: Search, sensitivity: Sensitivity, point: Point, costs: CostTable | Peaks | None) -> dict[str, Any]:
    """Seconds. The model is run unless `costs` is a machine that is not here; without `costs` products are timed on this one."""
    timed = search.add_latencies(sensitivity, costs)
    table = costs if costs is not None else search.get_costs(sensitivity, None)
    chosen, sites = point.summary["sites"], {}
    for site in timed.sites:
        shape = (site["rows"], site["inputs"], site["outputs"])
        if isinstance(table, Peaks):
            floating = table.predict(shape, _FLOAT, 4 * shape[1] * shape[2])
        else:
            floating = table.lookup(shape, _FLOAT)
        sites[site["name"]] = {"chosen": timed.candidates(site)[chosen[site["name"]]]["latency"], "float": floating}
    here = not isinstance(table, Peaks)
    if here:
        search.judge(point, latency=True)
    predicted = timed.document["rest"]["latency"] + sum(each["chosen"] for each in sites.values())
    return {
        "source": table.machine if isinstance(table, CostTable) else table.name,
        "target": search.target,
        "threads": search.threads,
        "model": {
            "predicted": predicted,
            "measured": point.latency if here else None,
            "float": timed.document["baseline"]["latency"],
        },
        "sites": sites,
    }
