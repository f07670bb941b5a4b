"""The report of a search as one HTML file, from its document."""

from __future__ import annotations

from html import escape
from typing import Any

from lowbit.plots import Mark, bar, front, histogram
from lowbit.report_html import layer_cells
from lowbit.report_style import cards, decibels, joules, page, si, table

_ALARMING = 0.1  # part of all losses


def render(document: dict[str, Any]) -> str:
    """The page. Every text out of the model is escaped. What clocks have said is in the section `times`, and nowhere else."""
    marks = [Mark(each["bits"], each["predicted"], each["measured"], each["chosen"]) for each in document["front"]]
    unmet = document["goal"]["unmet"]
    about = (
        f"<small>Predicted losses: {escape(document['measure'])}. Energy is an estimate: arithmetic, and constants that come from memory once a call, "
        f"by the figures of {escape(document['energy_table']['source'])}.</small>"
    )
    body = [
        "<h1>Mixed precision: what was chosen</h1>",
        about,
        f'<p class="alarm"><b>The goal is not met.</b> {escape(unmet)}</p>' if unmet else "",
        _summary(document),
        f"<h2>Size against loss</h2>{front(marks, 'loss, ' + escape(document['metric']))}",
        f"<h2>Worst offenders</h2>{_offenders(document)}",
        f"<p>To try next:</p><pre><code>{escape(document['next'])}</code></pre>",
        f"<h2>Sensitivity</h2>{_sensitivity(document)}",
        f"<h2>Sites</h2>{_sites(document)}",
        _times(document),
    ]
    return page("Lowbit search", "\n".join(part for part in body if part))


def _summary(document: dict[str, Any]) -> str:
    chosen, loss, floating = document["chosen"], document["chosen"]["loss"], document["float"]
    entries = [
        (f"loss, {document['metric']}, measured", f"{loss['measured']:.6f}" if loss["measured"] is not None else "not measured"),
        ("loss, predicted", f"{loss['predicted']:.6f}"),
    ]
    if loss["bound"] is not None:
        entries.append(("no selection is predicted to lose less than", f"{loss['bound']:.6f}"))
    for output in document["outputs"]:
        entries.append((f"cosine of {output['output']}, least", f"{output['cosine_min']:.6f}"))
    entries += [
        ("bits a weight, scales included", f"{chosen['bits']:.3f}"),
        ("bytes of constants", f"{chosen['bytes']:,}"),
        ("bytes in float", f"{floating['bytes']:,}"),
        ("energy of a call", joules(chosen["energy_pj"]).replace("&micro;", "µ")),
    ]
    if floating["energy_pj"]:
        entries.append(("energy, of the float model's", f"{100 * chosen['energy_pj'] / floating['energy_pj']:.1f} %"))
    return cards(entries)


def _offenders(document: dict[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(each['site'])}</td><td>{escape(each['scheme'])}</td><td>{_share(each['share'], 1.0)}</td>"
        f'<td class="number">{decibels(each["sqnr_db"])}</td></tr>'
        for each in document["offenders"]
    ]
    return table(("site", "scheme", "part of all predicted losses", "SQNR of layer"), rows, ("SQNR of layer",))


def _share(share: float, most: float) -> str:
    return bar(share / (most or 1.0), f"{100 * share:.1f} %", share > _ALARMING)


def _sensitivity(document: dict[str, Any]) -> str:
    """What each scheme would lose at each site: a shade of the table's largest loss, by logarithm."""
    schemes = sorted({scheme for site in document["sites"] for scheme in site["candidates"]}, key=lambda name: _least_bytes(document, name))
    rows = []
    for site in document["sites"]:
        cells = [f"<td>{escape(site['site'])}</td>"]
        for scheme in schemes:
            candidate = site["candidates"].get(scheme)
            text = f"{candidate['loss']:.1e}" if candidate else ""
            cells.append(f'<td class="number">{f"<b>{text}</b>" if scheme == site["scheme"] else text}</td>')
        cells.append(f"<td>{_share(site['share'], max(each['share'] for each in document['sites']))}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ["site", *(escape(scheme) for scheme in schemes), "part of the loss"]
    return "<small>Loss of each scheme at each site; bold: chosen.</small>" + table(heads, rows, heads[1:-1])


def _least_bytes(document: dict[str, Any], scheme: str) -> tuple[int, str]:
    return min(site["candidates"][scheme]["bytes"] for site in document["sites"] if scheme in site["candidates"]), scheme


def _sites(document: dict[str, Any]) -> str:
    rows = []
    for site in document["sites"]:
        sqnr = decibels(None if site["sqnr_db"] >= 999 else site["sqnr_db"]) if "sqnr_db" in site else ""
        cells = [
            ("", escape(site["site"])),
            ("", escape(site["scheme"])),
            ("number", f"{site['bits']:.2f}"),
            ("number", f"{site['bytes']:,}"),
        ]
        cells += [("number", joules(site["energy_pj"])), ("", histogram(site.get("weight_histogram"))), ("number", sqnr)]
        cells += layer_cells(site.get("layer"))
        rows.append("<tr>" + "".join(f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>" for kind, text in cells) + "</tr>")
    heads = ("site", "scheme", "bits", "bytes", "energy", "weight", "SQNR of weight", "SQNR of layer", "cosine", "KL", "error")
    about = (
        "<small>Layers are compared with the float model's over the data that the selection is judged by; KL in nats. Histograms: heights by "
        "square root.</small>"
    )
    return about + table(heads, rows, ("bits", "bytes", "energy", "SQNR of weight", "SQNR of layer", "cosine", "KL"))


def _times(document: dict[str, Any]) -> str:
    times = document["times"]
    if not times:
        return ""
    model = times["model"]
    entries = [("latency, predicted", si(model["predicted"], "s").replace("&micro;", "µ"))]
    for name, key in (("latency, measured", "measured"), ("latency in float", "float")):
        if model[key] is not None:
            entries.append((name, si(model[key], "s").replace("&micro;", "µ")))
    rows = [
        f"<tr><td>{escape(name)}</td>"
        + "".join(f'<td class="number">{si(each[key], "s") if each[key] is not None else ""}</td>' for key in ("chosen", "float"))
        + "</tr>"
        for name, each in times["sites"].items()
    ]
    about = f"<small>{escape(times['source'])}, target {escape(times['target'])}, threads: {times['threads']}. The model's prediction is the sum of its sites and a rest.</small>"
    return f'<section id="times">\n<h2>Times</h2>{about}{cards(entries)}{table(("site", "chosen", "float"), rows, ("chosen", "float"))}\n</section>'
