"""The largest anonymous memory that `lowbit quantize` takes, beside its bound: four times the largest layer, and 300 MB.

The model is a chain of square linear layers of random f32 weights in ONNX with external data, made for this run and removed after it. What
counts is RssAnon of the command and of all processes it starts, summed and read every 20 ms: memory that only this program can give back.
Mapped pages of files do not count, for the system takes them back when it needs them. Exit code 1 when the bound is broken.

    scripts/memory                                    # 16 layers of 8192 x 8192, 4 GiB
    scripts/memory --layers 64 --size 4096
    scripts/memory --only mlir-w8a8-dynamic --only gptq
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MB = 1_000_000
LAYERS_BOUND = 4
_POLL_SECONDS = 0.02

# What calibrates keeps second moments of the sites of its algorithms: two sites here, for the time it takes.
_GROUPED = {"match": "*", "weight": {"format": "int<4>", "per": "channel", "group": 128, "scale": "f16"}}
_GPTQ = {"version": 1, "name": "gptq", "rules": [_GROUPED], "algorithms": [{"use": "gptq", "match": "linear[01]", "damping": 0.1}]}


@dataclass(frozen=True)
class Case:
    """A command. source: the model as ONNX, or as bytecode, which `lowbit import` makes. moments: whether it calibrates, for algorithms."""

    name: str
    source: str
    recipe: str
    moments: bool = False


CASES = (
    Case("onnx-w8a8-dynamic", "onnx", "w8a8-dynamic"),
    Case("import", "onnx", ""),
    Case("mlir-w8a8-dynamic", "mlir", "w8a8-dynamic"),
    Case("mlir-w4a16", "mlir", "w4a16"),
    Case("gptq", "mlir", "gptq.json", moments=True),
)


def make_model(folder: Path, layers: int, size: int, rows: int) -> None:
    """Writes model.onnx, whose weights [size, size] lie in weights.bin, data.npz with samples of `rows` rows, and gptq.json."""
    from onnx import TensorProto, helper

    block = np.random.default_rng(0).standard_normal((size, size), np.float32) / np.float32(np.sqrt(size))
    weights, nodes = [], []
    with open(folder / "weights.bin", "wb") as file:
        for layer in range(layers):
            weight = TensorProto(name=f"w{layer}", data_type=TensorProto.FLOAT, dims=block.shape, data_location=TensorProto.EXTERNAL)
            for key, value in (("location", "weights.bin"), ("offset", file.tell()), ("length", block.nbytes)):
                weight.external_data.add(key=key, value=str(value))
            weights.append(weight)
            file.write(block)  # the same bytes at other places: nothing compares weights
            nodes.append(helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"y{layer}"], name=f"linear{layer}"))
            nodes.append(helper.make_node("Relu", [f"y{layer}"], [f"x{layer + 1}"], name=f"relu{layer}"))
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, size]) for name in ("x0", f"x{layers}")]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    np.savez(folder / "data.npz", x0=np.random.default_rng(1).standard_normal((2, rows, size), np.float32))
    (folder / "gptq.json").write_text(json.dumps(_GPTQ))


def _family(process: int) -> Iterator[int]:
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _anonymous_bytes(process: int) -> int:
    """RssAnon of a process and of those it started; 0 when it has ended."""
    total = 0
    try:
        for member in _family(process):
            for line in Path(f"/proc/{member}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) * 1024
    except OSError:  # one of them has just ended
        pass
    return total


def measure(command: list[str]) -> tuple[int, float]:
    """Runs a command. Returns the largest anonymous memory in bytes, and seconds. Raises SystemExit when the command fails."""
    start = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _anonymous_bytes(process.pid))
            time.sleep(_POLL_SECONDS)
        if process.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: {process.stderr.read() if process.stderr else ''}")
    return peak, time.monotonic() - start


def _command(case: Case, folder: Path) -> list[str]:
    lowbit = [sys.executable, "-m", "lowbit.cli"]
    source = str(folder / f"model.{case.source}")
    if not case.recipe:
        return [*lowbit, "import", source, "-o", str(folder / "model.mlir")]
    recipe = str(folder / case.recipe) if case.recipe.endswith(".json") else case.recipe
    data = ["--calib", str(folder / "data.npz")] if case.moments else []
    return [*lowbit, "quantize", source, "--recipe", recipe, *data, "-o", str(folder / "quantized.mlir")]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the memory that quantization takes.")
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--size", type=int, default=8192, help="inputs and outputs of a layer")
    parser.add_argument("--rows", type=int, default=32, help="rows of a sample")
    parser.add_argument("--slack", type=int, default=300, metavar="MB", help="what the bound adds to four layers")
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES], help="a case; all by default")
    options = parser.parse_args()
    layer = options.size * options.size * 4
    bound = LAYERS_BOUND * layer + options.slack * MB
    print(f"{options.layers} layers of {layer / MB:.0f} MB, {options.layers * layer / MB:.0f} MB together; bound {bound / MB:.0f} MB")
    broken = False
    with tempfile.TemporaryDirectory(prefix="lowbit-memory-") as name:
        folder = Path(name)
        make_model(folder, options.layers, options.size, options.rows)
        for case in CASES:
            if options.only and case.name not in options.only:
                continue
            if case.source == "mlir" and not (folder / "model.mlir").exists():
                measure(_command(CASES[1], folder))
            peak, seconds = measure(_command(case, folder))
            broken |= peak > bound
            print(f"{case.name:20} {peak / MB:8.0f} MB {'BROKEN' if peak > bound else 'kept'} {seconds:8.1f} s", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
