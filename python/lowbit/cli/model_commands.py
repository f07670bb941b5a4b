"""import and quantize."""

from __future__ import annotations

import argparse
import shlex
import sys

from lowbit.arrays import read_arrays, split_samples
from lowbit.cli.options import add_dims, check_distinct, check_output, check_report, load_model, parse_dims
from lowbit.errors import Error
from lowbit.layers import compare_layers
from lowbit.precision.sensitivity import escape
from lowbit.statistics import Statistics


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands that make models."""
    importer = commands.add_parser("import", help="bring an ONNX model in as MLIR")
    importer.add_argument("model", metavar="MODEL")
    importer.add_argument("-o", "--output", required=True, metavar="m.mlir")
    importer.add_argument("--text", action="store_true", help="write text, not bytecode")
    add_dims(importer)
    importer.set_defaults(run=_import)

    quantize = commands.add_parser("quantize", help="quantize a model by a recipe")
    quantize.add_argument("model", metavar="MODEL")
    quantize.add_argument("--recipe", required=True, help="a recipe's name, or a file")
    data = quantize.add_mutually_exclusive_group()
    data.add_argument("--calib", metavar="data.npz", help="calibrate on these data")
    data.add_argument("--stats", metavar="s.json", help="statistics of a calibration before")
    quantize.add_argument("--save-stats", metavar="s.json", help="keep the statistics of --calib")
    quantize.add_argument("--observer", help="such as minmax or percentile<99.9>; by default the recipe's")
    quantize.add_argument("--mask", metavar="INPUT", help="input whose zeros mark rows that calibration leaves out, such as padding")
    quantize.add_argument("-o", "--output", required=True, metavar="q.mlir")
    quantize.add_argument("--report", metavar="r.html", help="write a report, .html or .json")
    quantize.add_argument("--text", action="store_true", help="write text, not bytecode")
    add_dims(quantize)
    quantize.set_defaults(run=_quantize)


def _import(options: argparse.Namespace) -> None:
    check_output(options.output)
    load_model(options.model, parse_dims(options.dim)).save(options.output, text=options.text)


def _quantize(options: argparse.Namespace) -> None:
    outputs = [path for path in (options.output, options.report, options.save_stats) if path]
    for path in outputs:
        check_output(path)
    check_distinct(outputs)
    check_report(options.report)
    if options.save_stats and not options.calib:
        raise Error("--save-stats needs --calib")
    if options.mask and not options.calib:
        raise Error("--mask needs --calib")
    model = load_model(options.model, parse_dims(options.dim))
    stats, samples = None, []
    if options.stats:
        stats = Statistics.load(options.stats)
    elif options.calib:
        samples = list(split_samples(read_arrays(options.calib), model.inputs)[0])
        stats = model.calibrate(samples, options.observer, recipe=options.recipe, mask=options.mask)
    quantized = model.quantize(options.recipe, stats)
    # Before anything is written: data that a layer does not bear are an error.
    beside = compare_layers(model, quantized, samples) if samples and options.report else None
    quantized.save(options.output, text=options.text)
    if options.save_stats and stats:
        stats.save(options.save_stats)
    if options.report:
        quantized.report(options.report, beside=beside, following=lambda worst: _search_command(options, quantized.nbytes, worst))
    left = [site for site in quantized.sites if site.reason]
    print(f"{options.output}: {quantized.nbytes:,} bytes of constants (float: {model.nbytes:,})", file=sys.stderr)
    if left:
        print(f"{len(left)} sites stay float; `lowbit explain {options.output} SITE` says why", file=sys.stderr)


def _search_command(options: argparse.Namespace, nbytes: int, worst: str) -> str:
    """A search at the same size that spares the worst site."""
    words = ["lowbit", "search", options.model, "--calib", options.calib or "data.npz", "--budget", f"bytes={nbytes}"]
    return shlex.join([*words, "--keep", f"{escape(worst)}=f16", "-o", "recipe.json", "--report", "search.html"])
