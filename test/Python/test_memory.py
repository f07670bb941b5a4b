"""Memory: quantization keeps its bound, a process does not grow, and large constants and moments are what they were elsewhere."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import lowbit
import numpy as np
import onnx_models as build
import pytest
from lowbit import _native
from lowbit.frontends import import_onnx
from lowbit.frontends.constants_file import MAGIC

ROOT = Path(__file__).resolve().parents[2]
SIZE = 1024


def chain(folder: Path, layers: int = 2, size: int = SIZE) -> Path:
    """Linear layers with weights [size, size] in a file of their own, as far as they are large."""
    nodes = [build.node("MatMul", [f"x{i}", f"w{i}"], f"x{i + 1}") for i in range(layers)]
    weights = {f"w{i}": build.random(size, size, seed=i) for i in range(layers)}
    proto = build.model(nodes, {"x0": [2, size]}, {f"x{layers}": [2, size]}, weights)
    return build.save(proto, folder)


def python(text: str, *arguments: object, **environment: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("case", ["onnx-w8a8-dynamic", "mlir-w4a16", "gptq"])
def test_quantization_keeps_its_bound(case: str) -> None:
    """403 MB of weights in at most 167 MB: four layers, and 100 MB rather than the 300 that a model of 4 GB may take."""
    command = [ROOT / "scripts/memory.py", "--layers", "24", "--size", "2048", "--slack", "100", "--only", case]
    done = build.run_python(*command)
    assert done.returncode == 0 and f"{case} " in done.stdout and "kept" in done.stdout, done.stdout + done.stderr


GROWTH = """
import gc, sys, lowbit

def take():
    gc.collect()
    with open("/proc/self/status") as status:
        anonymous = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
    with open("/proc/self/maps") as maps:
        files = sum("lowbit" in line and "(deleted)" in line for line in maps)
    return anonymous // 1024, files

model = lowbit.load(sys.argv[1])
taken = []
for _ in range(12):
    model.quantize("w8a8-dynamic").compile()
    taken.append(take())
(early, files), (late, others) = taken[3], taken[-1]
print(late - early, others - files)
"""


def test_a_process_does_not_grow(tmp_path: Path) -> None:
    """Each round makes 2 MB of codes, as much of them packed, and code. Kept, as they once were, they would be 40 MB after eight rounds."""
    megabytes, files = map(int, python(GROWTH, chain(tmp_path)).split())
    assert megabytes < 12 and files == 0


def test_bytes_live_as_long_as_a_model_that_has_them(tmp_path: Path) -> None:
    path = chain(tmp_path)
    first = lowbit.load(path).quantize("w8a8-dynamic")
    first.save(tmp_path / "before.mlir")
    for _ in range(2):
        lowbit.load(path).quantize("w8a8-dynamic").compile()
    first.save(tmp_path / "after.mlir")
    assert (tmp_path / "before.mlir").read_bytes() == (tmp_path / "after.mlir").read_bytes()


def test_weights_in_a_file_are_those_in_text(tmp_path: Path) -> None:
    path = chain(tmp_path)
    lowbit.load(path).save(tmp_path / "mapped.mlir")
    lowbit.Module(_native.Model.parse(import_onnx(path), str(path))).save(tmp_path / "text.mlir")
    x = build.random(2, SIZE)
    mapped, text = (lowbit.load(tmp_path / name).compile()(x0=x)["x2"] for name in ("mapped.mlir", "text.mlir"))
    np.testing.assert_array_equal(mapped, text)
    assert (tmp_path / "mapped.mlir").stat().st_size == (tmp_path / "text.mlir").stat().st_size


@pytest.mark.parametrize(("offset", "size"), [(0, 4097), (4096, 1), (2**63, 8), (8, 2**64 - 1)])
def test_a_reference_beyond_the_file_is_refused(tmp_path: Path, offset: int, size: int) -> None:
    (tmp_path / "constants").write_bytes(bytes(4096))
    data = ((64).to_bytes(4, "little") + MAGIC + struct.pack("<QQ", offset, size)).hex()
    text = f"""
func.func @main() -> tensor<32x32xf32> {{
  %w = arith.constant dense_resource<w> : tensor<32x32xf32>
  return %w : tensor<32x32xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w: "0x{data}" }} }} #-}}
"""
    with pytest.raises(lowbit.Error, match=r"resource `w(_\d+)?`: .* has 4096 bytes"):
        _native.Model.parse(text, "m.mlir", str(tmp_path / "constants"))


QUANTIZE = """
import sys, lowbit
lowbit.load(sys.argv[1]).quantize("w8a8-dynamic").save(sys.argv[2])
"""


def test_without_room_for_files_memory_does(tmp_path: Path) -> None:
    lowbit.load(chain(tmp_path)).save(tmp_path / "m.mlir")
    python(QUANTIZE, tmp_path / "m.mlir", tmp_path / "files.mlir")
    python(QUANTIZE, tmp_path / "m.mlir", tmp_path / "heap.mlir", TMPDIR=str(tmp_path / "none"))
    assert (tmp_path / "files.mlir").read_bytes() == (tmp_path / "heap.mlir").read_bytes()


def test_large_moments_are_written_as_they_were_summed(tmp_path: Path) -> None:
    """Of 1536 channels they take 18.9 MB: paged, and an archive that is never in memory."""
    model = lowbit.load(chain(tmp_path, layers=1, size=1536))
    batches = [{"x0": build.random(2, 1536, seed=i)} for i in range(3)]
    model.calibrate(batches, moments=["*"], progress=False).save(tmp_path / "s.json")
    lowbit.Statistics.load(tmp_path / "s.json").save(tmp_path / "again.json")
    first, again = (tmp_path / f"{name}.json.moments.npz" for name in ("s", "again"))
    assert first.read_bytes() == again.read_bytes()
    rows = np.concatenate([batch["x0"] for batch in batches]).astype(np.float64)
    with np.load(first) as arrays:
        (name,) = (name for name in arrays if name.endswith("/products"))
        np.testing.assert_allclose(arrays[name], rows.T @ rows, rtol=1e-9, atol=1e-9)
