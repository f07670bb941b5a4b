"""Two sources of ops in one function: every op after what it uses, and no name that means two things."""

from __future__ import annotations

import numpy as np
import pytest
from lowbit.frontends.onnx_quantized.builder import Builder, Statement, Value, reassociate
from lowbit.frontends.onnx_quantized.element_types import named_type
from lowbit.frontends.onnx_quantized.splice import parse_float_part, print_module, sort_statements, unused_prefix

FLOAT_PART = """#map = affine_map<(d0) -> (d0)>
module {
  func.func @main(%x: tensor<4xf32> {lowbit.name = "x"} loc("x"), %q1: tensor<4xf32>) -> (tensor<4xf32>) {
    %r = tensor.empty() : tensor<4xf32> loc(#loc)
    %sum = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%q1 : tensor<4xf32>) {
    ^bb0(%in: f32, %a0: f32):
      %y = arith.negf %in : f32
      linalg.yield %y : f32
    } -> tensor<4xf32> loc(#loc)
    %y = arith.addf %x, %sum : tensor<4xf32> loc(#loc)
    return %y : tensor<4xf32> loc(#loc)
  }
}
#loc = loc("node")

{-#
  dialect_resources: {
    builtin: {
      w: "0x4000000000000000"
    }
  }
#-}
"""
F32 = named_type("FLOAT")


def test_parts_of_a_float_module() -> None:
    part = parse_float_part(FLOAT_PART)
    assert part.arguments == ["%x", "%q1"]
    assert part.results == ["%y"]
    assert [statement.defines for statement in part.statements] == [("%r",), ("%sum",), ("%y",)]
    assert part.head == ["#map = affine_map<(d0) -> (d0)>"]
    assert part.tail == ['#loc = loc("node")']
    assert part.resources == ['      w: "0x4000000000000000"']


def test_prefix_that_the_float_part_does_not_use() -> None:
    assert unused_prefix(parse_float_part(FLOAT_PART)) == "qq"


def test_inner_names_are_numbered_and_arguments_replaced() -> None:
    part = parse_float_part(FLOAT_PART)
    builder = Builder("own")
    x, late = Value("%own1", (4,), F32), Value("%own2", (4,), F32)
    builder.add([late], [x], f"arith.negf {x.name} : {x.type}")
    text = print_module(builder, part, {"%x": x.name, "%q1": late.name}, [("x", x)], [("y", Value("%y", (4,), F32))])
    lines = [line.strip() for line in text.splitlines()]
    assert "%y$1 = arith.negf %in$1 : f32" in lines  # not the %y at the top level
    assert "%y = arith.addf %own1, %sum : tensor<4xf32> loc(#loc)" in lines
    order = [line.split(" ")[0] for line in lines]
    assert order.index("%own2") < order.index("%sum")  # it came last, and is used by what came before it


def test_statements_that_use_each_other() -> None:
    with pytest.raises(ValueError, match="depend on themselves"):
        sort_statements([Statement(("%a",), ("%b",), ""), Statement(("%b",), ("%a",), "")])


@pytest.mark.parametrize(
    ("source", "target", "groups"),
    [
        ((2, 3), (6,), "[[0, 1]]"),
        ((4, 6), (4, 1, 6), "[[0, 1], [2]]"),
        ((1, 1, 6), (1, 1, 1, 6), "[[0], [1, 2], [3]]"),
        ((1, 3, 1, 1), (3,), "[[0, 1, 2, 3]]"),
        ((2, 3), (3, 2), None),
    ],
)
def test_groups_of_a_reshape(source: tuple[int, ...], target: tuple[int, ...], groups: str | None) -> None:
    assert reassociate(source, target) == groups
    assert np.prod(source) == np.prod(target)


def test_large_constants_of_one_name() -> None:
    """Two arrays under one name become two resources; the same array twice stays one."""
    builder = Builder()
    for value in (0, 1, 0):
        builder.constant(np.full(65, value, np.float32), F32, "w")
    assert list(builder.resources) == ["w", "w.1"]
