"""search and bench-costs."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from lowbit.arrays import read_arrays, split_samples
from lowbit.cli.options import add_dims, add_machine, check_distinct, check_output, count, load_model, parse_dims
from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.precision.costs import CostTable, Peaks, bench_costs
from lowbit.precision.metrics import METRICS
from lowbit.precision.sensitivity import Sensitivity, analyze, escape
from lowbit.precision.space import read_space
from lowbit.search import Found, Goal, Search, offenders
from lowbit.search_report import describe, is_report, write_search_report
from lowbit.search_times import collect_times

_BUDGETS = ("bits", "bytes", "latency", "energy")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands that choose precisions."""
    search = commands.add_parser("search", help="choose the precision of each site under budgets")
    search.add_argument("model", metavar="MODEL")
    search.add_argument("--calib", required=True, metavar="data.npz", help="data for calibration and sensitivity")
    search.add_argument("--eval", metavar="data.npz", help="data that selections are judged by; those of --calib by default")
    search.add_argument(
        "--budget", action="append", default=[], metavar="WHAT=MOST", help="bits=3.5, bytes=9000000, latency=0.5x, energy=0.2x"
    )
    search.add_argument("--floor", metavar="METRIC=VALUE", help="the smallest model with cosine=0.98 or more (mse, kl: or less)")
    search.add_argument("--keep", action="append", default=[], metavar="PATTERN=SCHEME", help="sites that get this scheme")
    search.add_argument("--together", action="append", default=[], metavar="PATTERN", help="sites that share a scheme")
    search.add_argument("--metric", choices=sorted(METRICS), help="what is lost; that of --floor, else cosine")
    search.add_argument("--mode", choices=["exact", "greedy", "uniform"], default="exact", help="how to select")
    search.add_argument("--space", metavar="space.json", help="schemes to choose from")
    search.add_argument("--analytic", action="store_true", help="do not measure sensitivities, only work them out from second moments")
    costs = search.add_mutually_exclusive_group()
    costs.add_argument("--costs", metavar="costs.json", help="a table of bench-costs; made when a budget on latency needs it")
    costs.add_argument("--peaks", metavar="peaks.json", help="limits of a machine that is not here")
    search.add_argument("--mask", metavar="INPUT", help="input whose zeros mark rows that calibration leaves out, such as padding")
    search.add_argument("--refine", type=count, default=0, metavar="N", help="measure N selections near the chosen one, and take the best")
    search.add_argument("--points", type=count, default=5, metavar="N", help="of the Pareto front in the report")
    search.add_argument("--state", metavar="FOLDER", help="where work in progress is kept; recipe.json.search by default")
    search.add_argument("-o", "--output", required=True, metavar="recipe.json")
    search.add_argument("--save", metavar="q.mlir", help="write the quantized model too")
    search.add_argument("--report", action="append", default=[], metavar="r.html", help="write a report, .html or .json")
    search.add_argument(
        "--times", action=argparse.BooleanOptionalAction, default=True, help="measure times for the report; all else in it is reproducible"
    )
    add_machine(search)
    add_dims(search)
    search.set_defaults(run=_search)

    bench = commands.add_parser("bench-costs", help="measure what each scheme costs at each shape of a model, on this machine")
    bench.add_argument("model", metavar="MODEL")
    bench.add_argument("--space", metavar="space.json", help="schemes to measure")
    bench.add_argument("-o", "--output", required=True, metavar="costs.json")
    add_machine(bench)
    add_dims(bench)
    bench.set_defaults(run=_bench)


def parse_budgets(texts: list[str]) -> dict[str, str | float]:
    """{"bits": "3.5"} from ["bits=3.5"]."""
    budgets: dict[str, str | float] = {}
    for text in texts:
        what, separator, limit = text.partition("=")
        if not separator or what not in _BUDGETS or not limit.strip():
            raise Error(f"--budget {text}: expected one of {', '.join(_BUDGETS)}, such as bits=3.5 or latency=0.5x")
        if what in budgets:
            raise Error(f"--budget {what} is given twice")
        if any(letter in limit for letter in " {}\"'"):
            raise Error(f"--budget {text}: expected a number, or such as 0.5x")
        budgets[what] = limit
    return budgets


def parse_floor(text: str | None) -> tuple[str | None, float | None]:
    """The metric, and the most that may be lost by it."""
    if text is None:
        return None, None
    metric, separator, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not separator or metric not in METRICS or not 0 <= number < float("inf"):
        raise Error(f"--floor {text}: expected METRIC=VALUE with one of {', '.join(METRICS)}, such as cosine=0.98")
    if metric == "cosine" and number > 1:
        raise Error(f"--floor {text}: a cosine is at most 1")
    return metric, (1 - number if metric == "cosine" else number)


