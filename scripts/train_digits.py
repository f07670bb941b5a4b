"""Accuracy of quantization-aware training on handwritten digits, over seeds: deployed integer models, as compiled for this machine.

Split: 1347 rows for training and calibration, 450 for tests, which nothing else sees. With --validate the test rows are left alone: each seed
splits the 1347 rows anew into 1077 to train by and 270 to judge by. That is what the settings in test/Training/qat_digits.py were chosen by.

    scripts/train-digits [--seeds 10] [--validate] [--only W2A2] [--set rate=0.003] [--json rows.jsonl]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# One thread for each seed: small products do not gain from more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "test" / "PTQ"), str(ROOT / "test" / "Training")]

import numpy as np
from qat_digits import NETS, SCHEMES, accuracy, fit, get_rows


def measure(seed: int, validate: bool, only: str | None, settings: dict[str, Any]) -> dict[str, float]:
    """Per cent that each model gets right."""
    rows = get_rows(seed if validate else None)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="lowbit-") as name:
        folder = Path(name)
        for kind, train in NETS.items():
            chosen = [each for each in SCHEMES if each.net == kind and only in (None, each.name, f"{kind}, {each.name}")]
            if not chosen:
                continue
            net = train(folder, seed, rows)
            found[f"{kind}, float"] = accuracy(net.model, net, rows)
            for scheme in chosen:
                found[f"{kind}, {scheme.name}"] = accuracy(fit(scheme, net, rows, seed, folder, **settings).module, net, rows)
    return found


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE; a number, a text, or texts between brackets as JSON has them."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"`{text}`; expected NAME=VALUE, such as rate=0.003")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="nets, trained from seeds 0, 1, ...")
    parser.add_argument("--validate", action="store_true", help="judge by training rows that are held back")
    parser.add_argument("--only", help="one scheme, such as `W2A2` or `CNN, ternary weights`")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE", help="an argument of qat.fit")
    parser.add_argument("--json", type=Path, help="write one JSON object a seed")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds is {arguments.seeds}; expected at least 1")
    names = sorted({each.name for each in SCHEMES} | {f"{each.net}, {each.name}" for each in SCHEMES})
    if arguments.only not in (None, *names):
        parser.error(f"there is no scheme `{arguments.only}`; expected one of {'; '.join(names)}")
    work = partial(measure, validate=arguments.validate, only=arguments.only, settings=dict(arguments.set))
    start, rows = time.perf_counter(), []
    with ProcessPoolExecutor(min(arguments.seeds, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for seed, row in enumerate(pool.map(work, range(arguments.seeds))):
            rows.append(row)
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    required = {f"{each.net}, {each.name}": each.required for each in SCHEMES}
    print(f"{'net':24} {'mean':>7} {'least':>7} {'most':>7} {'required':>9}")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"{name:24} {values.mean():7.2f} {values.min():7.2f} {values.max():7.2f} {required.get(name, ''):>9}")
    if arguments.json:
        arguments.json.write_text("".join(json.dumps({"seed": seed, **row}) + "\n" for seed, row in enumerate(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
