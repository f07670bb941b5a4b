"""What sites cost in time: a table measured on this machine, or a model of one that is not here.

A table holds seconds of a product [rows, inputs] x [inputs, outputs] for each scheme; a site's latency is that of its shape. What is left of
the measured float model, less its sites, is the rest, which no choice changes.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lowbit import _native
from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.function import BoundFunction, Function
from lowbit.module import Module
from lowbit.precision.checks import read_json
from lowbit.precision.sensitivity import Sensitivity
from lowbit.progress import progress as show_progress

_KIND = "lowbit costs"
_SECONDS = 0.03
_FLOAT = {"float": "f32"}
Shape = tuple[int, int, int]


@dataclass
class CostTable:
    """Seconds by shape and scheme (as a rule of a recipe has it), of one machine, target and number of threads."""

    machine: str
    target: str
    threads: int
    seconds: dict[tuple[Shape, str], float]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CostTable:
        """Reads what save wrote; an entry that is no positive time is an error."""
        where = os.fspath(path)
        document = read_json(path)
        if not isinstance(document, dict) or document.get("kind") != _KIND or document.get("version") != 1:
            raise Error(f'expected an object with "kind": "{_KIND}" and "version": 1; make one with `lowbit bench-costs`', where)
        seconds = {}
        try:
            for entry in document["entries"]:
                shape = (int(entry["rows"]), int(entry["inputs"]), int(entry["outputs"]))
                value = float(entry["seconds"])
                if not (0 < value < float("inf")) or min(shape) < 1 or not isinstance(entry["scheme"], dict):
                    raise ValueError(entry)
                seconds[(shape, _key(entry["scheme"]))] = value
            return cls(str(document["machine"]), str(document["target"]), int(document["threads"]), seconds)
        except (KeyError, TypeError, ValueError, OverflowError) as failure:
            what = f"key {failure} is missing" if isinstance(failure, KeyError) else str(failure)
            raise Error(f"an entry is damaged: {what}; make the table again with `lowbit bench-costs`", where) from failure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        entries = [
            json.dumps({"rows": shape[0], "inputs": shape[1], "outputs": shape[2], "scheme": json.loads(scheme), "seconds": value})
            for (shape, scheme), value in sorted(self.seconds.items())
        ]
        head = json.dumps({"kind": _KIND, "version": 1, "machine": self.machine, "target": self.target, "threads": self.threads})
        with whole_file(path) as temporary:
            temporary.write_text(head[:-1] + ', "entries": [\n' + ",\n".join(entries) + "]}\n", encoding="utf-8")

    def lookup(self, shape: Shape, scheme: Mapping[str, Any]) -> float:
        """Seconds of one call."""
        found = self.seconds.get((shape, _key(scheme)))
        if found is None:
            raise Error(
                f"the table of costs has no entry of shape {'x'.join(map(str, shape))} for {json.dumps(scheme)}; make one of this model and "
                "space with `lowbit bench-costs`"
            )
        return found


def _key(scheme: Mapping[str, Any]) -> str:
    return json.dumps(scheme, sort_keys=True)


def time_call(bound: BoundFunction, threads: int, seconds: float = _SECONDS) -> float:
    """The least time of a call. On one thread it is processor time, which other programs hardly disturb."""
    clock = time.thread_time_ns if threads == 1 else time.perf_counter_ns
    bound()
    start = clock()
    bound()
    # A clock's own cost must not count.
    inner = max(1, round(2e5 / max(1, clock() - start)))
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = clock()
        for _ in range(inner):
            bound()
        best = min(best, (clock() - start) / inner)
        if time.perf_counter() > end:
            return best * 1e-9


def measure_latency(function: Function, sample: Mapping[str, Any], threads: int = 1, seconds: float = 0.5) -> float:
    """Of a whole model."""
    return time_call(function.bind(**sample), threads, seconds)


_LINEAR = """func.func @main(%x: tensor<{m}x{k}xf32> {{lowbit.name = "x"}}) -> (tensor<{m}x{n}xf32> {{lowbit.name = "y"}}) {{
  %w = arith.constant dense<"0x{weight}"> : tensor<{k}x{n}xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<{m}x{n}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>) outs(%init : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32> loc("fc")
  return %y : tensor<{m}x{n}xf32>
}}
"""


def _measure_linear(shape: Shape, scheme: Mapping[str, Any], target: str, threads: int) -> float:
    rows, inputs, outputs = shape
    random = np.random.default_rng(0)
    weight = random.standard_normal((inputs, outputs), dtype=np.float32)
    model = Module(_native.Model.parse(_LINEAR.format(m=rows, k=inputs, n=outputs, weight=weight.tobytes().hex()), "linear"))
    if scheme != _FLOAT:
        rule = {"keep": "measured", **scheme} if "float" in scheme else scheme
        model = model.quantize({"version": 1, "name": "one", "rules": [rule]})
    bound = model.compile(target, threads).bind(x=random.standard_normal((rows, inputs), dtype=np.float32))
    return time_call(bound, threads)


def bench_costs(
    shapes: Iterable[Shape],
    schemes: Sequence[Mapping[str, Any]],
    *,
    target: str = "host",
    threads: int = 1,
    progress: bool = True,
) -> CostTable:
    """Measures every scheme, and f32, at every shape."""
    wanted = [(shape, scheme) for shape in sorted(set(shapes)) for scheme in _distinct([_FLOAT, *schemes]) if _divides(shape, scheme)]
    if any(min(shape) < 1 for shape, _ in wanted):
        raise Error("a site has sizes that are known only at run time; fix them on import (`--dim`)")
    seconds = {
        (shape, _key(scheme)): _measure_linear(shape, scheme, target, threads)
        for shape, scheme in show_progress(wanted, "timing kernels", progress)
    }
    return CostTable(_machine(), target, threads, seconds)


def _divides(shape: Shape, scheme: Mapping[str, Any]) -> bool:
    group = scheme.get("weight", {}).get("group", 0)
    return not group or shape[1] % group == 0


def _distinct(schemes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({_key(scheme): scheme for scheme in schemes}.values())


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor() or platform.machine()
    )


@dataclass
class Peaks:
    """A machine by its limits: multiply-accumulates a second by the wider operand's width, and bytes a second."""

    name: str
    macs: dict[int, float]
    bytes: float
    call: float = 1e-6  # seconds that any call takes

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Peaks:
        """From {"name": "…", "macs": {"8": 2e11, "16": 1e11, "32": 5e10}, "bytes": 2e10, "call": 1e-6}."""
        where = os.fspath(path)
        document = read_json(path)
        try:
            macs = {int(width): float(rate) for width, rate in document["macs"].items()}
            peaks = cls(str(document["name"]), macs, float(document["bytes"]), float(document.get("call", 1e-6)))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as failure:
            what = f"key {failure} is missing" if isinstance(failure, KeyError) else str(failure)
            raise Error(f"no peaks of a machine: {what}; expected `name`, `macs` by width, and `bytes`", where) from failure
        rates = [*peaks.macs.values(), peaks.bytes]
        if not peaks.macs or not all(0 < rate < float("inf") for rate in rates) or not 0 <= peaks.call < 1:
            raise Error("`macs` and `bytes` are not positive rates", where)
        return peaks

    def predict(self, shape: Shape, scheme: Mapping[str, Any], weight_bytes: float) -> float:
        """The larger of arithmetic's and memory's time: operands are read once, the result is written once."""
        rows, inputs, outputs = shape
        left, right = _width(scheme, "activation"), _width(scheme, "weight")
        width = min((each for each in self.macs if each >= max(left, right)), default=max(self.macs))
        moved = weight_bytes + rows * inputs * left / 8 + rows * outputs * 4
        return self.call + max(rows * inputs * outputs / self.macs[width], moved / self.bytes)


