"""Every derivative beside central differences, in f64."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

UNARY = {
    "absf": "math.absf",
    "negf": "arith.negf",
    **{
        name: f"math.{name}"
        for name in ("cos", "erf", "exp", "exp2", "expm1", "log", "log1p", "log2", "rsqrt", "sin", "sqrt", "tanh")
    },
}
BINARY = ["arith.addf", "arith.divf", "arith.maximumf", "arith.maxnumf", "arith.minimumf", "arith.minnumf", "arith.mulf", "arith.subf"]
BINARY.append("math.powf")
ELEMENT = "affine_map<(i) -> (i)>"

# Of `x` [2, 12] to a tensor `y` of the type given: op by op.
SHAPED = {
    "expand_shape": (
        "%y = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 3, 4] : tensor<2x12xf64> into tensor<2x3x4xf64>",
        "tensor<2x3x4xf64>",
    ),
    "collapse_shape": ("%y = tensor.collapse_shape %x [[0, 1]] : tensor<2x12xf64> into tensor<24xf64>", "tensor<24xf64>"),
    "extract_slice": ("%y = tensor.extract_slice %x[0, 1] [2, 4] [1, 3] : tensor<2x12xf64> to tensor<2x4xf64>", "tensor<2x4xf64>"),
    "insert_slice": (
        ("%s = tensor.extract_slice %x[1, 2] [1, 3] [1, 1] : tensor<2x12xf64> to tensor<1x3xf64>\n"
        "%y = tensor.insert_slice %s into %x[0, 4] [1, 3] [1, 1] : tensor<1x3xf64> into tensor<2x12xf64>"),
        "tensor<2x12xf64>",
    ),
    "pad": (
        ("%y = tensor.pad %x low[1, 0] high[0, 2] {\n^bb0(%i: index, %j: index):\n  tensor.yield %half : f64\n"
        "} : tensor<2x12xf64> to tensor<3x14xf64>"),
        "tensor<3x14xf64>",
    ),
    "concat": ("%y = tensor.concat dim(1) %x, %c, %x : (tensor<2x12xf64>, tensor<2x12xf64>, tensor<2x12xf64>) -> tensor<2x36xf64>", "tensor<2x36xf64>"),
    "cast": ("%d = tensor.cast %x : tensor<2x12xf64> to tensor<?x12xf64>\n%y = tensor.cast %d : tensor<?x12xf64> to tensor<2x12xf64>", "tensor<2x12xf64>"),
    "transpose": ("%e = tensor.empty() : tensor<12x2xf64>\n%y = linalg.transpose ins(%x : tensor<2x12xf64>) outs(%e : tensor<12x2xf64>) permutation = [1, 0]", "tensor<12x2xf64>"),
    "broadcast": ("%e = tensor.empty() : tensor<2x3x12xf64>\n%y = linalg.broadcast ins(%x : tensor<2x12xf64>) outs(%e : tensor<2x3x12xf64>) dimensions = [1]", "tensor<2x3x12xf64>"),
    "matmul": (("%e = tensor.empty() : tensor<2x2xf64>\n%z = linalg.fill ins(%zero : f64) outs(%e : tensor<2x2xf64>) -> tensor<2x2xf64>\n"
               "%t = tensor.empty() : tensor<12x2xf64>\n%u = linalg.transpose ins(%x : tensor<2x12xf64>) outs(%t : tensor<12x2xf64>) permutation = [1, 0]\n"
               "%y = linalg.matmul ins(%x, %u : tensor<2x12xf64>, tensor<12x2xf64>) outs(%z : tensor<2x2xf64>) -> tensor<2x2xf64>"), "tensor<2x2xf64>"),
    "reduced start": ("%e = tensor.empty() : tensor<2x12xf64>\n%y = linalg.matmul ins(%k, %x : tensor<2x2xf64>, tensor<2x12xf64>) outs(%x : tensor<2x12xf64>) -> tensor<2x12xf64>", "tensor<2x12xf64>"),
    "sum": (("%e = tensor.empty() : tensor<2xf64>\n%z = linalg.fill ins(%zero : f64) outs(%e : tensor<2xf64>) -> tensor<2xf64>\n"
            "%y = linalg.reduce { arith.addf } ins(%x : tensor<2x12xf64>) outs(%z : tensor<2xf64>) dimensions = [1]"), "tensor<2xf64>"),
    "max": (("%e = tensor.empty() : tensor<12xf64>\n%z = linalg.fill ins(%low : f64) outs(%e : tensor<12xf64>) -> tensor<12xf64>\n"
            "%y = linalg.reduce { arith.maximumf } ins(%x : tensor<2x12xf64>) outs(%z : tensor<12xf64>) dimensions = [0]"), "tensor<12xf64>"),
    "softmax": ("%e = tensor.empty() : tensor<2x12xf64>\n%y = linalg.softmax dimension(1) ins(%x : tensor<2x12xf64>) outs(%e : tensor<2x12xf64>) -> tensor<2x12xf64>", "tensor<2x12xf64>"),
    "in place": (("%y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = [\"parallel\", \"parallel\"]}\n"
                 "  ins(%c : tensor<2x12xf64>) outs(%x : tensor<2x12xf64>) {\n^bb0(%a: f64, %o: f64):\n  %p = arith.mulf %o, %a : f64\n  %q = arith.addf %p, %o : f64\n  linalg.yield %q : f64\n} -> tensor<2x12xf64>"), "tensor<2x12xf64>"),
    "convolution": (("%i = tensor.expand_shape %x [[0], [1, 2, 3]] output_shape [2, 4, 3, 1] : tensor<2x12xf64> into tensor<2x4x3x1xf64>\n"
                    "%f = tensor.expand_shape %k [[0], [1, 2, 3]] output_shape [2, 2, 1, 1] : tensor<2x2xf64> into tensor<2x2x1x1xf64>\n"
                    "%e = tensor.empty() : tensor<2x2x2x1xf64>\n%z = linalg.fill ins(%zero : f64) outs(%e : tensor<2x2x2x1xf64>) -> tensor<2x2x2x1xf64>\n"
                    "%y = linalg.conv_2d_nhwc_hwcf {strides = dense<[2, 1]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>} ins(%i, %f : tensor<2x4x3x1xf64>, tensor<2x2x1x1xf64>) outs(%z : tensor<2x2x2x1xf64>) -> tensor<2x2x2x1xf64>"), "tensor<2x2x2x1xf64>"),
    "dilated convolution": (("%e = tensor.empty() : tensor<2x10xf64>\n%z = linalg.fill ins(%zero : f64) outs(%e : tensor<2x10xf64>) -> tensor<2x10xf64>\n"
                    "%y = linalg.generic {indexing_maps = [affine_map<(n, p, o) -> (n, p + 2 * o)>, affine_map<(n, p, o) -> (n, o)>, affine_map<(n, p, o) -> (n, p)>], iterator_types = [\"parallel\", \"parallel\", \"reduction\"]}\n"
                    "  ins(%x, %k : tensor<2x12xf64>, tensor<2x2xf64>) outs(%z : tensor<2x10xf64>) {\n^bb0(%a: f64, %b: f64, %o: f64):\n  %p = arith.mulf %a, %b : f64\n  %q = arith.addf %o, %p : f64\n  linalg.yield %q : f64\n} -> tensor<2x10xf64>"), "tensor<2x10xf64>"),
    "lookup": (('%places = arith.constant dense<[[1, 0, 1], [1, 1, 0]]> : tensor<2x3xi64>\n%e = tensor.empty() : tensor<2x3x12xf64>\n'
               '%y = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (i, j, k)>], iterator_types = ["parallel", "parallel", "parallel"]}\n'
               "  ins(%places : tensor<2x3xi64>) outs(%e : tensor<2x3x12xf64>) {\n^bb0(%a: i64, %o: f64):\n  %r = arith.index_cast %a : i64 to index\n  %q = linalg.index 2 : index\n"
               "  %v = tensor.extract %x[%r, %q] : tensor<2x12xf64>\n  linalg.yield %v : f64\n} -> tensor<2x3x12xf64>"), "tensor<2x3x12xf64>"),
    "pooling": (("%i = tensor.expand_shape %x [[0], [1, 2, 3]] output_shape [2, 4, 3, 1] : tensor<2x12xf64> into tensor<2x4x3x1xf64>\n"
                "%w = tensor.empty() : tensor<2x2xf64>\n%e = tensor.empty() : tensor<2x2x2x1xf64>\n%z = linalg.fill ins(%low : f64) outs(%e : tensor<2x2x2x1xf64>) -> tensor<2x2x2x1xf64>\n"
                "%y = linalg.pooling_nhwc_max {strides = dense<[2, 1]> : vector<2xi64>, dilations = dense<1> : vector<2xi64>} ins(%i, %w : tensor<2x4x3x1xf64>, tensor<2x2xf64>) outs(%z : tensor<2x2x2x1xf64>) -> tensor<2x2x2x1xf64>"), "tensor<2x2x2x1xf64>"),
}  # fmt: skip


def check(folder: Path, text: str, x: np.ndarray, step: float = 1e-6) -> None:
    """`loss` of `x`, beside differences over two steps of each element."""
    (folder / "m.mlir").write_text(text)
    model = lowbit.load(folder / "m.mlir", entry="loss").transform("lowbit-differentiate{wrt=x},canonicalize,cse")
    function = lowbit.Module(model._native, "loss_gradients").compile("reference")
    found = function(x=x)["gradient.x"]
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        sides = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            sides.append(float(function(x=moved)["loss"]))
        expected[index] = (sides[0] - sides[1]) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def weighted(value: str, kind: str) -> str:
    """Lines that make a number of a tensor, in which each element counts differently."""
    shape = kind.removeprefix("tensor<").removesuffix("xf64>").split("x")
    rank = len(shape)
    loops = ", ".join(f"d{i}" for i in range(rank))
    indices = "\n".join(f"  %i{i} = linalg.index {i} : index" for i in range(rank))
    sums = "\n".join(f"  %s{i + 1} = arith.addi %s{i}, %i{i} : index\n  %t{i} = arith.addi %s{i + 1}, %s{i + 1} : index" for i in range(rank))
    reductions = ", ".join(['"reduction"'] * rank)
    return f"""
  %le = tensor.empty() : tensor<f64>
  %lz = linalg.fill ins(%zero : f64) outs(%le : tensor<f64>) -> tensor<f64>
  %loss = linalg.generic {{indexing_maps = [affine_map<({loops}) -> ({loops})>, affine_map<({loops}) -> ()>], iterator_types = [{reductions}]}}
      ins({value} : {kind}) outs(%lz : tensor<f64>) {{
  ^bb0(%v: f64, %acc: f64):
  %s0 = arith.constant 1 : index
{indices}
{sums}
  %n = arith.index_cast %s{rank} : index to i64
  %r = arith.sitofp %n : i64 to f64
  %square = arith.mulf %v, %v : f64
  %both = arith.addf %square, %v : f64
  %part = arith.mulf %r, %both : f64
  %next = arith.addf %acc, %part : f64
  linalg.yield %next : f64
  }} -> tensor<f64>
  return %loss : tensor<f64>
}}
"""


def elementwise(body: str) -> str:
    """A module that does `body`, of `%a` to `%y`, to each element of `x` [4]."""
    return f"""
