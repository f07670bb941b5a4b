"""MiniLM with weights of one and two bits, by distillation: trained beside its float self on text that nobody has labelled.

The text is what Python and Debian ship as documentation (scripts/shipped_text.py); in half of the sentences some words are replaced by words
of the vocabulary, which documentation is poor in. Linear layers of the encoder are quantized, their activations to 8 bits by token; tables
have 8 bits, products of attention stay in float. Only the encoder is trained.

    plain      embeddings are compared with the float model's, by their cosine; the gradient of rounding is straight-through
    distilled  also hidden states, maps of attention and values of every layer; scales are learned (LSQ)

Ternary weights start from float ones and take two rounds; 2-bit ones start from the ternary ones; binary ones from float, rounded by their signs
times their mean magnitude (XNOR-Net).

Cosines are of deployed models, on codes, to the float model's embeddings: over the package's 104 sentences (the least beside the mean), and
over 512 sentences of the documentation that are not trained on.

    scripts/train-minilm [--only ternary] [--steps 2600] [--compared 600] [--json rows.jsonl]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lowbit
import numpy as np
from lowbit import qat
from lowbit.models import minilm, sentences
from shipped_text import gather

BATCH, TOKENS, EPOCH, HELD = 32, 32, 100, 512
TABLE = {"kind": "embedding", "weight": {"format": "int<8>", "per": "channel"}}
KEEP = {"kind": "attention", "keep": "products of two activations"}
TOKEN = {"format": "int<8>", "per": "token", "mode": "dynamic"}
SCHEMES: dict[str, dict[str, Any]] = {
    "ternary": {"format": "ternary", "per": "channel"},
    "binary": {"format": "binary", "per": "channel"},
    "w2 g64": {"format": "uint<2>", "per": "channel", "group": 64, "zero": "i8"},
}
RESULT = "result=cosine*1.0"
HIDDEN = ["*.output.LayerNorm=squared_error*0.1", "*.self.mask=divergence*0.1", "*.value.bias=squared_error*0.1"]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {"estimator": "ste", "terms": [RESULT]},
    "distilled": {"estimator": "lsq", "terms": [RESULT, *HIDDEN]},
    "distilled, ste": {"estimator": "ste", "terms": [RESULT, *HIDDEN]},
}
# Signs have a gradient everywhere, and the mean magnitude for a scale.
PARAMETRIZATIONS = {"binary": ["xnor"]}


@dataclass(frozen=True)
class Stage:
    """One training. start: the stage whose values it starts from, not the float model's. share: of --steps, or of --compared."""

    name: str
    scheme: str
    start: str = ""
    way: str = "distilled"
    rate: float = 7e-4
    share: float = 1.0
    seed: int = 0
    compared: bool = False

    @property
    def form(self) -> dict[str, Any]:
        """What is trained, and in which form."""
        parametrization = [] if self.way == "plain" else PARAMETRIZATIONS.get(self.scheme, [])
        return {"parameters": ["encoder.*"], "parametrization": parametrization}

    def steps(self, options: argparse.Namespace) -> int:
        """Whole epochs of them."""
        return max(1, round(self.share * (options.compared if self.compared else options.steps) / EPOCH)) * EPOCH


STAGES = [
    *(Stage(f"{scheme}, {way}", scheme, way=way, compared=True) for scheme in SCHEMES for way in ("plain", "distilled")),
    Stage("ternary, first round", "ternary"),
    Stage("ternary, second", "ternary", start="ternary, first round", rate=5e-4, seed=1),
    Stage("w2 g64, whole", "w2 g64", start="ternary, second", way="distilled, ste", rate=5e-4, seed=2),
    Stage("binary, whole", "binary", rate=1e-3, share=0.5, seed=3),
]
REPLACED = 0.3  # of the words, in every other sentence


def recipe(weight: dict[str, Any]) -> dict[str, Any]:
    """Linear layers by `weight`; scales that training starts from clip where it pays."""
    rules = [TABLE, KEEP, {"kind": "linear", "weight": weight, "activation": TOKEN}]
    return {"version": 1, "name": "minilm", "algorithms": ["scale-search"], "rules": rules}


