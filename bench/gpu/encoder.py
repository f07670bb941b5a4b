"""MiniLM-L6 whole: our library against PyTorch's halves of the same shape. Runs without the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

LAYERS, HIDDEN, INNER, HEADS, WORDS = 6, 384, 1536, 12, 30522


class Layer(nn.Module):
    """Attention and two linear layers, each with its norm."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(HIDDEN, 3 * HIDDEN)
        self.output = nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN, eps=1e-12) for _ in range(2))

    def forward(self, x: Any, mask: Any) -> Any:
        """x: [batch, tokens, HIDDEN]; mask: added to scores."""
        batch, tokens, _ = x.shape
        parts = self.attention(x).view(batch, tokens, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(*parts, attn_mask=mask)
        x = self.norms[0](x + self.output(attended.transpose(1, 2).reshape(batch, tokens, HIDDEN)))
        return self.norms[1](x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """Embeddings, layers, the mean of tokens that count, of length one. Weights are random: only time is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, HIDDEN), nn.Embedding(512, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids: Any, mask: Any) -> Any:
        """ids, mask: [batch, tokens]."""
        x = self.norm(self.words(ids) + self.places.weight[: ids.shape[1]])
        bias = ((1 - mask)[:, None, None, :] * -65504.0).to(x.dtype)
        for layer in self.layers:
            x = layer(x, bias)
        counted = mask[..., None].to(x.dtype)
        return nn.functional.normalize((x * counted).sum(1) / counted.sum(1), dim=-1)


def peers(ids: Any, mask: Any) -> dict[str, Callable[[int], Any]]:
    """PyTorch's halves, op by op and compiled; what is not there is left out when it is first called."""
    with torch.inference_mode():
        encoder = Encoder().half().cuda().eval()
        compiled = torch.compile(encoder)

        def run(module: Any) -> Callable[[int], Any]:
            def call(_: int) -> Any:
                with torch.inference_mode():
                    return module(ids, mask)

            return call

        return {"torch fp16": run(encoder), "torch.compile fp16": run(compiled)}