def _search(options: argparse.Namespace) -> None:
    outputs = [path for path in (options.output, options.save, *options.report) if path]
    for path in outputs:
        check_output(path)
    check_distinct(outputs)
    for path in options.report:
        if not is_report(path):
            raise Error(f"{path}: the report of a search is .html or .json")
    floor_metric, most_loss = parse_floor(options.floor)
    if floor_metric and options.metric and floor_metric != options.metric:
        raise Error(f"--floor is of {floor_metric} and --metric is {options.metric}; give one of them")
    budgets = parse_budgets(options.budget)
    if not budgets and most_loss is None:
        raise Error("nothing to search for; give --budget bits=3.5, or --floor cosine=0.98")
    model = load_model(options.model, parse_dims(options.dim))
    samples = list(split_samples(read_arrays(options.calib), model.inputs)[0])
    check = list(split_samples(read_arrays(options.eval), model.inputs)[0]) if options.eval else None
    costs = CostTable.load(options.costs) if options.costs else Peaks.load(options.peaks) if options.peaks else None
    search = Search(
        model,
        samples,
        options.state or f"{options.output}.search",
        space=options.space,
        check=check,
        mask=options.mask,
        metric=floor_metric or options.metric or "cosine",
        target=options.target,
        threads=options.threads,
    )
    goal = Goal(budgets, options.keep, options.together, most_loss, options.mode)
    wants_latency = "latency" in budgets
    sensitivity = search.sensitivity(measured=not options.analytic, costs=costs, latency=wants_latency)
    point, met = search.find_smallest(sensitivity, goal)
    unmet = (
        "" if met else _explain_unmet(search, sensitivity, goal, point.loss or 0.0, point.summary["bits"], offenders(sensitivity, point))
    )
    if met and options.refine > 0 and most_loss is None:
        point = search.refine(sensitivity, goal, point, options.refine)
    search.judge(point, latency=wants_latency and options.peaks is None)
    quantized = search.quantize(point)
    if options.report:
        front = search.front(sensitivity, goal, options.points)
        times = collect_times(search, sensitivity, point, costs) if options.times else {}
        found = Found(point, front, sensitivity, quantized, str(search.metric), goal, search.compare(quantized), times, unmet)
        for path in options.report:
            write_search_report(found, path, _next_command(options, sensitivity, found))
    if unmet:
        raise Error(unmet)
    with whole_file(options.output) as temporary:
        temporary.write_text(point.recipe, encoding="utf-8")
    if options.save:
        quantized.save(options.save)
    print(f"{options.output}: {describe(point, str(search.metric))}", file=sys.stderr)


def _next_command(options: argparse.Namespace, sensitivity: Sensitivity, found: Found) -> str:
    """Keeps the worst site in the most precise of its candidates."""
    worst = offenders(sensitivity, found.chosen, 1)[0][0]
    site = next(each for each in sensitivity.sites if each["name"] == worst)
    best = min(site["candidates"], key=lambda each: each["loss"])["scheme"]
    words = ["lowbit", "search", Path(options.model).name, "--calib", Path(options.calib).name]
    words += [word for text in options.budget for word in ("--budget", text)] + (["--floor", options.floor] if options.floor else [])
    words += [word for text in options.keep for word in ("--keep", text)] + ["--keep", f"{escape(worst)}={best}"]
    return shlex.join([*words, "-o", Path(options.output).name])


def _explain_unmet(
    search: Search, sensitivity: Sensitivity, goal: Goal, loss: float, bits: float, worst: list[tuple[str, str, float]]
) -> str:
    shown = 1 - loss if search.metric == "cosine" else loss
    wanted = 1 - (goal.most_loss or 0.0) if search.metric == "cosine" else goal.most_loss
    text = f"{search.metric} is {shown:.6f} at best within the budget ({bits:.3f} bits a weight), not {wanted:.6f}"
    text += "; the most is lost at " + ", ".join(f"`{name}` in {scheme} ({100 * share:.0f} %)" for name, scheme, share in worst[:3])
    if not goal.budgets:
        return text + "; give other algorithms or schemes (`--space`), or more data (`--calib`)"
    free, met = search.find_smallest(sensitivity, Goal({}, goal.keep, goal.together, goal.most_loss, goal.mode))
    if met:
        return text + f"; --budget bits={free.summary['bits']:.3f} (bytes={free.summary['bytes']}) would meet it"
    return text + "; no budget meets it: give other algorithms or schemes (`--space`), or more data (`--calib`)"


def _bench(options: argparse.Namespace) -> None:
    check_output(options.output)
    model = load_model(options.model, parse_dims(options.dim))
    space = read_space(options.space)
    # Shapes alone are wanted, whatever the losses.
    sensitivity = analyze(model, {**space, "algorithms": [], "rules": [{"keep": "not measured"}]}, None, options.space or "space")
    shapes = [(site["rows"], site["inputs"], site["outputs"]) for site in sensitivity.sites]
    table = bench_costs(shapes, list(sensitivity.schemes.values()), target=options.target, threads=options.threads)
    table.save(options.output)
    print(f"{options.output}: {len(table.seconds)} times of {len(set(shapes))} shapes on {table.machine}", file=sys.stderr)
