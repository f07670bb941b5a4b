"""Measures prepared kernels: `python3 -m bench.gpu.run FOLDER`, from the repository's root. One JSON object a line; the last one sums up.

Needs a GPU, python3, numpy and PyTorch; nothing is compiled. What is measured is compared first, bit for bit, on new random inputs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

try:
    import torch
except ModuleNotFoundError:
    sys.exit(f"bench.gpu.run: {sys.executable} has no PyTorch; run it by a Python that has one, on a machine with a GPU")

from bench.gpu import models_run
from bench.gpu.cases import FEW_BITS, FLOATS, Case
from bench.gpu.clock import race
from bench.gpu.kinds import KINDS, Kind
from bench.gpu.library import Library

CACHE = 120e6  # bytes of arrays after which the cache holds nothing of the first ones
GRACE = 60  # seconds after the deadline in which a step may end


def expire(*_: Any) -> None:
    """Ends a step that hangs in Python, such as a compilation."""
    raise TimeoutError("no time is left")


def cosine(found: Any, want: Any) -> float:
    """Whether a peer computes the same."""
    return float(torch.nn.functional.cosine_similarity(found.double().flatten(), want.double().flatten(), dim=0))


class Run:
    """One run over a folder."""

    def __init__(self, folder: Path, seconds: float, only: set[str]) -> None:
        self.folder, self.deadline = folder, time.monotonic() + seconds
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.only, self.limits, self.rows, self.counts = (
            only,
            {},
            [],
            {"exact": 0, "near": 0, "wrong": 0, "failed": 0, "timed": 0, "skipped": 0},
        )

    def say(self, **row: Any) -> None:
        """One line."""
        print(json.dumps(row), flush=True)

    def measure_limits(self) -> None:
        """Rates of the instructions alone, by limits.py of test/Integration/GPU/Golden, of which the folder has a copy."""
        sys.path.insert(0, str(self.folder / "limits"))
        import limits

        limits.WARP_FORMS = {form: n for form, n in limits.WARP_FORMS.items() if "s8.s8" in form or "and.popc" in form or "e4m3" in form}
        limits.GROUP_FORMS = {form: n for form, n in limits.GROUP_FORMS.items() if "s8.s8" in form or "b1" in form or "e4m3" in form}
        measured = limits.Limits(self.folder / "limits")
        say = measured.say

        def keep(what: str, **values: Any) -> None:
            self.limits[what] = values.get("tops") or values.get("terabytes_per_second")
            say(what, **values)

        measured.say = keep
        for part in (measured.memory, measured.rates):
            try:
                part()
            except Exception as error:  # noqa: BLE001 - later parts may do without
                self.say(what=part.__name__, error=str(error)[:300])

    def run(self) -> int:
        """Everything; the exit code."""
        self.say(what="machine", device=torch.cuda.get_device_name(), torch=torch.__version__, manifest=self.manifest.get("about", {}))
        if not self.only or "limits" in self.only:
            self.attempt("limits", self.measure_limits)
        libraries = {name: entry for name, entry in self.manifest["libraries"].items() if not self.only or self.only & {name, entry["kind"]}}
        for name in libraries:
            self.attempt(name, lambda name=name: self.run_kind(name, timed=False))
            if self.is_broken():
                self.go_on_without(name, [*libraries, *(entry["stem"] for entry in self.get_models())])
        for name in libraries:
            self.attempt(name, lambda name=name: self.run_kind(name, timed=True))
            if self.is_broken():
                self.go_on_without(name, [*libraries, *(entry["stem"] for entry in self.get_models())])
        if self.get_models():
            self.attempt("model", self.run_models)
        self.say(what="summary", **self.counts, ratios=self.summarize())
        return 1 if self.counts["wrong"] or self.counts["failed"] else 0

    def get_models(self) -> list[dict[str, Any]]:
        """Sizes of the model that are asked for, by `model` or by name."""
        return [entry for entry in self.manifest.get("models", []) if not self.only or self.only & {"model", entry["stem"]}]

    def run_models(self) -> None:
        """All sizes; what breaks the GPU's context leaves the others to a new process."""
        entries = self.get_models()
        arrays = np.load(self.folder / "models.npz")
        with models_run.unpacked(self.folder / "models.tar.xz") as folder:
            for index, entry in enumerate(entries):
                rest = [other["stem"] for other in entries[index + 1 :]]
                self.attempt(entry["stem"], lambda entry=entry: self.run_model(folder, entry, arrays))
                if self.is_broken():
                    self.go_on_without(entry["stem"], rest)
                torch.cuda.empty_cache()

    def run_model(self, folder: Path, entry: dict[str, Any], arrays: Any) -> None:
        """One size: results, then time."""
        model = models_run.check(folder, entry, arrays, self.say, self.counts)
        models_run.time_model(model, self.say, self.counts, self.deadline)

    def attempt(self, what: str, step: Any) -> None:
        """What fails, or takes longer than all that is left and a minute, is a line."""
        signal.signal(signal.SIGALRM, expire)
        signal.alarm(max(math.ceil(self.deadline - time.monotonic()), 0) + GRACE)
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self.counts["failed"] += 1
            self.say(what=what, error=f"{type(error).__name__}: {error}"[:500], trace=traceback.format_exc().splitlines()[-4:])
        finally:
            signal.alarm(0)

    @staticmethod
    def is_broken() -> bool:
        """Whether a kernel has left the GPU's context of no more use."""
        try:
            torch.cuda.synchronize()
        except RuntimeError:
            return True
        return False

    def go_on_without(self, name: str, names: list[str]) -> None:
        """The other libraries, in a new process."""
        rest = [other for other in names if other != name]
        self.say(what="broken", library=name, **self.counts, left=rest)
        if rest:
            left = max(self.deadline - time.monotonic(), 1)
            command = [sys.executable, "-m", "bench.gpu.run", str(self.folder), "--seconds", f"{left:.0f}", "--only", ",".join(rest)]
            limits = json.dumps({key: value for key, value in self.limits.items() if value})
            os.execv(sys.executable, [*command, "--limits", limits])
        sys.exit(1)

    def run_kind(self, name: str, timed: bool) -> None:
        """All cases of a library."""
        entry = self.manifest["libraries"][name]
        library, kind = Library(self.folder / entry["file"]), KINDS[entry["kind"]]()
        for fields in entry["cases"]:
            case = Case(**{key: fields[key] for key in ("kind", "m", "n", "k", "timed", "batches")})
            if timed and not case.timed:
                continue
            if time.monotonic() > self.deadline:
                self.counts["skipped"] += 1
                continue
            step = self.time if timed else self.check
            self.attempt(case.name, lambda case=case, step=step, fields=fields: step(library, kind, case, fields))
            if self.is_broken():
                return
            torch.cuda.empty_cache()

    @staticmethod
    def bind(library: Library, kind: Kind, case: Case, fields: dict[str, Any], x: dict[str, Any]) -> tuple[Any, Any]:
        """The call and its result; both keep their arrays alive."""
        result = torch.full(case.shape, 77, dtype=kind.result, device="cuda")
        arrays = [*x.values(), result]
        if fields["workspace"]:
            arrays.append(torch.empty(fields["workspace"], dtype=torch.uint8, device="cuda"))
        call = library.bind(case.name, [array.data_ptr() for array in arrays])
        return lambda: call(torch.cuda.current_stream().cuda_stream), arrays

    def check(self, library: Library, kind: Kind, case: Case, fields: dict[str, Any]) -> None:
        """Three calls, two of them with the same arrays, against the reference."""
        wrong = 0
        for whole in (True, False):
            x = kind.inputs(case, whole)
            call, arrays = self.bind(library, kind, case, fields, x)
            want = kind.reference(x)
            for _ in range(2):
                result = arrays[len(x)]
                result.fill_(77)
                call()
                torch.cuda.synchronize()
                wrong += kind.count_wrong(result, want)
        self.counts["wrong" if wrong else "exact"] += 1
        if wrong or case.timed:
            error = {} if kind.largest_error is None else {"largest_error": kind.largest_error}
            self.say(what="check", case=case.name, exact=not wrong, wrong_elements=wrong, of=4 * math.prod(case.shape), **error)

    def time(self, library: Library, kind: Kind, case: Case, fields: dict[str, Any]) -> None:
        """Ours and peers in turns."""
        first = kind.inputs(case)
        sets = max(1, min(16, math.ceil(CACHE / kind.read_bytes(first))))
        inputs = [first] + [kind.inputs(case) for _ in range(sets - 1)]
        ours = [self.bind(library, kind, case, fields, x) for x in inputs]
        calls = {"ours": lambda i: ours[i][0]()}
        for name, peer in kind.peers.items():
            calls[name] = lambda i, peer=peer: peer(inputs[i])
        times = race(calls, sets)
        for name, peer in kind.peers.items():
            if "median" in times[name]:
                times[name]["cosine"] = cosine(peer(first), ours[0][1][len(first)])
        row = {"what": "time", "case": case.name, **asdict(case), "sets": sets}
        for name, result in times.items():
            row[name] = (
                result if "error" in result else {**result, "median": result["median"], "tops": case.operations / result["median"] / 1e12}
            )
        seconds = times["ours"].get("median")
        if seconds:
            bytes_moved = kind.read_bytes(first) + ours[0][1][len(first)].nbytes
            row["terabytes_per_second"] = bytes_moved / seconds / 1e12
            row["limits"] = self.fractions(case, seconds, bytes_moved)
            row["ratios"] = {name: result["median"] / seconds for name, result in times.items() if name != "ours" and "median" in result}
        self.counts["timed"] += 1
        self.rows.append(row)
        self.say(**row)

    def fractions(self, case: Case, seconds: float, bytes_moved: int) -> dict[str, float]:
        """Of what the machine can do at most, as measured at the beginning."""
        rate = case.operations / seconds / 1e12
        # Where weights have few bits, rows are few and wait for memory.
        bits = {"binary": "b1", "float8": "e4m3"}.get(case.kind, "s8" if case.kind not in (*FEW_BITS, *FLOATS) else None)
        result = {
            what: rate / limit
            for what, limit in self.limits.items()
            if bits and limit and bits in what and "mma" in what and "registers" not in what
        }
        memory = self.limits.get("read of device memory")
        return result | ({"memory": bytes_moved / seconds / 1e12 / memory} if memory else {})

    def summarize(self) -> dict[str, dict[str, float]]:
        """The least and the geometric mean of the ratios to each peer, by kind."""
        ratios: dict[str, list[float]] = {}
        for row in self.rows:
            for peer, ratio in row.get("ratios", {}).items():
                ratios.setdefault(f"{row['kind']} to {peer}", []).append(ratio)
        return {
            name: {"least": min(values), "mean": math.exp(sum(map(math.log, values)) / len(values)), "cases": len(values)}
            for name, values in ratios.items()
        }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="what bench.gpu.prepare wrote")
    parser.add_argument("--seconds", type=float, default=170, help="after which no case is begun")
    parser.add_argument("--only", default="", help="kinds or libraries to run, `model` or sizes of it, and `limits`, with commas")
    parser.add_argument("--limits", default="{}", help="those that were measured before, as JSON")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("bench.gpu.run: PyTorch finds no GPU; nothing is measured: check `nvidia-smi`, and that PyTorch is one for CUDA")
    if not (options.folder / "manifest.json").exists():
        sys.exit(f"bench.gpu.run: {options.folder} has no manifest.json; expected a folder that `python3 -m bench.gpu.prepare` wrote")
    run = Run(options.folder, options.seconds, {name for name in options.only.split(",") if name})
    run.limits.update(json.loads(options.limits))
    return run.run()


if __name__ == "__main__":
    sys.exit(main())
