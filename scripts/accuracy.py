"""Mean and least cosine of MiniLM's sentence embeddings, quantized beside float, over 104 sentences that calibration has not seen.

The linear layers of the encoder are quantized; tables have 8 bits, products of attention stay in float. Calibration: 64 other sentences,
padding left out. Algorithms: scales searched by what errors cost, GPTQ, bias correction.

    scripts/accuracy [--seq 64] [--json rows.jsonl] [--only w4] [--mixed]
    scripts/accuracy --seq 128 --recipes      # the named recipes instead, without data and with
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
from lowbit.models import minilm, sentences

TABLE = {"kind": "embedding", "weight": {"format": "int<8>", "per": "channel"}}
KEEP = {"kind": "attention", "keep": "products of two activations"}
DYNAMIC = {"format": "uint<8>", "zero": "i8", "per": "token", "mode": "dynamic"}
DATA = {"damping": 0.1, "centered": True}
BEST: list[Any] = [{"use": "scale-search", "weighting": "inverse", **DATA}, {"use": "gptq", **DATA}, "bias-correction"]


def grouped(number_format: str, group: int, scale: str = "f16", **more: Any) -> dict[str, Any]:
    """Weights with a scale for every `group` neighbours of an output channel."""
    return {"format": number_format, "per": "channel", "group": group, "scale": scale, **more}


CHANNEL = {"format": "int<8>", "per": "channel"}
STATIC4 = {"format": "uint<4>", "zero": "i8", "mode": "static"}
# Name, weights, activations (None: float), algorithms.
SCHEMES: list[tuple[str, dict[str, Any], dict[str, Any] | None, list[Any]]] = [
    ("w8a8 static", CHANNEL, {"format": "uint<8>", "zero": "i8", "mode": "static", "smooth": 0.8}, []),
    ("w8a8 dynamic", CHANNEL, DYNAMIC, []),
    ("w4 g128 nearest", grouped("int<4>", 128), DYNAMIC, []),
    ("w4 g128", grouped("int<4>", 128), DYNAMIC, BEST),
    ("w4 g32", grouped("int<4>", 32), DYNAMIC, BEST),
    ("w4 g32, zero points", grouped("uint<4>", 32, zero="i8"), DYNAMIC, BEST),
    ("nf4 g64", grouped("codebook<nf4>", 64), None, BEST),
    ("nvfp4", grouped("float<f4E2M1FN>", 16, "f8E4M3FN", tensor_scale=True), None, BEST),
    ("mxfp4", grouped("float<f4E2M1FN>", 32, "f8E8M0FNU"), None, BEST),
    ("w3 g128", grouped("int<3>", 128), DYNAMIC, BEST),
    ("w2 g64, zero points", grouped("uint<2>", 64, zero="i8"), DYNAMIC, BEST),
    ("ternary", {"format": "ternary", "per": "channel", "scale": "f16"}, DYNAMIC, BEST),
    ("w4a4 static", grouped("int<4>", 128), STATIC4, [BEST[1]]),
    ("w4a4 static, rotated", grouped("int<4>", 128), STATIC4, ["rotate", BEST[1]]),
]


def recipe(name: str, weight: Mapping[str, Any], activation: Mapping[str, Any] | None, algorithms: list[Any]) -> dict[str, Any]:
    """One rule for linear layers."""
    linear = {"kind": "linear", "weight": weight} | ({"activation": activation} if activation else {})
    return {"version": 1, "name": name, "algorithms": algorithms, "rules": [TABLE, linear, KEEP]}


# Named recipes, and whether they do without data and become better with it.
RECIPES = {
    "w8a8-dynamic": (True, False),
    "w8a8": (False, True),
    "w4a16": (True, True),
    "nvfp4": (True, True),
    "nf4": (True, True),
    "mxfp8": (True, True),
    "mxfp6": (True, True),
    "mixed": (True, True),
    "mxfp4": (True, True),
    "w4a8": (True, True),
    "w2a8": (True, True),
    "ternary": (True, True),
    "binary": (True, False),
}


class Judge:
    """The float model, its data, and what it makes of them."""

    def __init__(self, seq: int) -> None:
        def samples(lines: list[str]) -> list[dict[str, np.ndarray]]:
            arrays = sentences.tokenize(lines, seq=seq)
            return [{name: array[i] for name, array in arrays.items()} for i in range(len(lines))]

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "minilm.onnx"
            path.write_bytes(minilm.build_minilm(seq=seq).SerializeToString())
            self.model = lowbit.load(path)
        self.calibration = samples(sentences.calibration_sentences())
        self.evaluation = samples(sentences.evaluation_sentences())
        self.expected = self.run(self.model)
        self.stats: dict[bool, lowbit.Statistics] = {}

    def run(self, model: lowbit.Module) -> np.ndarray:
        """Embeddings of the sentences to judge by, [n, 384]."""
        function = model.compile()
        return np.concatenate([function(**sample)["emb"].reshape(1, -1) for sample in self.evaluation])

    def statistics(self, document: Mapping[str, Any]) -> lowbit.Statistics:
        """Of the float model, or of the rotated one, which is calibrated by itself."""
        rotated = "rotate" in document["algorithms"]
        if rotated not in self.stats:
            self.stats[rotated] = self.model.calibrate(
                self.calibration, recipe=document, moments=["*"], mask="mask", progress=False
            )
        return self.stats[rotated]

    def cosines(self, model: lowbit.Module) -> np.ndarray:
        """Of each sentence, to the float embedding."""
        found = self.run(model)
        return (found * self.expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(self.expected, axis=1)


def mixed(judge: Judge, bits: float, folder: Path) -> lowbit.Module:
    """The selection that a search finds for a budget of bits a weight."""
    from lowbit.search import Goal, Search

    search = Search(judge.model, judge.calibration, str(folder), mask="mask")
    point = search.judge(search.select(search.sensitivity(), Goal({"bits": bits})))
    return search.quantize(point)


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seq", type=int, default=64, help="tokens of a sentence, padding included")
    parser.add_argument("--only", default="", help="schemes whose name has this in it")
    parser.add_argument("--mixed", action="store_true", help="also search mixed precision at 4.0 and 3.5 bits, some minutes")
    parser.add_argument("--recipes", action="store_true", help="judge the named recipes instead")
    parser.add_argument("--json", type=Path, help="write one JSON object a row")
    arguments = parser.parse_args()
    judge, rows = Judge(arguments.seq), []
    print(f"{'scheme':24} {'cosine':>8} {'least':>8} {'bytes':>12} {'seconds':>8}")

    def report(name: str, model: lowbit.Module, start: float) -> None:
        seconds, cosines = time.perf_counter() - start, judge.cosines(model)
        rows.append({"scheme": name, "cosine": float(cosines.mean()), "least": float(cosines.min()), "bytes": model.nbytes})
        print(f"{name:24} {cosines.mean():8.4f} {cosines.min():8.4f} {model.nbytes:12,} {seconds:8.1f}", flush=True)

    if arguments.recipes:
        data = judge.model.calibrate(judge.calibration, recipe="w4a8", mask="mask", progress=False)
        for name, (alone, better) in RECIPES.items():
            for stats in [None] * alone + [data] * better:
                start = time.perf_counter()
                if arguments.only in name:
                    report(f"{name}{', data' if stats else ''}", judge.model.quantize(name, stats=stats), start)
    for name, weight, activation, algorithms in SCHEMES:
        if arguments.only not in name or arguments.recipes:
            continue
        document = recipe(name, weight, activation, algorithms)
        needs = bool(algorithms) or (activation or {}).get("mode") == "static"
        stats, start = judge.statistics(document) if needs else None, time.perf_counter()
        report(name, judge.model.quantize(document, stats=stats), start)
    if arguments.mixed:
        with tempfile.TemporaryDirectory() as folder:
            for bits in (4.0, 3.5):
                start = time.perf_counter()
                report(f"mixed, {bits} bits", mixed(judge, bits, Path(folder)), start)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
