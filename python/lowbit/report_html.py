"""The report of a quantized model as one HTML file: a summary, the worst layers, and a table of sites with their histograms."""

from __future__ import annotations

from html import escape
from typing import Any

from lowbit.plots import bar, histogram
from lowbit.report import is_quantized
from lowbit.report_style import cards, decibels, joules, page, si, table


def render(report: dict[str, Any]) -> str:
    """The page. Every text out of the model is escaped."""
    layered = any("layer" in row for row in report["sites"])
    heads = ["site", "scheme", "weight", "activation", "SQNR of weight", "bytes", "multiply-accumulates", "energy"]
    if layered:
        heads[5:5] = ["SQNR of layer", "cosine", "KL", "error"]
    numbers = ("SQNR of weight", "SQNR of layer", "cosine", "KL", "bytes", "multiply-accumulates", "energy")
    about = (
        "<small>Histograms are of reals, over their whole range, heights by square root. SQNR of a weight compares the reals that codes stand for with "
        "the float weight. Energy is an estimate: arithmetic, and constants that come from memory once a call, by the figures of "
        f"{escape(report['energy_table']['source'])}."
        + (
            " SQNR, cosine, KL (nats) and error of a layer compare what it sums up with the float model's, over the calibration data."
            if layered
            else ""
        )
        + "</small>"
    )
    rows = (_row(row, layered) for row in report["sites"])
    body = f"<h1>Quantization report</h1>\n{about}\n{_summary(report)}\n{_worst(report)}\n<h2>Sites</h2>\n{table(heads, rows, numbers)}{_launches(report.get('gpu'))}"
    return page("Lowbit report", body)


def _summary(report: dict[str, Any]) -> str:
    sites, sizes, macs, energy = report["sites"], report["bytes"], report["macs"], report["energy_pj"]
    entries = [
        ("sites in codes", f"{sum(map(is_quantized, sites))} of {len(sites)}"),
        ("bytes of constants", f"{sizes['quantized']:,}"),
        ("bytes in float", f"{sizes['float']:,}"),
    ]
    if sizes["quantized"]:
        entries.append(("smaller", f"{sizes['float'] / sizes['quantized']:.2f}x"))
    for output in report.get("outputs", ()):
        entries.append((f"cosine of {output['output']}, least", f"{output['cosine_min']:.6f}"))
    total = sum(macs.values())
    for width, count in macs.items():
        share = f" ({100 * count / total:.1f} %)" if total else ""
        entries.append((f"multiply-accumulates of {width} bits", f"{si(count)}{share}"))
    entries.append(("energy of arithmetic", joules(energy["arithmetic"]).replace("&micro;", "µ")))
    entries.append(("energy of memory", joules(energy["memory"]).replace("&micro;", "µ")))
    return cards(entries)


def _worst(report: dict[str, Any]) -> str:
    offenders = report.get("offenders", ())
    if not offenders:
        return ""
    most = max(offender["noise"] for offender in offenders) or 1.0
    rows = []
    for offender in offenders:
        noise = bar(offender["noise"] / most, f"{100 * offender['noise']:.1f} % of the signal", alarming=True)
        rows.append(f'<tr><td>{escape(offender["site"])}</td><td class="number">{decibels(offender["sqnr_db"])}</td><td>{noise}</td></tr>')
    what = "layer" if any("layer" in row for row in report["sites"]) else "weight"
    following = f"<p>To try next:</p><pre><code>{escape(report['next'])}</code></pre>" if report.get("next") else ""
    return f"<h2>Worst offenders</h2>{table(('site', f'SQNR of {what}', 'noise'), rows, (f'SQNR of {what}',))}{following}"


def _launches(gpu: dict[str, Any] | None) -> str:
    """What runs on the GPU, in order."""
    if gpu is None:
        return ""
    is_assembled = any("registers" in launch for launch in gpu["launches"])
    resources = ("registers", "spill bytes", "stack bytes") if is_assembled else ()
    numbers = ("blocks", "threads", "shared bytes", *resources, "bytes read", "bytes written")
    heads = ("", "kernel", *numbers, "reads", "writes")
    rows = []
    for number, launch in enumerate(gpu["launches"]):
        site = f"<br><small>{escape(launch['site'])}</small>" if "site" in launch else ""
        cells = [str(number), f"{escape(launch['kernel'])}{site}"]
        cells += [f"{launch[key]:,}" if (key := head.replace(" ", "_")) in launch else "" for head in numbers]
        cells += ["<br>".join(escape(buffer["type"]) for buffer in launch[side]) for side in ("reads", "writes")]
        rows.append(
            "<tr>"
            + "".join(f'<td class="number">{cell}</td>' if 2 <= i < 2 + len(numbers) else f"<td>{cell}</td>" for i, cell in enumerate(cells))
            + "</tr>"
        )
    total = f"{len(rows)} launches, {gpu['bytes_read']:,} bytes read, {gpu['bytes_written']:,} written."
    if rows and not is_assembled:
        total += " What registers kernels take and spill is not known: no assembler for them is here."
    return f"<h2>Launches on {escape(gpu['target'])}</h2><p>{total}</p>{table(heads, rows, numbers)}"


def _row(row: dict[str, Any], layered: bool) -> str:
    quantized = is_quantized(row)
    if quantized:
        scheme = "<br>".join(f"{escape(side)}: <code>{escape(_short(text))}</code>" for side, text in row["operands"].items())
    else:
        scheme = f"float<br><small>{escape(row.get('float_reason') or 'no rule of the recipe matches')}</small>"
    sqnr = decibels(None if row["sqnr_db"] >= 999 else row["sqnr_db"]) if "sqnr_db" in row else ""
    sizes = row.get("bytes") or {}
    size = f"{sizes['quantized']:,}<br><small>of {sizes['float']:,}</small>" if sizes.get("quantized") else ""
    macs = "<br>".join(f"{si(count)} of {escape(width)}" for width, count in (row.get("macs") or {}).items())
    energy = row.get("energy_pj")
    total = joules(energy["arithmetic"] + energy["memory"]) if energy else ""
    cells = [("", f"{escape(row['site'] or row['loc'])}<br><small>{escape(row['kind'])}</small>"), ("scheme", scheme)]
    cells += [("", histogram(row.get("weight_histogram"))), ("", histogram(row.get("histogram"), row.get("range"))), ("number", sqnr)]
    if layered:
        cells += layer_cells(row.get("layer"))
    cells += [("number", size), ("number", macs), ("number", total)]
    body = "".join(f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>" for kind, text in cells)
    return f'<tr class="{"codes" if quantized else "float"}">{body}</tr>'


def layer_cells(layer: dict[str, Any] | None) -> list[tuple[str, str]]:
    """SQNR, cosine, KL and histogram of errors of a layer, each with the class of its cell."""
    if layer is None:
        return [("number", "")] * 3 + [("", '<span class="none">&ndash;</span>')]
    return [
        ("number", decibels(layer["sqnr_db"])),
        ("number", f"{layer['cosine']:.6f}"),
        ("number", f"{layer['kl']:.2g}"),
        ("", histogram(layer["error_histogram"])),
    ]


def _short(scheme: str) -> str:
    return scheme.replace("#lowbit.scheme", "").replace("#lowbit.", "")
