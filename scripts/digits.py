"""Accuracy of nets for handwritten digits (64-64-32-10, ReLU), float and quantized after training, over seeds of the training.

Split: 1347 rows for training and calibration, 450 for tests, which nothing else sees. Weights have a scale and a zero point for each output,
activations one static range a layer. `nearest` uses no algorithm; `algorithms` are those of test/PTQ/digits_quantized.py, the same for all
rows. Models run as compiled for this machine.

    scripts/digits [--seeds 10] [--json rows.jsonl]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

# One thread for each seed: small products do not gain from more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "test" / "PTQ"))

import digits
import numpy as np
from digits_quantized import ALGORITHMS, Net

# Name, bits of weights and of activations; None: float.
SCHEMES = [("W4A4", 4, 4), ("W3A3", 3, 3), ("W2A2", 2, 2), ("W2, float activations", 2, None)]
BITS = 2.5


def measure(seed: int) -> dict[str, float]:
    """Per cent of the test rows that each model gets right, and the bits that the search has used."""
    net = Net(seed)
    found = {"float": digits.accuracy(net.model)}
    for name, bits, activation_bits in SCHEMES:
        for how, algorithms in (("nearest", []), ("algorithms", ALGORITHMS)):
            found[f"{name}, {how}"] = digits.accuracy(net.quantize(bits, activation_bits, algorithms))
    model, chosen = net.search(BITS)
    found[f"bits for each layer, {BITS} a weight at most"] = digits.accuracy(model)
    return found | {"bits": chosen["bits"]}


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="nets, trained from seeds 0, 1, ...")
    parser.add_argument("--json", type=Path, help="write one JSON object a seed")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds is {arguments.seeds}; expected at least 1")
    start, rows = time.perf_counter(), []
    with ProcessPoolExecutor(min(arguments.seeds, os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        for seed, row in enumerate(pool.map(measure, range(arguments.seeds))):
            rows.append(row)
            print(f"seed {seed}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    bits = [row["bits"] for row in rows]
    print(f"{'model':46} {'mean':>7} {'least':>7} {'most':>7}")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if name != "bits":
            print(f"{name:46} {values.mean():7.2f} {values.min():7.2f} {values.max():7.2f}")
    print(f"bits that the search used: {min(bits):.3f} to {max(bits):.3f} a weight, scales and zero points included")
    if arguments.json:
        arguments.json.write_text("".join(json.dumps({"seed": seed, **row}) + "\n" for seed, row in enumerate(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
