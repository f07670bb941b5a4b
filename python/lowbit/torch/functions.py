"""Fake quantization with a gradient."""

from __future__ import annotations

import math
from typing import Any

import torch

from lowbit.errors import Error
from lowbit.torch.formats import Format

ESTIMATORS = ("lsq", "ste")


def fake_quantize(
    x: torch.Tensor, scale: torch.Tensor, format: Format | str, *, axis: int | None = None, estimator: str = "lsq"
) -> torch.Tensor:
    """The nearest reals to `x` that codes times `scale` stand for, of x's shape.

    x, scale: float32. scale: of shape [] for the whole tensor, or [x.shape[axis]] for a scale each along `axis`. Rounds half to even after a division
    by the scale. estimator: `ste` passes gradients where x is in range (Bengio et al., 2013, arXiv:1308.3432); `lsq` divides those of scales by
    sqrt(elements per scale x largest code) besides (Esser et al., 2020, arXiv:1902.08153).
    """
    format = Format.parse(format) if isinstance(format, str) else format
    if estimator not in ESTIMATORS:
        raise Error(f"there is no estimator `{estimator}` for PyTorch; expected {' or '.join(ESTIMATORS)}")
    if estimator == "lsq" and format.largest <= 0:
        raise Error(f"estimator `lsq` does not fit {format.name}: it divides by the largest code, which is not above 0; give `ste`")
    if x.dtype != torch.float32 or scale.dtype != torch.float32:
        raise Error(f"x is of {x.dtype} and scale of {scale.dtype}; expected torch.float32, in which Lowbit quantizes")
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise Error(f"axis is {axis} and x has {x.ndim} axes; expected one of them")
    expected = () if axis is None else (x.shape[axis],)
    if tuple(scale.shape) != expected:
        raise Error(f"scale has shape {list(scale.shape)}; expected {list(expected)} for x of shape {list(x.shape)} and axis {axis}")
    return _FakeQuantize.apply(x, scale, format, axis, estimator)


def _spread(scale: torch.Tensor, x: torch.Tensor, axis: int | None) -> torch.Tensor:
    if axis is None:
        return scale
    return scale.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, format: Format, axis: int | None, estimator: str) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        ctx.format, ctx.axis, ctx.estimator = format, axis, estimator
        wide = _spread(scale, x, axis)
        return format.round(x / wide) * wide

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x, scale), format = ctx.saved_tensors, ctx.format
        scaled = x / _spread(scale, x, ctx.axis)
        inside = (scaled >= format.smallest) & (scaled <= format.largest)
        slope = torch.where(scaled < format.smallest, format.smallest, format.round(scaled) - scaled)
        slope = torch.where(scaled > format.largest, format.largest, slope)
        if ctx.estimator == "lsq":
            slope = slope / math.sqrt(x.numel() // scale.numel() * format.largest)
        others = [i for i in range(x.ndim) if ctx.axis is None or i != ctx.axis % x.ndim]
        along = cotangents[0] * slope
        return cotangents[0] * inside, along.sum(others) if others else along, None, None, None

    @staticmethod
    def symbolic(g: Any, x: Any, scale: Any, format: Format, axis: int | None, estimator: str) -> Any:
        """QuantizeLinear and DequantizeLinear, in torch.onnx.export(…, dynamo=False)."""
        if format.onnx is None:
            raise Error(
                f"{format.name} has no type in ONNX's QuantizeLinear; expected int<8> or uint<8>, so quantize by a recipe after the import"
            )
        shape = () if axis is None else tuple(scale.type().sizes())
        zero = g.op("Constant", value_t=torch.zeros(shape, dtype=format.onnx))
        where = {} if axis is None else {"axis_i": axis}
        return g.op("DequantizeLinear", g.op("QuantizeLinear", x, scale, zero, **where), scale, zero, **where)
