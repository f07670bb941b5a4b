"""Modules that quantize what goes through them, and layers that quantize their weights and inputs."""

from __future__ import annotations

import torch
from torch import nn

from lowbit.errors import Error
from lowbit.torch.formats import Format
from lowbit.torch.functions import fake_quantize
from lowbit.torch.noise import Noise
from lowbit.torch.parametrizations import Parametrization

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class FakeQuantize(nn.Module):
    """Fake quantization with scales that are trained. They start from the first tensor that comes, as `lowbit.compute_scales` has them.

    axis: one scale each along it, of which there are `channels`; None: one for the tensor. parametrization: what is rounded in place of weights,
    `xnor`, `twn`, `ttq` or `dorefa`; the estimator is then `identity`. noise: rounds stochastically while training; each forward pass is a step,
    which `step` counts, a buffer.
    """

    def __init__(
        self,
        format: str = "int<8>",
        *,
        axis: int | None = None,
        channels: int = 1,
        estimator: str = "lsq",
        parametrization: str | None = None,
        noise: Noise | None = None,
    ) -> None:
        super().__init__()
        self.format, self.axis, self.noise = Format.parse(format), axis, noise
        self.parametrization = None if parametrization is None else Parametrization.parse(parametrization)
        self.estimator = estimator if parametrization is None else "identity"
        self.scale = nn.Parameter(torch.ones(()) if axis is None else torch.ones(channels))
        if self.parametrization is not None:
            self.parametrization.check(self.format)
            self.scale.requires_grad_(self.parametrization.trains_scale)
        self.ready: torch.Tensor
        self.register_buffer("ready", torch.tensor(False))
        self.step: torch.Tensor
        if noise is not None:
            self.register_buffer("step", torch.tensor(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rounds x; shape and type stay."""
        if not self.ready:
            self.start(x)
        scale = self.scale
        if self.parametrization is not None:
            x, scale = self.parametrization.apply(x, scale, self.format, self.axis)
        if self.noise is not None and self.training:
            self.step += 1
            x = x + self.noise.draw(x, scale, self.format, self.axis, int(self.step))
        return fake_quantize(x, scale, self.format, axis=self.axis, estimator=self.estimator)

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
        form = "" if self.parametrization is None else f", parametrization={self.parametrization.name}"
        return f"{self.format.name}, axis={self.axis}, estimator={self.estimator}{form}{'' if self.noise is None else ', stochastic'}"


class QuantizedLayer(nn.Module):
    """A linear layer or convolution whose weight has a scale for each output channel, and its input one for the tensor."""

    def __init__(
        self,
        layer: nn.Module,
        weight: str,
        activation: str | None,
        estimator: str = "lsq",
        parametrization: str | None = None,
        noise: Noise | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(layer, LAYERS):
            raise Error(f"{type(layer).__name__} is no layer with a weight; expected one of {', '.join(kind.__name__ for kind in LAYERS)}")
        self.layer = layer
        self.weight = FakeQuantize(
            weight, axis=0, channels=layer.weight.shape[0], estimator=estimator, parametrization=parametrization, noise=noise
        )
        self.weight.start(layer.weight)
        self.input = FakeQuantize(activation, estimator=estimator) if activation else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer, of a rounded x with a rounded weight."""
        x, weight = self.input(x), self.weight(self.layer.weight)
        if isinstance(self.layer, nn.Linear):
            return nn.functional.linear(x, weight, self.layer.bias)
        return self.layer._conv_forward(x, weight, self.layer.bias)


def quantize_layers(
    module: nn.Module,
    *,
    weight: str = "int<8>",
    activation: str | None = "int<8>",
    estimator: str = "lsq",
    parametrization: str | None = None,
    stochastic: int | None = None,
) -> nn.Module:
    """Replaces linear layers and convolutions inside of `module` by QuantizedLayer, in place; a layer that is shared stays shared.

    parametrization: what is rounded in place of weights (docs/training.md). stochastic: a seed, by which weights are rounded stochastically in training;
    layers are numbered as they come.
    """
    made: dict[nn.Module, QuantizedLayer] = {}

    def visit(parent: nn.Module) -> None:
        for name, child in list(parent._modules.items()):  # a child under two names is twice in it
            if isinstance(child, QuantizedLayer):
                continue
            if isinstance(child, LAYERS):
                if child not in made:
                    noise = None if stochastic is None else Noise(stochastic, len(made))
                    made[child] = QuantizedLayer(child, weight, activation, estimator, parametrization, noise)
                setattr(parent, name, made[child])
            else:
                visit(child)

    visit(module)
    if not made:
        raise Error(
            f"{type(module).__name__} has no layer to quantize; expected {', '.join(kind.__name__ for kind in LAYERS)} inside of it"
        )
    return module
