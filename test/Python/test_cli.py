"""The command `lowbit`: what it does, and that it fails with a message, exit code 1 and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lowbit
import numpy as np
import pytest

# The package that this process has loaded, wherever it lies.
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(lowbit.__file__).parent.parent)}

LINEAR = """
func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}) -> (tensor<4x6xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense<WEIGHT> : tensor<8x6xf32> loc("layer.weight")
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32> loc("layer")
  return %r : tensor<4x6xf32>
}
"""


def lowbit_command(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does."""
    command = [sys.executable, "-m", "lowbit.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, check=False, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model, data, and things that are wrong with each."""
    folder = tmp_path_factory.mktemp("cli")
    generator = np.random.default_rng(7)
    weight = generator.normal(size=(8, 6)).astype(np.float32)
    (folder / "m.mlir").write_text(LINEAR.replace("WEIGHT", str([[float(v) for v in row] for row in weight])))
    data = generator.normal(size=(5, 4, 8)).astype(np.float32)
    np.savez(folder / "data.npz", x=data)
    np.savez(folder / "one.npz", x=data[0])
    np.savez(folder / "float64.npz", x=data.astype(np.float64))
    np.savez(folder / "rank.npz", x=data[0, 0])
    np.savez(folder / "shape.npz", x=data[:, :3])
    np.savez(folder / "extra.npz", x=data, z=data)
    np.savez(folder / "missing.npz", z=data)
    np.savez(folder / "none.npz", x=data[:0])
    np.savez(folder / "nan.npz", x=np.full_like(data, np.nan))
    (folder / "cut.npz").write_bytes((folder / "data.npz").read_bytes()[:-30])
    (folder / "text.npz").write_text("not an archive, but long enough to be one")
    (folder / "syntax.mlir").write_text("func.func @main(%x: tensor<4x8xf32) {")
    (folder / "verify.mlir").write_text("func.func @main() -> i32 {\n  return\n}")
    (folder / "noentry.mlir").write_text("func.func @other() {\n  return\n}")
    (folder / "empty.mlir").write_text("")
    (folder / "cut.mlirbc").write_bytes(b"ML\xefR\x0dMLIR22\x00" + bytes(5))
    (folder / "broken.onnx").write_bytes(b"\x08\x07not a model")
    (folder / "keys.json").write_text('{"version": 1, "name": "r", "rules": [], "colour": "blue"}')
    (folder / "json.json").write_text('{"version": 1, ')
    (folder / "pattern.json").write_text(
        '{"version": 1, "name": "r", "rules": [{"match": "nothing.*", "kind": "linear", "keep": "because"}]}'
    )
    (folder / "stats.json").write_text('{"version": 99}')
    lowbit.load(folder / "m.mlir").quantize("w8a8-dynamic").save(folder / "q.mlir")
    return folder


FAILURES = {
    "no command": ([], "required"),
    "unknown command": (["dance"], "invalid choice"),
    "unknown option": (["import", "m.mlir", "-o", "OUT", "--wings"], "unrecognized arguments"),
    "no output": (["import", "m.mlir"], "-o/--output"),
    "missing model": (["import", "none.mlir", "-o", "OUT"], "none.mlir: no such file"),
    "missing onnx": (["import", "none.onnx", "-o", "OUT"], "none.onnx: no such file"),
    "model is a folder": (["import", ".", "-o", "OUT"], "no such file"),
    "broken onnx": (["import", "broken.onnx", "-o", "OUT"], "broken.onnx"),
    "syntax": (["import", "syntax.mlir", "-o", "OUT"], "syntax.mlir:1:3"),
    "not verified": (["import", "verify.mlir", "-o", "OUT"], "verify.mlir:2:3"),
    "no entry": (["import", "noentry.mlir", "-o", "OUT"], "no public function `main`"),
    "empty file": (["import", "empty.mlir", "-o", "OUT"], "no public function `main`"),
    "bytecode cut off": (["import", "cut.mlirbc", "-o", "OUT"], "cut.mlirbc"),
    "output folder": (["import", "m.mlir", "-o", "none/OUT"], "folder `none` does not exist"),
    "output is a folder": (["import", "m.mlir", "-o", "."], "is a folder"),
    "dim without size": (["import", "m.mlir", "-o", "OUT", "--dim", "batch"], "expected NAME=SIZE"),
    "dim of zero": (["import", "m.mlir", "-o", "OUT", "--dim", "batch=0"], "expected NAME=SIZE"),
    "dims of mlir": (["import", "m.mlir", "-o", "OUT", "--dim", "batch=1"], "applies to ONNX"),
    "unknown recipe": (["quantize", "m.mlir", "--recipe", "w1000", "-o", "OUT"], "w1000"),
    "recipe key": (["quantize", "m.mlir", "--recipe", "keys.json", "-o", "OUT"], "colour"),
    "recipe syntax": (["quantize", "m.mlir", "--recipe", "json.json", "-o", "OUT"], "json.json"),
    "recipe pattern": (["quantize", "m.mlir", "--recipe", "pattern.json", "-o", "OUT"], "nothing.*"),
    "static without data": (["quantize", "m.mlir", "--recipe", "w8a8", "-o", "OUT"], "statistics"),
    "both data and statistics": (
        ["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "data.npz", "--stats", "stats.json", "-o", "OUT"],
        "not allowed with",
    ),
    "statistics without data": (["quantize", "m.mlir", "--recipe", "w8a8", "--save-stats", "s.json", "-o", "OUT"], "needs --calib"),
    "broken statistics": (["quantize", "m.mlir", "--recipe", "w8a8", "--stats", "stats.json", "-o", "OUT"], "stats.json"),
    "missing statistics": (["quantize", "m.mlir", "--recipe", "w8a8", "--stats", "none.json", "-o", "OUT"], "none.json"),
    "missing calibration": (["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "nope.npz", "-o", "OUT"], "nope.npz"),
    "NaN in calibration": (["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "nan.npz", "-o", "OUT"], "NaN"),
    "calibration dtype": (["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "float64.npz", "-o", "OUT"], "expected float32"),
    "no samples": (["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "none.npz", "-o", "OUT"], "no sample"),
    "unknown observer": (
        ["quantize", "m.mlir", "--recipe", "w8a8", "--calib", "data.npz", "--observer", "guess", "-o", "OUT"],
        "guess",
    ),
    "report is text": (["quantize", "m.mlir", "--recipe", "w8a8-dynamic", "-o", "OUT", "--report", "r.txt"], ".html or .json"),
    "missing inputs": (["run", "m.mlir", "--inputs", "nope.npz", "--output", "OUT"], "nope.npz"),
    "inputs cut off": (["run", "m.mlir", "--inputs", "cut.npz", "--output", "OUT"], "cut.npz"),
    "inputs are text": (["run", "m.mlir", "--inputs", "text.npz", "--output", "OUT"], "not in .npy form"),
    "input dtype": (["run", "m.mlir", "--inputs", "float64.npz", "--output", "OUT"], "expected float32"),
    "input rank": (["run", "m.mlir", "--inputs", "rank.npz", "--output", "OUT"], "[8]"),
    "input shape": (["run", "m.mlir", "--inputs", "shape.npz", "--output", "OUT"], "[3, 8]"),
    "extra input": (["run", "m.mlir", "--inputs", "extra.npz", "--output", "OUT"], "`z` is no input"),
    "missing input": (["run", "m.mlir", "--inputs", "missing.npz", "--output", "OUT"], "`z` is no input"),
    "unknown target": (["run", "m.mlir", "--inputs", "one.npz", "--output", "OUT", "--target", "pdp-11"], "unknown target `pdp-11`"),
    "target of another machine": (
        ["run", "m.mlir", "--inputs", "one.npz", "--output", "OUT", "--target", "riscv64+v"],
        "target `riscv64+v` is for riscv64, and this machine is",
    ),
    "no threads": (["run", "m.mlir", "--inputs", "one.npz", "--output", "OUT", "--threads", "0"], "at least 1"),
    "threads in words": (["run", "m.mlir", "--inputs", "one.npz", "--output", "OUT", "--threads", "two"], "at least 1"),
    "more threads than cores": (
        ["run", "m.mlir", "--inputs", "one.npz", "--output", "OUT", "--threads", "4096"],
        "more threads than cores: 4096 threads are asked for",
    ),
    "compile to what": (["compile", "m.mlir", "-o", "OUT"], "has suffix `.out`; expected `.o` or `.so`"),
    "compile for what": (["compile", "m.mlir", "-o", "m.o", "--target", "pdp-11"], "unknown target `pdp-11`"),
    "header nowhere": (["compile", "m.mlir", "-o", "m.o", "--header", "none/m.h"], "folder `none` does not exist"),
    "different models": (["compare", "m.mlir", "noentry.mlir", "--inputs", "data.npz"], "no public function"),
    "compare without data": (["compare", "m.mlir", "m.mlir", "--inputs", "nope.npz"], "nope.npz"),
    "layers without data": (["report", "q.mlir", "--float", "m.mlir"], "--float and --inputs go together"),
    "layers of no model": (["report", "q.mlir", "--float", "none.mlir", "--inputs", "data.npz"], "none.mlir: no such file"),
    "two outputs at one place": (
        ["quantize", "m.mlir", "--recipe", "w8a8-dynamic", "-o", "OUT.json", "--report", "OUT.json"],
        "two outputs are to be written there",
    ),
    "report to text": (["report", "q.mlir", "-o", "r.txt"], ".html or .json"),
    "report of nothing": (["report", "none.mlir"], "no such file"),
    "unknown site": (["explain", "q.mlir", "laier"], "did you mean `layer`"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure(folder: Path, name: str) -> None:
    arguments, reason = FAILURES[name]
    output = folder / "kept.out"
    output.write_text("before")
    result = lowbit_command(*[argument.replace("OUT", "kept.out") for argument in arguments], cwd=folder)
    assert result.returncode == 1, result.stderr
    assert reason in result.stderr and "Traceback" not in result.stderr
    assert output.read_text() == "before"
    assert not [entry for entry in folder.iterdir() if entry.name.startswith(".")]


def test_import_quantize_run_compare_report_explain(folder: Path, tmp_path: Path) -> None:
    stats, quantized, report = tmp_path / "s.json", tmp_path / "q.mlir", tmp_path / "r.html"
    result = lowbit_command(
        "quantize",
        folder / "m.mlir",
        "--recipe",
        "w8a8",
        "--calib",
        folder / "data.npz",
        "--save-stats",
        stats,
        "-o",
        quantized,
        "--report",
        report,
    )
    assert result.returncode == 0, result.stderr
    page = report.read_text()
    assert "<svg" in page and "layer" in page and "src=" not in page and "href=" not in page
    again = tmp_path / "again.mlir"
    assert lowbit_command("quantize", folder / "m.mlir", "--recipe", "w8a8", "--stats", stats, "-o", again).returncode == 0
    assert again.read_bytes() == quantized.read_bytes()

    result = lowbit_command("run", quantized, "--inputs", folder / "data.npz", "--output", tmp_path / "out.npz", "--time", 3)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("median 0.")
    assert np.load(tmp_path / "out.npz")["y"].shape == (5, 4, 6)
    result = lowbit_command("run", quantized, "--inputs", folder / "one.npz", "--output", tmp_path / "one.npz")
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "one.npz")["y"], np.load(tmp_path / "out.npz")["y"][0])

    result = lowbit_command("compare", folder / "m.mlir", quantized, "--inputs", folder / "data.npz", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert 0.999 < document["outputs"][0]["cosine_mean"] < 1 and document["bytes"][1] < document["bytes"][0]

    result = lowbit_command("report", quantized, "--stats", stats)
    (row,) = json.loads(result.stdout)["sites"]
    assert row["site"] == "layer" and row["bytes"]["float"] == 192 and row["sqnr_db"] > 30
    assert sum(row["histogram"]["counts"]) == 5 * 4 * 8 and sum(row["weight_histogram"]["counts"]) == 48
    # What a GPU would launch: every launch writes something, and one of them is the layer's.
    result = lowbit_command("report", quantized, "--target", "nvptx:sm_90a")
    gpu = json.loads(result.stdout)["gpu"]
    assert all(launch["bytes_written"] > 0 for launch in gpu["launches"])
    assert ["layer"] == [launch["site"] for launch in gpu["launches"] if "site" in launch]
    assert gpu["bytes_read"] == sum(launch["bytes_read"] for launch in gpu["launches"])
    assert lowbit_command("report", quantized, "--target", "nvptx:sm_90a", "-o", tmp_path / "gpu.html").returncode == 0
    assert "Launches on nvptx:sm_90a" in (tmp_path / "gpu.html").read_text()
    result = lowbit_command("report", quantized, "--target", "host")
    assert result.returncode != 0 and "is no GPU" in result.stderr
    # With data, layers are compared with the float model's; here the layer is the output.
    result = lowbit_command("report", quantized, "--float", folder / "m.mlir", "--inputs", folder / "data.npz", "-o", tmp_path / "r.json")
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    (row,) = report["sites"]
    assert row["layer"]["sqnr_db"] == report["outputs"][0]["sqnr_db"] == document["outputs"][0]["sqnr_db"]
    assert report["offenders"][0]["site"] == "layer" and row["energy_pj"]["memory"] == row["bytes"]["quantized"] * 1300 / 8
    assert "SQNR of layer" in page and "lowbit search" in page
    result = lowbit_command("explain", quantized, "layer")
    assert "#lowbit.int<8>" in result.stdout and "multiply-accumulates of 8x8 bits: 192" in result.stdout


def test_import_writes_bytecode_that_loads(folder: Path, tmp_path: Path) -> None:
    assert lowbit_command("import", folder / "m.mlir", "-o", tmp_path / "m.mlir").returncode == 0
    assert (tmp_path / "m.mlir").read_bytes().startswith(b"ML\xefR")
    assert lowbit.load(tmp_path / "m.mlir").inputs == lowbit.load(folder / "m.mlir").inputs


def test_base_import_needs_nothing_optional() -> None:
    code = "import sys, lowbit, lowbit.cli; lowbit.load; print([m for m in ('onnx', 'torch_mlir', 'torch', 'ml_dtypes', 'tqdm') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert result.stdout.strip() == "[]"
