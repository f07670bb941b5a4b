"""Noise that makes rounding to nearest stochastic: the bits of `lowbit-add-dither`."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lowbit.torch.formats import Format
from lowbit.torch.parametrizations import spread

_WORD = 0xFFFFFFFF
_MULTIPLIER, _WEYL, _ROUNDS = 0xD256D193, 0x9E3779B9, 10
_BITS = 23


def philox(counter: torch.Tensor, step: int, key: int) -> torch.Tensor:
    """Random words, as int64, of Philox 2x32-10 (Salmon et al., 2011): counter: int64 below 2^32; step, key: of which 32 bits count."""
    low, high = counter & _WORD, torch.full_like(counter, step & _WORD)
    for i in range(_ROUNDS):
        product = low * _MULTIPLIER  # wraps; all 64 bits are right
        low, high = (product >> 32) & _WORD ^ (key + i * _WEYL & _WORD) ^ high, product & _WORD
    return low


@dataclass(frozen=True)
class Noise:
    """seed: as `lowbit.qat.fit` takes it. number: of what is rounded among all that is rounded stochastically, from 0."""

    seed: int
    number: int = 0

    def draw(self, x: torch.Tensor, scale: torch.Tensor, format: Format, axis: int | None, step: int) -> torch.Tensor:
        """What is added to x in `step`, from 1: even over the gap between two codes times the scale, less its mean. It has no gradient."""
        key = (self.seed ^ self.seed >> 32) + self.number * _MULTIPLIER & _WORD
        words = philox(torch.arange(x.numel(), device=x.device), step, key).reshape(x.shape)
        share = ((words >> 32 - _BITS).to(torch.float32) + 0.5) * 2.0**-_BITS
        return (share - 0.5) * (2.0 if format.signs else 1.0) * spread(scale.detach(), x, axis)
