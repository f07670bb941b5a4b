"""MiniLM-L6 in w8a8 for a GPU, for several sizes of batch, and what the simulator makes of some sentences."""

from __future__ import annotations

import json
import lzma
import re
import tarfile
import time
from pathlib import Path
from typing import Any

import lowbit
import numpy as np

from bench.minilm import Size

BATCHES, TOKENS, SENTENCES, CALIBRATION = (1, 8, 256), 128, 1, 32


def build(folder: Path, target: str, models: Path) -> list[dict[str, Any]]:
    """The archive of libraries and the arrays beside it; what the manifest says of them."""
    entries, paths = [], []
    sentences = Size(1, TOKENS, models).calibration[:CALIBRATION]
    for batch in BATCHES:
        start, size, stem = time.perf_counter(), Size(batch, TOKENS, models), f"minilm_{batch}x{TOKENS}"
        try:
            model = lowbit.load(size.path)
            stats = model.calibrate(batched(sentences, batch), recipe="w8a8", progress=False)
            quantized = model.quantize("w8a8", stats)
            quantized.export(folder / f"{stem}.so", target, header=folder / f"{stem}.h")
            if batch == 1:
                expect(quantized, size, folder)
        except Exception as error:  # noqa: BLE001 - other sizes may do
            print(json.dumps({"model": stem, "error": str(error)[:2000]}), flush=True)
            continue
        workspace = re.search(r"_WORKSPACE_BYTES (\d+)", (folder / f"{stem}.h").read_text())
        entries.append({"stem": stem, "batch": batch, "workspace": int(workspace.group(1)) if workspace else 0})
        paths.append(folder / f"{stem}.so")
        print(json.dumps({"model": stem, "seconds": round(time.perf_counter() - start, 2), "bytes": paths[-1].stat().st_size}), flush=True)
    pack(folder / "models.tar.xz", paths)
    return entries


def batched(sentences: list[dict[str, np.ndarray]], batch: int) -> list[dict[str, np.ndarray]]:
    """All sentences, again and again until they fill batches: ranges are then those of every size."""
    count = -(-len(sentences) // batch) * batch
    chosen = [sentences[i % len(sentences)] for i in range(count)]
    parts = [chosen[i : i + batch] for i in range(0, count, batch)]
    return [{name: np.concatenate([sentence[name] for sentence in part]) for name in part[0]} for part in parts]


def expect(quantized: lowbit.Module, size: Size, folder: Path) -> None:
    """Results of single sentences, in the simulator."""
    simulated = quantized.compile("gpu-sim")
    batches = size.evaluation[:SENTENCES]
    results = [simulated(**batch)["emb"] for batch in batches]
    inputs = {name: np.concatenate([batch[name] for batch in batches]) for name in ("ids", "mask")}
    np.savez(folder / "models.npz", emb=np.concatenate(results), **inputs)


def pack(archive: Path, paths: list[Path]) -> None:
    """One stream whose window is larger than a library, so that weights that all have are there once."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 4, "dict_size": 1 << 26}]
    with lzma.open(archive, "wb", filters=filters) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for path in paths:
            tar.add(path, path.name)
            path.unlink()
    print(json.dumps({"archive": archive.name, "bytes": archive.stat().st_size}), flush=True)
