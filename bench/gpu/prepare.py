"""Compiles what `bench.gpu.run` measures: `python3 -m bench.gpu.prepare FOLDER [--target nvptx:sm_90a]`, with the package `lowbit`; no GPU.

Libraries by kind, with a function a case, and a manifest. A library that does not compile is a line, and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import lowbit

from bench.gpu import models_prepare
from bench.gpu.cases import KINDS, RANDOM, Case, cases
from bench.gpu.models import BUILDERS

FUNCTIONS = 200  # of a library, at most
GOLDEN = Path(__file__).resolve().parents[2] / "test/Integration/GPU/Golden"


def workspaces(header: str, stem: str, chosen: list[Case]) -> dict[str, int]:
    """Bytes of scratch memory by case, as the header says."""
    found = dict(re.findall(r"#define (\w+)_WORKSPACE_BYTES (\d+)", header))
    return {case.name: int(found.get(f"{stem}_{case.name}".upper(), 0)) for case in chosen}


def build(name: str, chosen: list[Case], folder: Path, target: str) -> dict[str, object]:
    """One library; what the manifest says of it."""
    source, stem, kind = folder / f"{name}.mlir", f"bench_{name}", chosen[0].kind
    source.write_text("\n".join(BUILDERS[kind](case) for case in chosen))
    start = time.perf_counter()
    lowbit.load(source, entry=None).export(folder / f"{stem}.so", target, header=folder / f"{stem}.h")
    seconds = time.perf_counter() - start
    bytes_of = workspaces((folder / f"{stem}.h").read_text(), stem, chosen)
    rows = [{**asdict(case), "workspace": bytes_of[case.name]} for case in chosen]
    print(
        json.dumps({"library": stem, "functions": len(rows), "seconds": round(seconds, 2), "bytes": (folder / f"{stem}.so").stat().st_size}),
        flush=True,
    )
    return {"file": f"{stem}.so", "kind": kind, "cases": rows}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", default="nvptx:sm_90a")
    parser.add_argument("--only", default="", help="kinds, and `model`, with commas")
    parser.add_argument("--random", type=int, default=RANDOM, help="sizes of each kind that are drawn at random and compared only")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    libraries, failures = {}, 0
    for kind in [kind for kind in KINDS if kind in BUILDERS and (not options.only or kind in options.only.split(","))]:
        chosen = cases(kind, options.random)
        for first in range(0, len(chosen), FUNCTIONS):
            name = f"{kind}_{first // FUNCTIONS}" if first else kind
            try:
                libraries[name] = build(name, chosen[first : first + FUNCTIONS], options.folder, options.target)
            except Exception as error:  # noqa: BLE001 - the others may do
                failures += 1
                print(json.dumps({"library": name, "error": str(error)[:2000]}), flush=True)
    models: list[dict[str, object]] = []
    if not options.only or "model" in options.only.split(","):
        try:
            models = models_prepare.build(options.folder, options.target, options.folder.parent / "models")
        except Exception as error:  # noqa: BLE001 - products may do
            failures += 1
            print(json.dumps({"library": "model", "error": str(error)[:2000]}))
    subprocess.run(
        [
            sys.executable,
            str(GOLDEN / "limits.py"),
            "assemble",
            "--folder",
            str(options.folder / "limits"),
            "--ptxas",
            os.environ.get("PTXAS", "ptxas"),
        ],
        stdout=subprocess.DEVNULL,
        check=False,
    )
    for source in [*GOLDEN.glob("*.py"), *GOLDEN.glob("families/*.py")]:
        copy = options.folder / "limits" / source.relative_to(GOLDEN)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    manifest = {"about": {"target": options.target, "lowbit": "source"}, "libraries": libraries, "models": models}
    (options.folder / "manifest.json").write_text(json.dumps(manifest))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