func.func @loss(%x: tensor<4xf64> {{lowbit.name = "x"}}) -> (tensor<f64> {{lowbit.name = "loss"}}) {{
  %zero = arith.constant 0.0 : f64
  %c = arith.constant dense<[1.5, 0.25, 2.0, 0.75]> : tensor<4xf64>
  %e = tensor.empty() : tensor<4xf64>
  %m = linalg.generic {{indexing_maps = [{ELEMENT}, {ELEMENT}, {ELEMENT}], iterator_types = ["parallel"]}}
      ins(%x, %c : tensor<4xf64>, tensor<4xf64>) outs(%e : tensor<4xf64>) {{
  ^bb0(%a: f64, %b: f64, %o: f64):
  {body}
  linalg.yield %y : f64
  }} -> tensor<4xf64>
{weighted("%m", "tensor<4xf64>")}"""


X = np.array([0.3, 0.7, 1.1, 1.9])


@pytest.mark.parametrize("name", sorted(UNARY))
def test_functions_of_one_number(tmp_path: Path, name: str) -> None:
    check(tmp_path, elementwise(f"%y = {UNARY[name]} %a : f64"), X)


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("operands", ["%a, %b", "%b, %a", "%a, %a"])
def test_functions_of_two_numbers(tmp_path: Path, op: str, operands: str) -> None:
    if operands == "%a, %a" and ("max" in op or "min" in op):
        pytest.skip("a tie, which has no derivative to compare with")
    check(tmp_path, elementwise(f"%y = {op} {operands} : f64"), X)


def test_select_and_fused_products(tmp_path: Path) -> None:
    body = "%l = arith.cmpf olt, %a, %b : f64\n%p = math.fma %a, %b, %a : f64\n%y = arith.select %l, %p, %a : f64"
    check(tmp_path, elementwise(body), X)


def test_ties_go_to_the_constant(tmp_path: Path) -> None:
    """ReLU's slope at zero is zero, whichever operand is the constant."""
    for operands in ("%a, %z", "%z, %a"):
        text = elementwise(f"%z = arith.constant 0.0 : f64\n%y = arith.maximumf {operands} : f64")
        (tmp_path / "m.mlir").write_text(text)
        model = lowbit.load(tmp_path / "m.mlir", entry="loss").transform("lowbit-differentiate{wrt=x}")
        gradient = lowbit.Module(model._native, "loss_gradients").compile("reference")(x=np.zeros(4))["gradient.x"]
        np.testing.assert_array_equal(gradient, np.zeros(4))


@pytest.mark.parametrize("name", sorted(SHAPED))
def test_ops_on_tensors(tmp_path: Path, name: str) -> None:
    lines, kind = SHAPED[name]
    constant = (np.arange(24).reshape(2, 12) % 5 / 4 - 0.5).tolist()
    text = f"""
func.func @loss(%x: tensor<2x12xf64> {{lowbit.name = "x"}}) -> (tensor<f64> {{lowbit.name = "loss"}}) {{
  %zero = arith.constant 0.0 : f64
  %half = arith.constant 0.5 : f64
  %low = arith.constant -1.0e9 : f64
  %c = arith.constant dense<{constant}> : tensor<2x12xf64>
  %k = arith.constant dense<[[0.5, -1.0], [0.75, 0.25]]> : tensor<2x2xf64>
{lines}
{weighted("%y", kind)}"""
    check(tmp_path, text, np.random.default_rng(7).standard_normal((2, 12)))
