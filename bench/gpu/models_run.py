"""Whole models of a prepared folder: results first, then time beside PyTorch's."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.gpu.clock import race
from bench.gpu.library import Library


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """A folder with the libraries. They have their weights in common, so that they are packed together."""
    with tempfile.TemporaryDirectory(prefix="lowbit-bench-") as folder, lzma.open(archive) as stream, tarfile.open(fileobj=stream) as tar:
        tar.extractall(folder, filter="data")
        yield Path(folder)


class Model:
    """One library, one size."""

    def __init__(self, folder: Path, entry: dict[str, Any], arrays: Any) -> None:
        self.batch, self.name = entry["batch"], entry["stem"]
        self.library = Library(folder / f"{self.name}.so")
        # Sentences that there are, again and again.
        self.sources = [index % len(arrays["ids"]) for index in range(self.batch)]
        self.ids, self.mask = (torch.from_numpy(arrays[name][self.sources]).cuda() for name in ("ids", "mask"))
        self.want = arrays["emb"][self.sources]
        self.result = torch.zeros(self.want.shape, dtype=torch.float32, device="cuda")
        self.workspace = torch.empty(max(entry["workspace"], 1), dtype=torch.uint8, device="cuda")
        pointers = [array.data_ptr() for array in (self.ids, self.mask, self.result, self.workspace)]
        self._call = self.library.bind("main", pointers if entry["workspace"] else pointers[:3])

    def call(self, _: int = 0) -> None:
        """On the current stream."""
        self._call(torch.cuda.current_stream().cuda_stream)

    def check(self) -> dict[str, Any]:
        """Plain, recorded and replayed calls against the simulator's bits."""
        wrong = []
        for _ in range(3):
            self.result.zero_()
            self.call()
            torch.cuda.synchronize()
            found = self.result.cpu().numpy()
            wrong.append(int((found.view(np.int32) != self.want.view(np.int32)).sum()))
        cosine = (found * self.want).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(self.want, axis=1)
        return {"exact": not any(wrong), "wrong_elements": wrong, "of": int(self.want.size), "cosine_min": float(cosine.min())}

    def is_right(self, outcome: dict[str, Any]) -> bool:
        """To the bit where the simulator ran the very same model; other sizes have statistics of their own, and come near."""
        return outcome["exact"] if self.batch == 1 else outcome["cosine_min"] > LEAST_COSINE


LEAST_COSINE = 0.995
COMPILATION = 45  # seconds that PyTorch may take to compile


def check(folder: Path, entry: dict[str, Any], arrays: Any, say: Callable[..., None], counts: dict[str, int]) -> Model:
    """One size: its results."""
    model = Model(folder, entry, arrays)
    outcome = model.check()
    counts["exact" if outcome["exact"] else "near" if model.is_right(outcome) else "wrong"] += 1
    say(what="check", case=model.name, **outcome)
    return model


def time_model(model: Model, say: Callable[..., None], counts: dict[str, int], deadline: float) -> None:
    """One size beside PyTorch, which compiles while there is time."""
    from bench.gpu import encoder

    peers = encoder.peers(model.ids, model.mask)
    if deadline - time.monotonic() < COMPILATION:
        peers.pop("torch.compile fp16")
    times = race({"ours": model.call, **peers}, sets=1)
    ours = times["ours"].get("median")
    ratios = {name: result["median"] / ours for name, result in times.items() if ours and name != "ours" and "median" in result}
    counts["timed"] += 1
    say(what="time", case=model.name, batch=model.batch, **times, ratios=ratios)
