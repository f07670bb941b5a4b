"""A whole model, MiniLM-L6: 8-bit, f32 and bf16, with the cosine of its embeddings to the float model's."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Options, Prepared, compare
from bench.minilm import Size
from bench.native import Unavailable
from bench.ours import bind
from bench.peers import onnxruntime, openvino
from bench.report import Report

TITLE = "model: MiniLM-L6, whole calls"
SIZES = ((1, 128), (8, 128), (1, 16))
# Of the model, embeddings included: bits a weight are of all of them.
PARAMETERS = 22.4e6
LIMITS = {"int8": "vpdpbusd", "f32": "fma", "bf16": "vdpbf16ps"}


def run(report: Report, options: Options) -> None:
    """All sizes and precisions."""
    for batch, seq in SIZES:
        size = Size(batch, seq, report.path.parent / "models")
        for precision, limit in LIMITS.items():
            case = {"batch": batch, "seq": seq, "precision": precision}
            if options.wants_case(case):
                compare(report, options, case, precision, _makers(size, precision), size.operations, limit, 11e6)


def _makers(size: Size, precision: str) -> dict[str, Callable[[], Prepared]]:
    path = size.path
    int8 = path.with_suffix(".int8.xml"), path.with_suffix(".int8.onnx")
    if precision == "int8":
        return {
            "lowbit w8a8": partial(ours, size, "w8a8"),
            "lowbit w8a8-dynamic": partial(ours, size, "w8a8-dynamic"),
            "lowbit w4a8": partial(ours, size, "w4a8"),
            "lowbit ternary": partial(ours, size, "ternary"),
            "openvino int8, bf16 rest": partial(_openvino, size, int8[0], "bf16"),
            "openvino int8": partial(_openvino, size, int8[0], "f32"),
            "onnxruntime dynamic int8": partial(_onnxruntime, size, int8[1]),
        }
    if precision == "f32":
        return {
            "lowbit": partial(ours, size, None),
            "openvino": partial(_openvino, size, path, "f32"),
            "onnxruntime": partial(_onnxruntime, size, path),
        }
    return {"lowbit bf16": partial(ours, size, "bf16"), "openvino": partial(_openvino, size, path, "bf16")}


def _judge(size: Size, prepared: Prepared, inputs: dict[str, np.ndarray]) -> Prepared:
    """Runs the prepared call over all sentences, through the arrays it is bound to."""
    first = {name: array.copy() for name, array in inputs.items()}
    found = []
    for batch in size.evaluation:
        for name, array in inputs.items():
            array[...] = batch[name]
        prepared.call.sample(1, 1)
        found.append(np.array(prepared.result()))
    for name, array in inputs.items():
        array[...] = first[name]
    prepared.extra = {**size.cosines(np.concatenate(found)), **prepared.extra}
    prepared.result = None
    return prepared


def _inputs(size: Size) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in size.evaluation[0].items()}


def ours(size: Size, recipe: str | None, threads: int = 1) -> Prepared:
    """The model, quantized by a recipe, or as it is."""
    import lowbit

    model: Any = lowbit.load(str(size.path))
    inputs = _inputs(size)
    try:
        if recipe is not None:
            stats = None
            if "dynamic" not in recipe:
                stats = model.calibrate(size.calibration, recipe=recipe, mask="mask", progress=False)
            model = model.quantize(recipe, stats=stats)
        start = time.perf_counter()
        function = model.compile(target="host", threads=threads)
    except lowbit.Error as failure:
        raise Unavailable(str(failure).splitlines()[0]) from failure
    seconds = time.perf_counter() - start
    prepared = bind(function, inputs, 8 * model.nbytes / PARAMETERS, "whole model", "emb")
    prepared.extra = {"nbytes": model.nbytes, "compile_seconds": round(seconds, 1)}
    return _judge(size, prepared, inputs)


def _openvino(size: Size, path: Path, precision: str) -> Prepared:
    if path != size.path:
        try:
            openvino.quantize_minilm(size.path, [tuple(batch.values()) for batch in size.calibration], path)
        except ImportError as failure:
            raise Unavailable(f"{failure}; it is quantized by nncf") from failure
    inputs = _inputs(size)
    prepared = openvino.minilm(path, list(inputs.values()), precision)
    _count_bytes(prepared, path.with_suffix(".bin") if path != size.path else path)
    return _judge(size, prepared, inputs)


def _onnxruntime(size: Size, path: Path) -> Prepared:
    if path != size.path:
        onnxruntime.quantize_minilm(size.path, path)
    inputs = _inputs(size)
    prepared = onnxruntime.minilm(path, inputs)
    _count_bytes(prepared, path)
    return _judge(size, prepared, inputs)


def _count_bytes(prepared: Prepared, path: Path) -> None:
    """Those of a peer's file."""
    nbytes = path.stat().st_size
    prepared.bits_per_weight, prepared.extra = 8 * nbytes / PARAMETERS, {"nbytes": nbytes}