def _width(scheme: Mapping[str, Any], side: str) -> int:
    if "float" in scheme or side not in scheme:
        return {"f16": 16, "bf16": 16}.get(scheme.get("float", "f32"), 32)
    text = scheme[side]["format"]
    digits = "".join(letter if letter.isdigit() else " " for letter in text).split()
    return int(digits[0]) if digits else {"ternary": 2, "binary": 1}.get(text, 8)


def add_latencies(
    sensitivity: Sensitivity,
    costs: CostTable | Peaks,
    float_latency: float | None = None,
    measured: tuple[str, float] | None = None,
) -> Sensitivity:
    """The same with latencies. float_latency: of the whole float model where it was measured; else its sites are all there is.

    measured: a scheme that all sites have, and the latency of the model with it everywhere. What it takes above its sites' is the rest; else it
    is what the float model takes above its own.
    """
    document = json.loads(json.dumps(sensitivity.document))
    schemes, total, known = sensitivity.schemes, 0.0, 0.0
    for site in document["sites"]:
        shape = (site["rows"], site["inputs"], site["outputs"])
        for candidate in site["candidates"]:
            scheme = schemes[candidate["scheme"]]
            predicted = costs.predict(shape, scheme, candidate["bytes"]) if isinstance(costs, Peaks) else costs.lookup(shape, scheme)
            candidate["latency"] = predicted
            known += predicted if measured and candidate["scheme"] == measured[0] else 0.0
        total += costs.predict(shape, _FLOAT, shape[1] * shape[2] * 4) if isinstance(costs, Peaks) else costs.lookup(shape, _FLOAT)
    document["baseline"]["latency"] = float_latency or total
    document["rest"]["latency"] = max(0.0, measured[1] - known if measured else document["baseline"]["latency"] - total)
    return Sensitivity(document)
