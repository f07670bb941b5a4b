"""Calls of compiled functions: element types, and everything that is refused before compiled code runs."""

from __future__ import annotations

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lowbit
import ml_dtypes
import numpy as np
import pytest

ADD = """
func.func @main(%x: tensor<2x3xf32> {lowbit.name = "x"}, %y: tensor<3xf32> {lowbit.name = "y"}) -> (tensor<2x3xf32> {lowbit.name = "sum"}) {
  %empty = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %y : tensor<2x3xf32>, tensor<3xf32>) outs(%empty : tensor<2x3xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %1 = arith.addf %a, %b : f32
    linalg.yield %1 : f32
  } -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
"""


def module(folder: Path, text: str) -> lowbit.Module:
    path = folder / "m.mlir"
    path.write_text(text)
    return lowbit.load(path)


@pytest.fixture(scope="module")
def add(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Function:
    return module(tmp_path_factory.mktemp("add"), ADD).compile("reference")


X, Y = np.arange(6, dtype=np.float32).reshape(2, 3), np.float32([10, 20, 30])


def test_call_by_name_and_in_order(add: lowbit.Function) -> None:
    np.testing.assert_array_equal(add(x=X, y=Y)["sum"], X + Y)
    np.testing.assert_array_equal(add(X, y=Y)["sum"], X + Y)


def test_views_are_read_as_they_are(add: lowbit.Function) -> None:
    np.testing.assert_array_equal(add(x=np.asfortranarray(X), y=np.repeat(Y, 2)[::2])["sum"], X + Y)
    frozen = X.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(add(x=frozen, y=Y)["sum"], X + Y)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"x": X}, "input `y` is missing"),
        ({}, "`x`, `y` is missing"),
        ({"x": X, "y": Y, "z": Y}, "no input `z`"),
        ({"x": X.astype(np.float64), "y": Y}, "`x` has elements of float64; expected float32"),
        ({"x": X.astype(np.int32), "y": Y}, "`x` has elements of int32; expected float32"),
        ({"x": X > 0, "y": Y}, "`x` has elements of bool"),
        ({"x": X.T, "y": Y}, r"`x` has shape \[3, 2\]; expected \[2, 3\]"),
        ({"x": X[0], "y": Y}, r"`x` has shape \[3\]; expected \[2, 3\]"),
        ({"x": X[None], "y": Y}, r"`x` has shape \[1, 2, 3\]"),
        ({"x": X, "y": Y[:0]}, r"`y` has shape \[0\]"),
        ({"x": X, "y": np.float32(1)}, r"`y` has shape \[\]"),
        ({"x": X, "y": "text"}, "`y` has elements of"),
        ({"x": X, "y": [None, None, None]}, "`y` has elements of object"),
        ({"x": X, "y": Y.astype(">f4")}, "byte order"),
        ({"x": X, "y": Y.astype(np.complex64)}, "complex64"),
        ({"x": X, "y": Y.astype(np.longdouble)}, "expected"),
        ({"x": X, "y": Y.astype(ml_dtypes.bfloat16)}, "expected float32"),
    ],
)
def test_inputs_are_refused(add: lowbit.Function, inputs: dict[str, Any], reason: str) -> None:
    with pytest.raises(lowbit.Error, match=reason):
        add(**inputs)


def test_too_many_in_order(add: lowbit.Function) -> None:
    with pytest.raises(lowbit.Error, match="3 inputs given; expected 2"):
        add(X, Y, Y)


def test_given_twice(add: lowbit.Function) -> None:
    with pytest.raises(lowbit.Error, match="`x` is given twice"):
        add(X, x=X, y=Y)


def test_repeat_of_zero(add: lowbit.Function) -> None:
    with pytest.raises(lowbit.Error, match="expected at least 1"):
        add.benchmark({"x": X, "y": Y}, repeat=0)


def test_benchmark(add: lowbit.Function) -> None:
    timing = add.benchmark({"x": X, "y": Y}, repeat=5)
    assert 0 < timing.minimum <= timing.median < 1


def test_calls_side_by_side(add: lowbit.Function) -> None:
    barrier = threading.Barrier(4)

    def call(offset: int) -> bool:
        barrier.wait()
        return all(np.array_equal(add(x=X + offset, y=Y)["sum"], X + offset + Y) for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(4)))


COPY = """
func.func @main(%x: tensor<5xTYPE> {lowbit.name = "x"}) -> (tensor<5xTYPE> {lowbit.name = "y"}) {
  %empty = tensor.empty() : tensor<5xTYPE>
  %0 = linalg.copy ins(%x : tensor<5xTYPE>) outs(%empty : tensor<5xTYPE>) -> tensor<5xTYPE>
  return %0 : tensor<5xTYPE>
}
"""


