"""run and compare."""

from __future__ import annotations

import argparse
import json

import numpy as np

from lowbit.arrays import read_arrays, split_samples, write_arrays
from lowbit.cli.options import add_dims, add_machine, check_output, load_model, parse_dims, positive
from lowbit.comparison import compare
from lowbit.errors import Error


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands that run models."""
    run = commands.add_parser("run", help="run a model on a file of inputs")
    run.add_argument("model", metavar="MODEL")
    run.add_argument("--inputs", required=True, metavar="in.npz", help="one array an input, or with an axis of samples before its shape")
    run.add_argument("--output", required=True, metavar="out.npz")
    run.add_argument("--time", type=positive, metavar="N", help="time N more calls on the first sample")
    add_machine(run)
    add_dims(run)
    run.set_defaults(run=_run)

    comparison = commands.add_parser("compare", help="cosine, SQNR, largest difference, bytes and latency of two models")
    comparison.add_argument("a", metavar="A", help="what B is measured against")
    comparison.add_argument("b", metavar="B")
    comparison.add_argument("--inputs", required=True, metavar="data.npz")
    comparison.add_argument("--json", action="store_true", help="print JSON")
    comparison.add_argument("--repeat", type=positive, default=10, help="calls for the latency")
    add_machine(comparison)
    add_dims(comparison)
    comparison.set_defaults(run=_compare)


def _run(options: argparse.Namespace) -> None:
    check_output(options.output)
    model = load_model(options.model, parse_dims(options.dim))
    samples, stacked = split_samples(read_arrays(options.inputs), model.inputs)
    function = model.compile(options.target, options.threads)
    results = [function(**sample) for sample in samples]
    if options.time:
        timing = function.benchmark(samples[0], options.time)
        print(f"median {timing.median:.9f} s, minimum {timing.minimum:.9f} s")
    outputs = {name: np.stack([result[name] for result in results]) for name in results[0]} if stacked else results[0]
    write_arrays(options.output, outputs)


def _compare(options: argparse.Namespace) -> None:
    dims = parse_dims(options.dim)
    models = [load_model(options.a, dims), load_model(options.b, dims)]
    ports = [[(port.name, port.shape, port.dtype) for port in model.inputs] for model in models]
    if ports[0] != ports[1]:
        raise Error(f"the models have different inputs: {ports[0]} and {ports[1]}")
    samples, _ = split_samples(read_arrays(options.inputs), models[0].inputs)
    results = compare(*models, samples, target=options.target, threads=options.threads)
    timings = [model.compile(options.target, options.threads).benchmark(samples[0], options.repeat) for model in models]
    if options.json:
        document = {
            "outputs": [result.as_json() for result in results],
            "bytes": [model.nbytes for model in models],
            "seconds": [{"median": timing.median, "minimum": timing.minimum} for timing in timings],
        }
        print(json.dumps(document))
        return
    for result in results:
        print(
            f"{result.output}: cosine {result.cosine_mean:.6f} (worst {result.cosine_min:.6f}), SQNR {result.sqnr_db:.2f} dB, "
            f"largest difference {result.largest_difference:.3g}, {result.samples} samples"
        )
    for path, model, timing in zip((options.a, options.b), models, timings, strict=True):
        print(f"{path}: {model.nbytes:,} bytes, median {timing.median * 1e3:.3f} ms, minimum {timing.minimum * 1e3:.3f} ms")
