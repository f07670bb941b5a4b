"""report and explain."""

from __future__ import annotations

import argparse
import difflib
import json

from lowbit.arrays import read_arrays, split_samples
from lowbit.cli.options import add_dims, check_output, load_model, parse_dims
from lowbit.errors import Error
from lowbit.layers import compare_layers
from lowbit.statistics import Statistics


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands that look at models."""
    report = commands.add_parser("report", help="what quantization did to each site")
    report.add_argument("model", metavar="MODEL")
    report.add_argument("--stats", metavar="s.json", help="statistics of its calibration, for ranges of activations")
    report.add_argument("--float", metavar="m.onnx", help="the float model, to compare layers with; needs --inputs")
    report.add_argument("--inputs", metavar="data.npz", help="data to compare layers over")
    report.add_argument("--target", metavar="nvptx:sm_90a", help="list what a call launches on this GPU, too; none is needed")
    report.add_argument("-o", "--output", metavar="r.html", help=".html or .json; without it, JSON on stdout")
    add_dims(report)
    report.set_defaults(run=_report)

    explain = commands.add_parser("explain", help="what became of one site, and why")
    explain.add_argument("model", metavar="MODEL")
    explain.add_argument("site", metavar="SITE")
    explain.set_defaults(run=_explain)


def _report(options: argparse.Namespace) -> None:
    if options.output:
        check_output(options.output)
    if bool(options.float) != bool(options.inputs):
        raise Error("--float and --inputs go together: layers are compared over data, with those of the float model")
    stats = Statistics.load(options.stats) if options.stats else None
    model, beside = load_model(options.model), None
    if options.float:
        reference = load_model(options.float, parse_dims(options.dim))
        beside = compare_layers(reference, model, split_samples(read_arrays(options.inputs), reference.inputs)[0])
    document = model.report(options.output, stats=stats, beside=beside, target=options.target)
    if not options.output:
        print(json.dumps(document, indent=1))


def _explain(options: argparse.Namespace) -> None:
    rows = {row["site"]: row for row in load_model(options.model).report()["sites"] if row["site"]}
    if options.site not in rows:
        near = difflib.get_close_matches(options.site, rows, 3)
        hint = f"; did you mean {', '.join(f'`{name}`' for name in near)}?" if near else f"; the model has {len(rows)} sites"
        raise Error(f"{options.model}: no site `{options.site}`{hint}")
    row = rows[options.site]
    print(f"site: {row['site']}\nkind: {row['kind']}\nlocation: {row['loc']}")
    if "float_reason" in row:
        print(f"stays float: {row['float_reason']}")
    for side, scheme in row.get("operands", {}).items():
        print(f"{side}: {scheme}")
    if "bytes" in row:
        print(f"bytes: {row['bytes']['quantized']:,} (float: {row['bytes']['float']:,})")
    for width, count in row.get("macs", {}).items():
        print(f"multiply-accumulates of {width} bits: {count:,}")
    if "sqnr_db" in row:
        print(f"SQNR of weight: {row['sqnr_db']:.2f} dB")
