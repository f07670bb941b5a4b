"""MiniLM-L6 as every implementation is given it: one ONNX file a size, the same sentences to calibrate and to judge."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LAYERS, HIDDEN, INNER = 6, 384, 1536


@dataclass(frozen=True)
class Size:
    """Sentences and tokens of a call."""

    batch: int
    seq: int
    folder: Path

    @property
    def path(self) -> Path:
        """The float model, written when it is not there."""
        from lowbit.models import minilm

        path = self.folder / f"minilm-{self.batch}x{self.seq}.onnx"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(minilm.build_minilm(self.batch, self.seq).SerializeToString())
        return path

    @property
    def operations(self) -> float:
        """Of the linear layers and of attention; a product and its addition are two."""
        tokens = self.batch * self.seq
        linear = 4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER
        return LAYERS * 2.0 * tokens * (linear + 2 * self.seq * HIDDEN)

    @functools.cached_property
    def evaluation(self) -> list[dict[str, np.ndarray]]:
        """Batches to judge with."""
        from lowbit.models import sentences

        return _batches(sentences.tokenize(sentences.evaluation_sentences(), self.seq, self.batch))

    @functools.cached_property
    def calibration(self) -> list[dict[str, np.ndarray]]:
        """Batches to learn ranges from."""
        from lowbit.models import sentences

        return _batches(sentences.tokenize(sentences.calibration_sentences(), self.seq, self.batch))

    @functools.cached_property
    def embeddings(self) -> np.ndarray:
        """What the float model makes of `evaluation`, in ONNX Runtime."""
        import onnxruntime

        session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        return np.concatenate([session.run(None, batch)[0] for batch in self.evaluation])

    def cosines(self, found: np.ndarray) -> dict[str, float]:
        """Mean and least cosine to the float model."""
        expected = self.embeddings
        values = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
        return {"cosine": round(float(values.mean()), 5), "cosine_min": round(float(values.min()), 5)}


def _batches(arrays: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    return [{name: array[i] for name, array in arrays.items()} for i in range(len(arrays["ids"]))]
