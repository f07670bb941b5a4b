"""Fake quantization with a gradient."""

from __future__ import annotations

from typing import Any

import torch

from lowbit.errors import Error
from lowbit.torch import estimators
from lowbit.torch.formats import Format
from lowbit.torch.parametrizations import spread


def fake_quantize(
    x: torch.Tensor, scale: torch.Tensor, format: Format | str, *, axis: int | None = None, estimator: str = "lsq"
) -> torch.Tensor:
    """The nearest reals to `x` that codes times `scale` stand for, of x's shape.

    x, scale: float32. scale: of shape [] for the whole tensor, or [x.shape[axis]] for a scale each along `axis`. Rounds half to even after a division
    by the scale. estimator: `ste` passes gradients where x is in range (Bengio et al., 2013, arXiv:1308.3432); `lsq` divides those of scales by
    sqrt(elements per scale x largest code) besides (Esser et al., 2020, arXiv:1902.08153); `pact` gives scales none of what is in range (Choi et al.,
    2018, arXiv:1805.06085); `approx_sign` is for binary (Liu et al., 2018, arXiv:1808.00278); `identity` passes all.
    """
    format = Format.parse(format) if isinstance(format, str) else format
    estimators.check(estimator, format)
    if x.dtype != torch.float32 or scale.dtype != torch.float32:
        raise Error(f"x is of {x.dtype} and scale of {scale.dtype}; expected torch.float32, in which Lowbit quantizes")
    if axis is not None and not -x.ndim <= axis < x.ndim:
        raise Error(f"axis is {axis} and x has {x.ndim} axes; expected one of them")
    expected = () if axis is None else (x.shape[axis],)
    if tuple(scale.shape) != expected:
        raise Error(f"scale has shape {list(scale.shape)}; expected {list(expected)} for x of shape {list(x.shape)} and axis {axis}")
    return _FakeQuantize.apply(x, scale, format, axis, estimator)


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, format: Format, axis: int | None, estimator: str) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        ctx.format, ctx.axis, ctx.estimator = format, axis, estimator
        wide = spread(scale, x, axis)
        return format.round(x / wide) * wide

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x, scale), format = ctx.saved_tensors, ctx.format
        scaled = x / spread(scale, x, ctx.axis)
        inside, slope = estimators.get_slopes(ctx.estimator, scaled, format, x.numel() // scale.numel())
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