@pytest.mark.parametrize(
    ("type_name", "array"),
    [
        ("f64", np.float64([-1.5, 0, 2, np.inf, 1e300])),
        ("f16", np.float16([-1.5, 0, 2, np.inf, 65504])),
        ("bf16", np.array([-1.5, 0, 2, np.inf, 3e38]).astype(ml_dtypes.bfloat16)),
        ("f8E4M3FN", np.array([-1.5, 0, 2, 448, 0.25]).astype(ml_dtypes.float8_e4m3fn)),
        ("f8E5M2", np.array([-1.5, 0, 2, 57344, 0.25]).astype(ml_dtypes.float8_e5m2)),
        ("i64", np.int64([-(2**63), -1, 0, 1, 2**63 - 1])),
        ("i32", np.int32([-(2**31), -1, 0, 1, 2**31 - 1])),
        ("i16", np.int16([-32768, -1, 0, 1, 32767])),
        ("i8", np.int8([-128, -1, 0, 1, 127])),
        ("i4", np.int8([-8, -1, 0, 1, 7])),
        ("i2", np.int8([-2, -1, 0, 1, -2])),
        ("i1", np.array([True, False, True, True, False])),
    ],
)
def test_element_types_pass_bit_for_bit(tmp_path: Path, type_name: str, array: np.ndarray) -> None:
    found = module(tmp_path, COPY.replace("TYPE", type_name)).compile("reference")(x=array)["y"]
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [-9, 16, 100])
def test_value_that_i4_has_not(tmp_path: Path, value: int) -> None:
    function = module(tmp_path, COPY.replace("TYPE", "i4")).compile("reference")
    with pytest.raises(lowbit.Error, match=f"`x` holds {value} at element 3, which is no i4"):
        function(x=np.int8([0, 1, 2, value, 4]))


def test_unsigned_arrays_fit_signless_integers(tmp_path: Path) -> None:
    function = module(tmp_path, COPY.replace("TYPE", "i8")).compile("reference")
    assert function(x=np.uint8([0, 1, 127, 128, 255]))["y"].view(np.uint8).tolist() == [0, 1, 127, 128, 255]


def test_transform_takes_a_pipeline_with_or_without_its_anchor(tmp_path: Path) -> None:
    model = module(tmp_path, ADD.replace("arith.addf %a, %b : f32", "arith.addf %b, %a : f32\n    %unused = arith.mulf %a, %b : f32"))
    plain, anchored = str(model.transform("canonicalize")), str(model.transform("builtin.module(canonicalize)"))
    assert "arith.mulf" in str(model) and "arith.mulf" not in plain
    assert plain == anchored
    with pytest.raises(lowbit.Error, match="expected `\\)` at its end"):
        model.transform("builtin.module(canonicalize")


def test_bound_calls_read_and_write_the_same_arrays(add: lowbit.Function) -> None:
    x = X.copy()
    bound = add.bind(x=x, y=Y)
    np.testing.assert_array_equal(bound()["sum"], X + Y)
    x += 1
    assert bound() is bound.outputs
    np.testing.assert_array_equal(bound.outputs["sum"], X + 1 + Y)
    bound.outputs["sum"][:] = 0
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(bound.function)(bound.context)
    np.testing.assert_array_equal(bound.outputs["sum"], X + 1 + Y)


def test_bound_calls_outlive_their_function(tmp_path: Path) -> None:
    bound = module(tmp_path, ADD).compile("reference").bind(X, Y)
    np.testing.assert_array_equal(bound()["sum"], X + Y)


def test_bound_calls_are_checked(add: lowbit.Function) -> None:
    with pytest.raises(lowbit.Error, match="input `x` has shape"):
        add.bind(x=X[0], y=Y)


def test_elements_that_are_copied_cannot_be_bound(tmp_path: Path) -> None:
    function = module(tmp_path, COPY.replace("TYPE", "i4")).compile("reference")
    with pytest.raises(lowbit.Error, match="`x` has elements of i4, which are copied at every call"):
        function.bind(np.int8([-8, -1, 0, 1, 7]))


@pytest.mark.parametrize("target", ["host", "gpu-sim"])
def test_other_functions_of_a_module(tmp_path: Path, target: str) -> None:
    path = tmp_path / "m.mlir"
    path.write_text(ADD.replace("@main", "@sum") + ADD.replace("@main", "@product").replace("addf", "mulf"))
    add = lowbit.load(path, entry="sum").compile(target)
    multiply = add.other("product")
    np.testing.assert_array_equal(add(X, Y)["sum"], X + Y)
    del add
    np.testing.assert_array_equal(multiply(X, Y)["sum"], X * Y)
    with pytest.raises(lowbit.Error, match="`quotient`"):
        multiply.other("quotient")