class Text:
    """Sentences to train on, and those held out, as tokens `[n, TOKENS]`."""

    def __init__(self) -> None:
        lines = gather()
        tokens = sentences.tokenize(lines, seq=TOKENS)
        self._ids, self._mask = (tokens[name].reshape(-1, TOKENS) for name in ("ids", "mask"))
        vocabulary = json.loads((minilm.model_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        self._marks = max(vocabulary[mark] for mark in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
        self._words = np.array([i for word, i in vocabulary.items() if word.isascii() and word.isalpha() and len(word) > 2])
        print(f"{len(lines):,} sentences of {self._mask.sum(1).mean():.1f} tokens, {HELD} of them held out", flush=True)

    @property
    def held(self) -> list[dict[str, np.ndarray]]:
        """Batches that are not trained on."""
        return [{"ids": self._ids[i : i + BATCH], "mask": self._mask[i : i + BATCH]} for i in range(0, HELD, BATCH)]

    def epoch(self, seed: int, number: int) -> Iterator[dict[str, np.ndarray]]:
        """EPOCH batches of rows drawn by seed and number; labels count nothing."""
        random, labels = np.random.default_rng((seed, number)), np.zeros((BATCH, 384), np.float32)
        order = HELD + random.permutation(len(self._ids) - HELD)[: EPOCH * BATCH]
        for rows in order.reshape(EPOCH, BATCH):
            ids, mask = self._ids[rows], self._mask[rows]
            replaced = (random.random(ids.shape) < REPLACED * random.integers(0, 2, (BATCH, 1))) & (mask == 1) & (ids > self._marks)
            ids[replaced] = random.choice(self._words, replaced.sum())
            yield {"ids": ids, "mask": mask, "labels": labels}


class Judge:
    """The float model for one sentence, and what it makes of the package's sentences."""

    def __init__(self, folder: Path) -> None:
        self.model = load(folder, 1, 64)
        tokens = sentences.tokenize(sentences.evaluation_sentences(), seq=64)
        self._samples = [{"ids": ids, "mask": mask} for ids, mask in zip(tokens["ids"], tokens["mask"], strict=True)]
        self._expected = embed(self.model, self._samples)

    def cosines(self, model: lowbit.Module) -> np.ndarray:
        """Of each sentence, to the float embedding."""
        return cosines(embed(model, self._samples), self._expected)


def load(folder: Path, batch: int, tokens: int) -> lowbit.Module:
    """MiniLM for so many sentences of so many tokens."""
    path = folder / f"minilm-{batch}x{tokens}.onnx"
    path.write_bytes(minilm.build_minilm(batch=batch, seq=tokens).SerializeToString())
    return lowbit.load(path)


def embed(model: lowbit.Module, samples: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Embeddings `[n, 384]`."""
    function = model.compile()
    return np.concatenate([function(**sample)["emb"].reshape(-1, 384) for sample in samples])


def cosines(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Of each row to its like."""
    return (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)


def main() -> None:
    """Trains and prints a row for each scheme and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose name, such as `ternary, second`, has this in it")
    parser.add_argument("--steps", type=int, default=2600, help=f"of {BATCH} sentences, for a whole training")
    parser.add_argument("--compared", type=int, default=600, help="steps of the ways that are compared, from the float model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write rows here, too")
    parser.add_argument("--folder", type=Path, default=Path("build/minilm"), help="where models and trained parameters go, and come from")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    judge, text, teacher = Judge(options.folder), Text(), load(options.folder, BATCH, TOKENS)
    held, rows = embed(teacher, text.held), []

    def report(name: str, make: Callable[[lowbit.Module], lowbit.Module], start: float) -> None:
        seconds, found, model = time.monotonic() - start, cosines(embed(make(teacher), text.held), held), make(judge.model)
        own = judge.cosines(model)
        row = {"model": name, "own": own.mean(), "least": own.min(), "held": found.mean(), "bytes": model.nbytes}
        rows.append({key: value if isinstance(value, (str, int)) else round(float(value), 4) for key, value in row.items()})
        print(f"{name:22} {own.mean():7.4f} {own.min():7.4f} {found.mean():7.4f} {model.nbytes:12,} {seconds:7.0f} s", flush=True)
        if options.json:
            options.json.write_text("".join(json.dumps(row) + "\n" for row in rows))

    print(f"{'':22} {'own':>7} {'least':>7} {'held':>7} {'bytes':>12}", flush=True)
    for scheme, weight in SCHEMES.items():
        start = time.monotonic()
        if options.only in (name := f"{scheme}, not trained"):
            report(name, lambda model, weight=weight: model.quantize(recipe(weight)), start)
    for stage in STAGES:
        if options.only not in stage.name:
            continue
        start, document = time.monotonic(), recipe(SCHEMES[stage.scheme])
        parameters = train(stage, teacher, text, document, options)
        np.savez(file(options.folder, stage.name), **parameters)

        def finish(model: lowbit.Module, stage: Stage = stage, document: Any = document, parameters: Any = parameters) -> lowbit.Module:
            return qat.prepare(model, document, **stage.form).finish(parameters)

        report(stage.name, finish, start)


def file(folder: Path, stage: str) -> Path:
    """Of a stage's parameters."""
    return folder / f"{stage.replace(', ', '-').replace(' ', '-')}.npz"


def train(stage: Stage, teacher: lowbit.Module, text: Text, document: dict[str, Any], options: argparse.Namespace) -> dict[str, np.ndarray]:
    """The encoder's parameters, by the teacher alone."""
    start: dict[str, np.ndarray] = {}
    if stage.start:
        same = next(each for each in STAGES if each.name == stage.start).scheme == stage.scheme
        with np.load(file(options.folder, stage.start)) as arrays:
            start = {name: arrays[name] for name in arrays.files if same or not name.endswith("_scale")}
    return qat.fit(
        teacher,
        partial(text.epoch, stage.seed),
        document,
        stats=teacher.calibrate(text.held[:1], recipe=document, progress=False),
        start=start,
        teacher=teacher,
        labels=0.0,
        loss="cosine",
        epochs=stage.steps(options) // EPOCH,
        rate=stage.rate,
        warmup=100,
        clip=1.0,
        threads=options.threads,
        **stage.form,
        **WAYS[stage.way],
    ).parameters


if __name__ == "__main__":
    sys.exit(main())
