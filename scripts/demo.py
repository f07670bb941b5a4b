"""Quantizes MiniLM-L6 to 8 bits and prints what it costs and what it brings.

Accuracy: mean cosine of the sentence embedding to that of the float model in ONNX Runtime, over sentences that were not used
for calibration. Speed: one thread, batch 1, sequences of 128; the runtimes take turns in one process, and the smallest time counts.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lowbit
import numpy as np
import onnxruntime
from lowbit.models import minilm, sentences


@dataclass
class Row:
    """One line of the table: a scheme, the bytes of its constants, its cosines, and the function that is timed."""

    scheme: str
    nbytes: int
    cosine: float
    worst: float
    call: Callable[[], object]
    seconds: float = float("inf")


def step(text: str, start: float) -> None:
    """Says what comes next and how long it took until here."""
    print(f"[{time.perf_counter() - start:5.1f} s] {text}", file=sys.stderr, flush=True)


def cosines(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Cosine of each row of `found` [n, d] to its row of `expected` [n, d]."""
    found, expected = found.reshape(len(found), -1), expected.reshape(len(expected), -1)
    return (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)


def runtime_session(path: Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure(rows: list[Row], rounds: int) -> None:
    """Lets the rows take turns; keeps each one's smallest time in seconds."""
    for row in rows:
        row.call()
    for _ in range(rounds):
        for row in rows:
            for _ in range(5):
                begin = time.perf_counter()
                row.call()
                row.seconds = min(row.seconds, time.perf_counter() - begin)


def print_table(rows: list[Row], baseline: Row) -> None:
    """The table, speeds relative to `baseline`."""
    print(f"{'scheme':28} {'bytes':>12} {'smaller':>8} {'cosine':>8} {'worst':>8} {'ms':>8} {'faster':>7}")
    for row in rows:
        print(
            f"{row.scheme:28} {row.nbytes:12,} {baseline.nbytes / row.nbytes:7.2f}x {row.cosine:8.5f} {row.worst:8.5f} "
            f"{row.seconds * 1e3:8.2f} {baseline.seconds / row.seconds:6.2f}x"
        )


def main() -> int:
    """Runs the demo; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("build/demo"), help="folder for the models and the report")
    parser.add_argument("--rounds", type=int, default=40, help="rounds of timing, five calls of each runtime a round")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()

    step("building MiniLM as an ONNX graph", start)
    onnx_path = arguments.output / "minilm.onnx"
    onnx_path.write_bytes(minilm.build_minilm().SerializeToString())
    evaluation = sentences.tokenize(sentences.evaluation_sentences())
    calibration = sentences.tokenize(sentences.calibration_sentences())
    samples = [{name: array[i] for name, array in evaluation.items()} for i in range(len(evaluation["ids"]))]

    step("running the float model in ONNX Runtime", start)
    session = runtime_session(onnx_path)
    expected = np.concatenate([session.run(None, sample)[0] for sample in samples])
    rows = [Row("float, ONNX Runtime", onnx_path.stat().st_size, 1.0, 1.0, lambda: session.run(None, samples[0]))]

    def add(scheme: str, model: lowbit.Module) -> None:
        step(f"compiling and running {scheme}", start)
        function = model.compile(target="host", threads=1)
        found = np.concatenate([function(**sample)["emb"] for sample in samples])
        cosine = cosines(found, expected)
        rows.append(Row(scheme, model.nbytes, float(cosine.mean()), float(cosine.min()), lambda: function(**samples[0])))

    step("importing", start)
    model = lowbit.load(str(onnx_path))
    add("float, Lowbit", model)
    step("quantizing: w8a8-dynamic", start)
    dynamic = model.quantize("w8a8-dynamic")
    dynamic.save(str(arguments.output / "minilm-w8a8-dynamic.mlir"))
    add("w8a8-dynamic, Lowbit", dynamic)
    step("calibrating and quantizing: w8a8", start)
    batches = [{name: array[i] for name, array in calibration.items()} for i in range(len(calibration["ids"]))]
    static = model.quantize("w8a8", stats=model.calibrate(batches, mask="mask"))
    static.save(str(arguments.output / "minilm-w8a8.mlir"))
    add("w8a8, Lowbit", static)

    step("timing, in turns", start)
    measure(rows, arguments.rounds)
    step("comparing layers, for the report", start)
    report = arguments.output / "report.html"
    dynamic.report(str(report), beside=lowbit.compare_layers(model, dynamic, batches[:16]))
    print_table(rows, rows[0])
    print(f"{len(samples)} sentences; report: {report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
