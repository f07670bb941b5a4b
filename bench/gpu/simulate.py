"""Random shapes on the simulator, to the bit: `python3 -m bench.gpu.simulate --random 10000 --seed 0`, with the package `lowbit`; no GPU.

Sizes are drawn around the tiles of the plan that a product asks for (or of the one that the compiler takes), values from all codes and from
the least and the largest alone. A case is drawn by the seed, its kind, its target and its number, whatever else is run. What is wrong, is
found by the simulator, does not compile or ends the process is written to a folder each, beside a line here.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import lowbit
import numpy as np

from bench.gpu import cases as measured
from bench.gpu import mixed
from bench.gpu.cases import FEW_BITS, WHOLE, Case
from bench.gpu.definitions import VALUES, Arrays, define
from bench.gpu.models import BUILDERS
from bench.gpu.plans import TARGETS, get_plans

KINDS = (*measured.KINDS, *mixed.PRODUCTS, *mixed.ROWS)
ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = 100  # of a module, at most
PRODUCTS = 1 << 22  # of a case, at most: some seconds of the simulator's time
PRIMES = tuple(n for n in range(2, 300) if all(n % d for d in range(2, math.isqrt(n) + 1)))


@dataclass(frozen=True)
class Drawn:
    """One function, what it is called with, and its result; without one, loops of the reference say what it is."""

    name: str
    text: str
    arguments: Arrays
    want: np.ndarray | None
    about: str = ""


def draw_size(rng: np.random.Generator, tile: int) -> int:
    """Rows or columns: less than a tile, one, more than one; at its border, and one beside it."""
    borders = (1, tile - 1, tile, tile + 1, 2 * tile - 1, 2 * tile, 2 * tile + 1)
    return int(rng.choice([rng.choice(borders), rng.choice(PRIMES), rng.integers(1, tile + 1), rng.integers(1, 2 * tile + 2)]))


def draw_depth(rng: np.random.Generator, step: int, buffers: int) -> int:
    """Less than a step, and so many that each buffer is used again."""
    borders = [1, 16, *(steps * step + more for steps in (1, 2, buffers, buffers + 1) for more in (-1, 0, 1))]
    used_again = rng.integers(step * buffers, step * (buffers + 3))
    return int(rng.choice([rng.choice(borders), rng.choice(PRIMES), rng.integers(1, 4 * step), used_again]))


def draw(kind: str, target: str, seed: int, number: int) -> Drawn:
    """The case of this number."""
    rng = np.random.default_rng((seed, zlib.crc32(kind.encode()), zlib.crc32(target.encode()), number))
    name = f"{kind}_{number}"
    if kind in mixed.ROWS:
        return Drawn(name, *mixed.ROWS[kind](rng, name))
    plans = get_plans(kind, target)
    # Every plan in turn, and the compiler's own choice.
    plan = ("", *plans)[number % (1 + len(plans))]
    tile = re.findall(r"\d+", plan.rpartition("_")[2]) or rng.choice([(16, 32, 128, 8), (64, 64, 64, 5), (128, 128, 64, 4)])
    rows, columns, step, *stages = map(int, tile)
    m, n, k = draw_size(rng, rows), draw_size(rng, columns), draw_depth(rng, step, stages[0] if stages else 2)
    if kind in FEW_BITS:
        m, n = int(rng.choice([rng.integers(1, 17), rng.integers(1, 40)])), int(rng.choice([n, rng.choice([2115, 4330])], p=[0.95, 0.05]))
    if kind == "long":
        m, n, k = min(m, 40), min(n, 40), 4096 + 64 * int(rng.integers(0, 64))
    batches = int(rng.integers(1, 6)) if kind == "batched" else 0
    m = max(1, min(m, PRODUCTS // (max(batches, 1) * n * k)))
    if kind in mixed.PRODUCTS:
        return Drawn(name, *mixed.PRODUCTS[kind](rng, name, (m, n, k), plan), about=f"{m}x{n}x{k} {plan}")
    whole = WHOLE.get(kind, 1)
    case = Case(kind, m, n, -(-k // whole) * whole, timed=False, batches=batches, plan=plan)
    values = tuple(str(side) for side in rng.choice(VALUES, 2, p=[0.7, 0.1, 0.1, 0.1]))
    # Shapes come again.
    name = f"{case.name}_{number}"
    text = BUILDERS[kind](case).replace(f"@{case.name}(", f"@{name}(")
    return Drawn(name, text, *define(case, rng, values, target), about=f"values {values}")


@dataclass
class Failure:
    """What came of a case that is not as it should be."""

    drawn: Drawn
    text: str
    want: np.ndarray | None = None


def compile_all(cases: list[Drawn], target: str, source: Path) -> lowbit.Function:
    """The first function; the others are compiled with it."""
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("\n".join(drawn.text for drawn in cases))
    return lowbit.load(source, entry=cases[0].name).compile(target)


def name_targets(target: str) -> tuple[str, str]:
    """The simulator, and loops that decide about floats as it does."""
    loops = {"sm_89": "sm_80", "sm_100a": "sm_90a"}.get(target, target)
    return "gpu-sim" if target == "sm_90a" else f"gpu-sim:{target}", f"reference:{loops}"


def check(target: str, cases: list[Drawn], folder: Path) -> Iterator[Failure]:
    """Compiles the cases together and runs each. Where they do not compile, by halves, down to the one that does not."""
    simulator, loops = name_targets(target)
    undefined = [drawn for drawn in cases if drawn.want is None]
    try:
        first = compile_all(cases, simulator, folder / "m.mlir")
        reference = compile_all(undefined, loops, folder / "reference.mlir") if undefined else None
    except lowbit.Error as error:
        if len(cases) == 1:
            yield Failure(cases[0], str(error))
            return
        for half in (cases[: len(cases) // 2], cases[len(cases) // 2 :]):
            yield from check(target, half, folder)
        return
    for drawn in cases:
        arguments = drawn.arguments.values()
        try:
            want = reference.other(drawn.name)(*arguments)["y"] if drawn.want is None else drawn.want
            found = first.other(drawn.name)(*arguments)["y"]
        except lowbit.Error as error:
            yield Failure(drawn, str(error), drawn.want)
            continue
        wrong = np.flatnonzero(found.view(f"V{found.itemsize}") != want.view(f"V{want.itemsize}"))
        if wrong.size:
            places = (f"{found.flat[i]!r} at {tuple(map(int, np.unravel_index(i, want.shape)))} is {want.flat[i]!r}" for i in wrong[:3])
            yield Failure(drawn, f"{wrong.size} of {want.size} elements are wrong: {', '.join(places)}", want)


def keep(failure: Failure, target: str, folder: Path) -> str:
    """Writes the function, its arguments and its result, and what was found; says where."""
    drawn = failure.drawn
    folder = folder / target / drawn.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.mlir").write_text(drawn.text)
    arrays = drawn.arguments | ({} if failure.want is None else {"expected": failure.want})
    np.savez(
        folder / "arrays.npz", **{name: array if array.dtype.kind in "iuf" else array.view(np.uint8) for name, array in arrays.items()}
    )
    text = f"{name_targets(target)[0]} {drawn.name} {drawn.about}: {failure.text}"
    (folder / "found.txt").write_text(text + "\n")
    return f"{text[:700]}\n  {folder}"


@dataclass(frozen=True)
class Part:
    """Cases of one kind and target, in order."""

    kind: str
    target: str
    seed: int
    first: int
    count: int

    def draw(self) -> list[Drawn]:
        """Each by its number."""
        return [draw(self.kind, self.target, self.seed, number) for number in range(self.first, self.first + self.count)]

    def run(self, folder: Path) -> dict[str, object]:
        """Here, in this process."""
        cases = self.draw()
        failures = check(self.target, cases, folder / f"{self.kind}_{self.target}_{self.first}")
        lines = [keep(failure, self.target, folder) for failure in failures]
        return {"run": len(cases), "wrong": len(lines), "lines": lines}

    def run_apart(self, folder: Path) -> dict[str, object]:
        """In a process of its own, which a kernel may end; then by halves, down to the case that does."""
        command = [sys.executable, "-m", "bench.gpu.simulate", "--folder", str(folder), "--part", json.dumps(self.__dict__)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        if self.count == 1:
            [drawn] = self.draw()
            failure = Failure(drawn, f"the process ended with {done.returncode}: {done.stderr[-2000:]}", drawn.want)
            return {"run": 1, "wrong": 1, "lines": [keep(failure, self.target, folder)]}
        half = self.count // 2
        parts = [Part(self.kind, self.target, self.seed, *place) for place in ((self.first, half), (self.first + half, self.count - half))]
        results = [part.run_apart(folder) for part in parts]
        return {key: sum((result[key] for result in results), [] if key == "lines" else 0) for key in results[0]}


def plan_parts(kinds: list[str], targets: list[str], count: int, seed: int) -> list[Part]:
    """So many cases, shared out."""
    pairs = [(kind, target) for kind in kinds for target in targets if get_plans(kind, target) is not None]
    parts = []
    for place, (kind, target) in enumerate(pairs):
        own = count // len(pairs) + (place < count % len(pairs))
        parts += [Part(kind, target, seed, first, min(FUNCTIONS, own - first)) for first in range(0, own, FUNCTIONS)]
    return parts


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--random", type=int, default=1000, help="cases of all kinds and targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas")
    parser.add_argument("--targets", default=",".join(TARGETS), help="architectures, with commas")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/simulate", help="what is wrong is written there")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # of another run of this
    options = parser.parse_args()
    if options.part:
        print(json.dumps(Part(**json.loads(options.part)).run(options.folder)))
        return 0
    kinds, targets = options.only.split(","), options.targets.split(",")
    for given, known in ((kinds, KINDS), (targets, TARGETS)):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"unknown: {', '.join(unknown)}; expected some of {', '.join(known)}")
    parts, counts, start = plan_parts(kinds, targets, options.random, options.seed), {}, time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        for part, result in zip(parts, pool.map(lambda part: part.run_apart(options.folder), parts)):
            counts.setdefault((part.kind, part.target), Counter()).update(run=result["run"], wrong=result["wrong"])
            done, wrong = (sum(count[what] for count in counts.values()) for what in ("run", "wrong"))
            print(
                f"{time.perf_counter() - start:6.0f} s  {done:6} run, {wrong} wrong  {part.kind} {part.target}",
                *result["lines"],
                sep="\n",
                flush=True,
            )
    print(f"\n{'kind':12} {'target':8} {'run':>6} {'wrong':>6}")
    for (kind, target), count in counts.items():
        print(f"{kind:12} {target:8} {count['run']:6} {count['wrong']:6}")
    print(f"{'all':21} {done:6} {wrong:6}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
