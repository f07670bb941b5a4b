"""Modules that quantize what goes through them, and layers that quantize their weights and inputs."""

from __future__ import annotations

import torch
from torch import nn

from lowbit.errors import Error
from lowbit.torch.formats import Format
from lowbit.torch.functions import fake_quantize

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class FakeQuantize(nn.Module):
    """Fake quantization with scales that are trained. They start from the first tensor that comes, as `lowbit.compute_scales` has them.

    axis: one scale each along it, of which there are `channels`; None: one for the tensor.
    """

    def __init__(self, format: str = "int<8>", *, axis: int | None = None, channels: int = 1, estimator: str = "lsq") -> None:
        super().__init__()
        self.format, self.axis, self.estimator = Format.parse(format), axis, estimator
        self.scale = nn.Parameter(torch.ones(()) if axis is None else torch.ones(channels))
        self.ready: torch.Tensor
        self.register_buffer("ready", torch.tensor(False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rounds x; shape and type stay."""
        if not self.ready:
            self.start(x)
        return fake_quantize(x, self.scale, self.format, axis=self.axis, estimator=self.estimator)

    @torch.no_grad()
    def start(self, x: torch.Tensor) -> None:
        """Takes scales from x: max |x| / largest code; 1 where x is all zero. Raises Error for values that are not finite."""
        others = [i for i in range(x.ndim) if self.axis is None or i != self.axis % x.ndim]
        most = x.abs().amax(others) if others else x.abs()
        if not torch.isfinite(most).all():
            raise Error("scales cannot start from values that are not finite; check what goes in")
        if most.shape != self.scale.shape:
            raise Error(
                f"there are {self.scale.numel()} scales for {list(x.shape)} along axis {self.axis}; expected {most.numel()} (`channels`)"
            )
        scale = most / max(self.format.largest, 1)
        self.scale.copy_(torch.where(most > 0, scale.clamp_min(2.0**-126), torch.ones_like(scale)))
        self.ready.fill_(True)

    def extra_repr(self) -> str:
        """What print shows."""
        return f"{self.format.name}, axis={self.axis}, estimator={self.estimator}"


class QuantizedLayer(nn.Module):
    """A linear layer or convolution whose weight has a scale for each output channel, and its input one for the tensor."""

    def __init__(self, layer: nn.Module, weight: str, activation: str | None, estimator: str = "lsq") -> None:
        super().__init__()
        if not isinstance(layer, LAYERS):
            raise Error(f"{type(layer).__name__} is no layer with a weight; expected one of {', '.join(kind.__name__ for kind in LAYERS)}")
        self.layer = layer
        self.weight = FakeQuantize(weight, axis=0, channels=layer.weight.shape[0], estimator=estimator)
        self.weight.start(layer.weight)
        self.input = FakeQuantize(activation, estimator=estimator) if activation else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer, of a rounded x with a rounded weight."""
        x, weight = self.input(x), self.weight(self.layer.weight)
        if isinstance(self.layer, nn.Linear):
            return nn.functional.linear(x, weight, self.layer.bias)
        return self.layer._conv_forward(x, weight, self.layer.bias)


def quantize_layers(module: nn.Module, *, weight: str = "int<8>", activation: str | None = "int<8>", estimator: str = "lsq") -> nn.Module:
    """Replaces linear layers and convolutions inside of `module` by QuantizedLayer, in place; a layer that is shared stays shared."""
    made: dict[nn.Module, QuantizedLayer] = {}

    def visit(parent: nn.Module) -> None:
        for name, child in list(parent._modules.items()):  # a child under two names is twice in it
            if isinstance(child, QuantizedLayer):
                continue
            if isinstance(child, LAYERS):
                if child not in made:
                    made[child] = QuantizedLayer(child, weight, activation, estimator)
                setattr(parent, name, made[child])
            else:
                visit(child)

    visit(module)
    if not made:
        raise Error(
            f"{type(module).__name__} has no layer to quantize; expected {', '.join(kind.__name__ for kind in LAYERS)} inside of it"
        )
    return module
