"""Sentences to evaluate and calibrate MiniLM with, and their tokens.

The text is our own and part of the package (sentences.txt), so that every machine sees the same bytes. The first
EVALUATION lines are for evaluation, the CALIBRATION lines after them for calibration; the two sets share no sentence.

    python -m lowbit.models.sentences --eval eval.npz --calib calib.npz [--seq 128]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from lowbit.files import whole_file
from lowbit.models.minilm import model_folder

EVALUATION = 104
CALIBRATION = 64


def evaluation_sentences() -> list[str]:
    """104 English sentences of 5 to 56 words from many domains."""
    return _lines()[:EVALUATION]


def calibration_sentences() -> list[str]:
    """64 further sentences, none of which is among the evaluation sentences."""
    return _lines()[EVALUATION : EVALUATION + CALIBRATION]


def _lines() -> list[str]:
    text = resources.files("lowbit.models").joinpath("sentences.txt").read_text(encoding="utf-8")
    return text.splitlines()


def tokenize(sentences: Sequence[str], seq: int = 128, batch: int = 1) -> dict[str, np.ndarray]:
    """Tokens of sentences in the layout of a data file.

    Returns {"ids", "mask"}: int64 [samples, batch, seq]; samples is the number of sentences over batch, and sentences
    that do not fill a batch are left out. Longer sentences are cut to seq tokens; shorter ones are padded, with mask 0.
    Raises ModuleNotFoundError if the tokenizer or the model package is not installed, ValueError for sizes below 1 (seq
    below 3, which is two marks and a token) or fewer sentences than one batch.
    """
    if batch < 1 or seq < 3 or len(sentences) < batch:
        raise ValueError(
            f"{len(sentences)} sentences, batch {batch}, seq {seq}: expected batch >= 1, seq >= 3, a full batch"
        )
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("tokens need the tokenizer; run: pip install --no-deps tokenizers") from error
    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.enable_truncation(seq)
    tokenizer.enable_padding(length=seq)
    encoded = tokenizer.encode_batch(list(sentences[: len(sentences) // batch * batch]))
    shape = (len(encoded) // batch, batch, seq)
    return {
        "ids": np.array([entry.ids for entry in encoded], np.int64).reshape(shape),
        "mask": np.array([entry.attention_mask for entry in encoded], np.int64).reshape(shape),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lowbit.models.sentences", description="Write MiniLM's data files.")
    parser.add_argument("--eval", type=Path, required=True, help="the .npz file of evaluation sentences to write")
    parser.add_argument("--calib", type=Path, required=True, help="the .npz file of calibration sentences to write")
    parser.add_argument("--batch", type=int, default=1, help="sentences a sample (default 1)")
    parser.add_argument("--seq", type=int, default=128, help="tokens a sentence, padding included (default 128)")
    options = parser.parse_args(arguments)
    try:
        for path, sentences in ((options.eval, evaluation_sentences()), (options.calib, calibration_sentences())):
            tokens = tokenize(sentences, options.seq, options.batch)
            with whole_file(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, **tokens)
    except (ValueError, ModuleNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
