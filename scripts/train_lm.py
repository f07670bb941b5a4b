"""A language model of characters, trained in the IR: float, then with 4-bit and with ternary weights and 8-bit activations.

The text is the reference manual that Python carries (pydoc_data.topics); its last tenth is held out. Bits a character are those of the
compiled models, the quantized ones as they are deployed.

    scripts/train-lm [--epochs 12] [--json rows.jsonl]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import lowbit
import numpy as np
from lowbit import qat
from lowbit.models.char_lm import Size, build

NEWLINE = 95
KEEP: list[dict[str, Any]] = [
    {"kind": "embedding", "keep": "small"},
    {"kind": "attention", "keep": "products of two activations"},
]
TOKEN = {"format": "int<8>", "per": "token", "mode": "dynamic"}
SCHEMES = {
    "w4a8": {"format": "int<4>", "per": "channel"},
    "ternary": {"format": "ternary", "per": "channel"},
}


def recipe(weight: dict[str, Any]) -> dict[str, Any]:
    """Linear layers by `weight`, all else in float."""
    rules = [*KEEP, {"kind": "linear", "weight": weight, "activation": TOKEN}]
    return {"version": 1, "name": "lm", "algorithms": ["scale-search"], "rules": rules}


def sequences(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Characters as numbers, `[n, length]`, and those that follow them."""
    text = "\n".join(topics[key] for key in sorted(topics))
    codes = np.array([NEWLINE if c == "\n" else ord(c) - 32 for c in text if c == "\n" or 32 <= ord(c) < 127], np.int32)
    count = (len(codes) - 1) // length
    return codes[: count * length].reshape(count, length), codes[1 : count * length + 1].reshape(count, length)


def bits(model: lowbit.Module, ids: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log2 of what the model gives the character that follows."""
    function, batch = model.compile(), model.inputs[0].shape[0] or 1
    total, count = 0.0, len(ids) // batch * batch
    for start in range(0, count, batch):
        logits = function(ids=ids[start : start + batch])["logits"].astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        chosen = np.take_along_axis(logits, labels[start : start + batch, :, None], -1)[..., 0]
        total += float((np.log(np.exp(logits).sum(-1)) - chosen).sum())
    return total / (count * ids.shape[1]) / np.log(2)


def main() -> None:
    """Trains and prints a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12, help="of the float model; the others take half as many from there")
    parser.add_argument("--json", type=Path, help="write rows here, too")
    options = parser.parse_args()
    size = Size()
    ids, labels = sequences(size.length)
    held = len(ids) // 10
    data, seen = {"ids": ids[:-held], "labels": labels[:-held]}, (ids[-held:], labels[-held:])
    path = Path("build/lm.mlir")
    path.write_text(build(size))
    rows = []

    def report(name: str, model: lowbit.Module, start: float) -> None:
        row = {"model": name, "bits": round(bits(model, *seen), 4), "bytes": model.nbytes, "seconds": round(time.monotonic() - start)}
        rows.append(row)
        print(f"{name:20s} {row['bits']:7.4f} bits a character {row['bytes']:10,d} bytes {row['seconds']:5d} s", flush=True)

    start = time.monotonic()
    trained = qat.fit(lowbit.load(path), data, None, epochs=options.epochs, rate=2e-3, clip=1.0, optimizer="adam<decay=0.01>")
    report("float", trained.module, start)
    start, more = time.monotonic(), max(1, options.epochs // 2)
    # What the quantized ones are compared with: they are trained on as long.
    report("float, trained on", qat.fit(trained.module, data, None, epochs=more, rate=1e-3, clip=1.0).module, start)
    for name, weight in SCHEMES.items():
        start = time.monotonic()
        report(f"{name}, not trained", trained.module.quantize(recipe(weight)), start)
        start = time.monotonic()
        tuned = qat.fit(trained.module, data, recipe(weight), epochs=more, rate=1e-3, clip=1.0)
        report(f"{name}, trained", tuned.module, start)
    if options.json:
        options.json.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
