"""What is rounded in place of weights, and by which scale, as `lowbit-parametrize-weights` has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from lowbit.errors import Error
from lowbit.torch.formats import Format

SMALLEST_SCALE, SMALLEST_MAGNITUDE = 2.0**-20, 2.0**-60
THRESHOLDS = {"twn": 0.7, "ttq": 0.05}

Reduce = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Parametrization:
    """`xnor` (Rastegari et al., 2016, arXiv:1603.05279), `twn` (Li et al., 2016, arXiv:1605.04711), `ttq` (Zhu et al., 2017, arXiv:1612.01064) or
    `dorefa` (Zhou et al., 2016, arXiv:1606.06160); threshold: of `twn` and `ttq`, a share of the mean or of the largest magnitude."""

    name: str
    threshold: float = 0.0

    @staticmethod
    def parse(text: str) -> Parametrization:
        """A name, or with a threshold of its own, `twn<threshold = 0.75>`."""
        match = re.fullmatch(r"(\w+)(?:<\s*threshold\s*=\s*([0-9.eE+-]+)\s*>)?", text)
        name = match[1] if match else ""
        if name not in ("xnor", "twn", "ttq", "dorefa") or (match and match[2] and name not in THRESHOLDS):
            raise Error(f"there is no parametrization `{text}` for PyTorch; expected xnor, twn, ttq or dorefa, or twn<threshold = 0.75>")
        threshold = float(match[2]) if match and match[2] else THRESHOLDS.get(name, 0.0)
        if name in THRESHOLDS and not 0 < threshold < 1:
            raise Error(f"the threshold of `{text}` is {threshold}; expected a share above 0 and below 1")
        return Parametrization(name, threshold)

    def check(self, format: Format) -> None:
        """Raises Error for a format that it is not for."""
        fits = {"xnor": format.signs, "dorefa": format.smallest < 0 < format.largest and not format.signs}
        if not fits.get(self.name, format.name == "ternary"):
            wanted = {"xnor": "binary", "dorefa": "int<2> to int<16> or ternary"}.get(self.name, "ternary")
            raise Error(f"`{self.name}` does not fit {format.name}; expected {wanted}")

    @property
    def trains_scale(self) -> bool:
        """Whether the scale is trained, or computed from the weights."""
        return self.name in ("ttq", "dorefa")

    def apply(self, weight: torch.Tensor, scale: torch.Tensor, format: Format, axis: int | None) -> tuple[torch.Tensor, torch.Tensor]:
        """What is rounded, of weight's shape, and the scales that it is rounded by, of scale's. Statistics are over the weights that share a scale."""
        self.check(format)
        others = [i for i in range(weight.ndim) if axis is not None and i != axis % weight.ndim] or list(range(weight.ndim))
        alone = axis is not None and weight.ndim == 1  # each element has a scale of its own

        def total(x: torch.Tensor) -> torch.Tensor:
            return x if alone else x.sum(others)

        def largest(x: torch.Tensor) -> torch.Tensor:
            return x if alone else x.amax(others)

        if self.name == "xnor":
            return weight, (total(weight.abs()) / (weight.numel() // scale.numel())).clamp_min(SMALLEST_SCALE)
        with torch.no_grad():
            if self.name == "dorefa":
                factor = scale * format.largest / largest(torch.tanh(weight).abs()).clamp_min(SMALLEST_MAGNITUDE)
            else:
                threshold, scale_of = self._measure(weight, total, largest, weight.numel() // scale.numel(), axis)
                used = scale if scale_of is None else scale_of
                factor = used / (threshold.clamp_min(SMALLEST_MAGNITUDE) * 2)
                scale = scale if scale_of is None else scale_of
        values = torch.tanh(weight) if self.name == "dorefa" else weight
        return values * spread(factor, weight, axis), scale

    def _measure(
        self, weight: torch.Tensor, total: Reduce, largest: Reduce, count: int, axis: int | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The threshold, and the scale where it is computed."""
        size = weight.abs()
        share = torch.tensor(self.threshold, dtype=weight.dtype, device=weight.device)
        if self.name == "ttq":
            return largest(size) * share, None
        threshold = total(size) / count * share
        kept = size > spread(threshold, weight, axis)
        scale = total(torch.where(kept, size, 0.0)) / total(kept.to(weight.dtype)).clamp_min(1)
        return threshold, scale.clamp_min(SMALLEST_SCALE)


def spread(scale: torch.Tensor, x: torch.Tensor, axis: int | None) -> torch.Tensor:
    """One value each along `axis`, in a shape that meets x's."""
    if axis is None:
        return scale
    return scale.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
