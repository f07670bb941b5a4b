"""What is measured: kinds of products and their sizes. Plain data, for both sides."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Widths of linear layers: a sentence encoder's, and those of a language model of 7 billion weights.
LAYERS = ((384, 384), (1536, 384), (384, 1536), (4096, 4096), (11008, 4096), (4096, 11008))
TAILS = ((1, 8, 16), (3, 5, 7), (17, 33, 65), (100, 200, 300), (129, 257, 513), (130, 1000, 48))
# Scores of heads of a sentence encoder's and a language model's attention: batches, rows, columns, depth.
HEADS = ((12, 128, 128, 32), (96, 128, 128, 64), (32, 2048, 2048, 128), (32, 2048, 128, 2048))
# Few tiles, and a long reduction.
LONG = ((1, 64, 4096), (16, 64, 4096), (16, 384, 4096), (64, 128, 8192), (128, 64, 11008), (128, 512, 8192))
FLOATS = ("f32_nt", "f32_nn", "f32_tn")  # which side lies along its rows: A B^T, A B, A^T B
FEW_BITS = ("w4a16", "w2a16", "w4a8", "ternary", "ternary_a8", "nf4", "mxfp4", "nvfp4")
# What codes of four bits stand for: the quantiles of QLoRA's appendix E; floats of two bits of exponent and one of fraction.
NF4 = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334)
NF4 += (-0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224)
NF4 += (0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
# Of the depth: groups, and what is loaded together, are whole.
WHOLE = {"binary": 128, "w4a16": 128, "w4a8": 128, "w2a16": 64, "ternary": 32, "ternary_a8": 32, "nf4": 64, "mxfp4": 32, "nvfp4": 16}
RANDOM = 100  # sizes that are compared only, by kind, where nothing else is asked for


@dataclass(frozen=True)
class Case:
    """One function of a compiled library. `timed` cases are measured; all are compared with the reference. batches 0: one product of matrices."""

    kind: str
    m: int
    n: int
    k: int
    timed: bool = True
    batches: int = 0
    plan: str = ""  # of the kernel, where one is asked for

    @property
    def name(self) -> str:
        """As the function is called."""
        plan = f"_{self.plan}" if self.plan else ""
        return f"{self.kind}_{f'{self.batches}x' if self.batches else ''}{self.m}x{self.n}x{self.k}{plan}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result."""
        return (self.batches, self.m, self.n) if self.batches else (self.m, self.n)

    @property
    def operations(self) -> float:
        """Multiplications and additions."""
        return 2.0 * max(self.batches, 1) * self.m * self.n * self.k


def cases(kind: str, random_sizes: int = RANDOM) -> list[Case]:
    """All of one kind, with so many sizes drawn at random."""
    large = {
        "s8": [(m, m, m) for m in (4096, 8192)],
        "requantize": [(m, n, k) for n, k in LAYERS for m in (16, 64, 256, 512, 2048)],
        "dequantize": [(m, n, k) for n, k in LAYERS if n >= 4096 for m in (1, 16, 128, 2048)],
        "u8": [(4096, 4096, 4096)],
        "binary": [(4096, 4096, 4096), (8192, 8192, 8192)],
        "batched": [(m, n, k) for _, m, n, k in HEADS],
        "long": LONG,
        **{floats: [(m, n, k) for n, k in LAYERS for m in (128, 2048)] for floats in FLOATS},
        "float8": [(m, m, m) for m in (4096, 8192)] + [(m, n, k) for n, k in LAYERS if n >= 4096 for m in (16, 128, 512, 2048)],
        **{few: [(m, n, k) for n, k in LAYERS if n >= 4096 for m in (1, 2, 4, 8, 16)] for few in FEW_BITS},
    }[kind]
    whole = WHOLE.get(kind, 1)
    generator = random.Random(kind)
    tails = list(TAILS) + [tuple(round(10 ** generator.uniform(0, 2.7)) for _ in range(3)) for _ in range(random_sizes)]
    checked = dict.fromkeys((m, n, -(-k // whole) * whole) for m, n, k in tails)
    if kind == "long":
        checked = dict.fromkeys((m, n, 4096 + 64 * k) for m, n, k in checked if m * n <= 128 * 128)
    if kind != "batched":
        return [Case(kind, *size) for size in large] + [Case(kind, *size, timed=False) for size in checked]
    chosen = [Case(kind, *size, batches=batches) for size, (batches, *_) in zip(large, HEADS)]
    return chosen + [Case(kind, *size, timed=False, batches=generator.randint(2, 13)) for size in checked]


KINDS = ("s8", "requantize", "dequantize", "u8", "binary", "batched", "long", "float8", *FLOATS, *FEW_BITS)
