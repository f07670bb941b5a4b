"""Writes `lowbit.contract`: sums of products of codes, exact in i32, or in f32 where sides have scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lowbit.frontends.onnx_quantized.builder import Builder, Value
from lowbit.frontends.onnx_quantized.element_types import ElementType
from lowbit.frontends.onnx_quantized.granularity import PER_TENSOR, Granularity


@dataclass(frozen=True)
class Side:
    """Codes under an indexing map (its results as text), with the scale and zero point they have.

    granularity covers both; a side without either may leave it out.
    """

    codes: Value
    map: str
    scale: Value | None = None
    zero: Value | None = None
    granularity: Granularity = PER_TENSOR

    @property
    def operands(self) -> list[Value]:
        return [value for value in (self.codes, self.scale, self.zero) if value is not None]

    def print(self) -> str:
        scale = f" scales {self.scale.name}" if self.scale else ""
        zero = f" zeros {self.zero.name}" if self.zero else ""
        scheme = self.granularity.scheme(self.codes.element, self.scale.element if self.scale else None, self.zero)
        return f"({self.codes.name}{scale}{zero} {scheme} : {', '.join(value.type for value in self.operands)})"


def contract(
    builder: Builder,
    loops: Sequence[str],
    lhs: Side,
    rhs: Side,
    result_map: Sequence[str],
    shape: Sequence[int],
    element: ElementType,
    bias: tuple[Value, str] | None = None,
) -> Value:
    """The sum over the loops that result_map leaves out. bias: a tensor and its map, added to each sum."""
    init, result = builder.empty(shape, element), builder.fresh(shape, element)
    space = f"({', '.join(loops)})"
    maps = [lhs.map, rhs.map, ", ".join(result_map), *([bias[1]] if bias else [])]
    text = (
        f"lowbit.contract [{', '.join(f'affine_map<{space} -> ({results})>' for results in maps)}]\n"
        f"      lhs{lhs.print()}\n      rhs{rhs.print()}\n      outs({init.name} : {init.type})"
    )
    operands = [*lhs.operands, *rhs.operands, init]
    if bias:
        operands.append(bias[0])
        add, kind = ("arith.addi", element.mlir) if element.is_integer else ("arith.addf", element.mlir)
        text += (
            f" epilogue({bias[0].name} : {bias[0].type}) {{\n    ^bb0(%sum: {kind}, %bias: {kind}):\n"
            f"      %r = {add} %sum, %bias : {kind}\n      lowbit.yield %r : {kind}\n    }}"
        )
    builder.add([result], operands, f"{text} -> {result.type}")
    return result
