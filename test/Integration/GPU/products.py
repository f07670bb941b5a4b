"""Products as kernels, one at a time, on the simulator: IR, arguments, and what numpy says the result is."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.gpu.lanes import lane_weights

BIN = Path(__file__).resolve().parents[3] / "build/bin"
TYPES = {
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "f8E4M3FN",
    "float8_e5m2": "f8E5M2",
    "int8": "i8",
    "uint8": "i8",
    "int32": "i32",
}


def buffer(array: np.ndarray, element: str | None = None) -> str:
    return "memref<" + "".join(f"{size}x" for size in array.shape) + (element or TYPES[str(array.dtype)]) + ">"


@dataclass
class Epilogue:
    """Operands by name, the body of the region, its result's array."""

    operands: dict[str, np.ndarray]
    body: str
    result: np.ndarray


@dataclass
class Product:
    """An op with its sides in order, and the arguments of its kernel after the arrays."""

    op: str
    sides: dict[str, np.ndarray]
    epilogue: Epilogue
    sizes: list[int]
    first: str = "i32"
    attributes: str = ""
    clauses: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)  # of sides, where numpy has none

    def text(self) -> str:
        operands, result = self.epilogue.operands, self.epilogue.result
        arrays = {**self.sides, **{f"{name}_buffer": array for name, array in operands.items()}, "result": result}
        constant = {name: " {lowbit.constant}" for name in self.sides if self.op == "lowbit.grouped_matmul" and name != "lhs"}
        arguments = ", ".join(f"%{name}: {buffer(array, self.types.get(name))}{constant.get(name, '')}" for name, array in arrays.items())
        sides = " ".join(f"{name}(%{name} : {buffer(array, self.types.get(name))})" for name, array in self.sides.items())
        given = ""
        if operands:
            names = ", ".join(f"%{name}_buffer" for name in operands)
            given = f"operands({names} : {', '.join(buffer(array) for array in operands.values())})"
        block = ", ".join([f"%sum: {self.first}", *(f"%{name}: {TYPES[str(array.dtype)]}" for name, array in operands.items())])
        return f"""func.func @f({arguments}) {{
  {self.op} {sides} outs(%result : {buffer(result)}) {given} {self.clauses.get("after", "")} {{
  ^bb0({block}):
    {self.epilogue.body}
  }} {self.attributes}
  return
}}
"""


def matmul(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    kind: str,
    signs=(True, True),
    extreme=False,
    bits=False,
    shared: str = "",
) -> Product:
    """`lowbit.matmul` of random bytes, of m x n x k or batches x m x n x k; `kind` names its epilogue, `shared` a side that is one for all batches."""
    *batches, m, n, k = shape

    def codes(signed: bool, rows: int, side: str) -> np.ndarray:
        info = np.iinfo(np.int8 if signed else np.uint8)
        size = (*([1] if side == shared else batches), rows, k)
        if extreme:
            return rng.choice([info.min, info.max], size).astype(info.dtype)
        return rng.integers(info.min, info.max + 1, size).astype(info.dtype)

    a, b = codes(signs[0], m, "lhs"), codes(signs[1], n, "rhs")
    numbers = (np.unpackbits(side.view(np.uint8), axis=-1) if bits else side for side in (a, b))
    left, right = (side.astype(np.int64) for side in numbers)
    sums = (left @ right.swapaxes(-1, -2)).astype(np.int32)
    words = [word for word, there in (("lhs_unsigned", not signs[0]), ("rhs_unsigned", not signs[1]), ("bits", bits)) if there]
    attributes = "{" + ", ".join(words) + "}"
    sizes = [m, n, k, k, k, *(size for count in batches for size in (count, m * k, n * k))]
    return Product("lowbit.matmul", {"lhs": a, "rhs": b}, make_epilogue(rng, kind, sums, b), sizes, attributes=attributes)


def make_epilogue(rng: np.random.Generator, kind: str, sums: np.ndarray, rhs: np.ndarray) -> Epilogue:
    if kind == "sums":
        return Epilogue({}, "lowbit.yield %sum : i32", sums)
    *batches, m, n = sums.shape
    one, f32 = [1] * len(batches), np.float32
    operands = {
        "zero": rng.integers(-5, 5, (*batches, m, 1)).astype(np.int8),
        "columns": rhs.astype(np.int32).sum(-1, dtype=np.int32, keepdims=True).swapaxes(-1, -2),
        "row": rng.uniform(0.001, 0.01, (*one, m, 1)).astype(f32),
        "column": rng.uniform(0.5, 1.5, (*batches, 1, n)).astype(f32),
        "residual": rng.uniform(-1, 1, sums.shape).astype(f32),
    }
    shift = operands["zero"].astype(np.int64) * operands["columns"]
    corrected = (sums.astype(np.int64) - shift).astype(np.int32).astype(f32)
    real = corrected * operands["row"] * operands["column"] + operands["residual"]
    body = """%wide = arith.extsi %zero : i8 to i32
    %shift = arith.muli %wide, %columns : i32
    %corrected = arith.subi %sum, %shift : i32
    %float = arith.sitofp %corrected : i32 to f32
    %once = arith.mulf %float, %row : f32
    %twice = arith.mulf %once, %column : f32
    %real = arith.addf %twice, %residual : f32
    """
    if kind == "reals":
        operands["scale"] = np.ones((*batches, 1, 1), f32)
        return Epilogue(operands, body + "lowbit.yield %real : f32", real)
    # Codes of all sizes, and some that are too large for a byte.
    operands["scale"] = np.full((*batches, 1, 1), np.abs(real).mean() / 50, f32)
    body += """%quotient = arith.divf %real, %scale : f32
    %even = math.roundeven %quotient : f32
    %smallest = arith.constant -128.0 : f32
    %largest = arith.constant 127.0 : f32
    %low = arith.maximumf %even, %smallest : f32
    %high = arith.minimumf %low, %largest : f32
    %code = arith.fptosi %high : f32 to i8
    lowbit.yield %code : i8"""
    return Epilogue(operands, body, np.clip(np.rint(real / operands["scale"]), -128, 127).astype(np.int8))


def launch(product: Product, folder: Path, target: str = "nvptx:sm_80", plan: str = "") -> Path:
    """The module of the product's kernel and its launch."""
    source, made = folder / "product.mlir", folder / "launch.mlir"
    source.write_text(product.text())
    passes = [f"--lowbit-launch-matmuls=target={target} tile={plan}", "--canonicalize", f"--lowbit-verify-gpu=target={target}"]
    subprocess.run([BIN / "quant-opt", source, *passes, "-o", made], check=True, text=True)
    return made


def tiles(target: str, stem: str, product: Product | None = None) -> list[str]:
    """Of all plans of a schedule, in the compiler's order; of bytes, where no other product is given."""
    text = (product or matmul(np.random.default_rng(0), (64, 64, 64), "sums")).text()
    passes = f"--lowbit-launch-matmuls=target={target} every-plan"
    made = subprocess.run([BIN / "quant-opt", "-", passes], input=text, check=True, capture_output=True, text=True).stdout
    found = re.findall(rf"gpu.func @matmul_{stem}_(\d+x\w+)\(", made)
    assert found, f"{target} has no plan of {stem}"
    return found


def simulate(product: Product, folder: Path, *options: str, blocks: int = 0, **launched: str) -> subprocess.CompletedProcess:
    """Runs the kernel, with so many blocks if it goes through tiles by itself; exit code 0: nothing was found and the result is right to the bit."""
    # Tensor maps are made by a function of the host, which the simulator does without.
    text = re.sub(r"  func.func private .*\n", "", launch(product, folder, **launched).read_text())
    kernels = folder / "kernels.mlir"
    begin = text.index("  gpu.module")
    kernels.write_text("module {\n" + text[begin : text.index("\n  }\n", begin) + 5] + "}\n")
    constants = dict(re.findall(r"(%\S+) = arith.constant (-?\d+) : ", text))
    numbers = re.search(r"blocks in \((.*)\) threads in \((.*)\)\s+dynamic_shared_memory_size (%\w+)", text)
    grid, block = (",".join(constants[name] for name in group.split(", ")) for group in numbers.group(1, 2))
    grid = f"{blocks},1,1" if blocks else grid
    arguments = []
    for name, array in {**product.sides, **product.epilogue.operands, "result": product.epilogue.result}.items():
        known = np.issubdtype(array.dtype, np.number) and array.dtype.num < 24  # numpy's own
        np.save(folder / f"{name}.npy", array if known else array.view(np.uint8))
        arguments.append(f"{'result' if name == 'result' else 'in'}={folder}/{name}.npy")
    arguments += [f"i32={size}" for size in product.sizes]
    for side, call in enumerate(re.findall(r"call @lowbit_gpu_tensor_map\(\S+, (.*?)\) :", text)):
        arguments.append(f"map={side}," + ",".join(constants[name] for name in call.split(", ")))
    kernel = re.search(r"gpu.func @(\w+)", text).group(1)
    settings = [f"--kernel={kernel}", f"--grid={grid}", f"--block={block}", f"--shared={constants[numbers.group(3)]}"]
    return subprocess.run([BIN / "gpu-sim-run", kernels, *arguments, *settings, *options], capture_output=True, text=True, check=False)


def fused_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sums of products in f32 along the last axis of both, in order, each added by one fused multiply-add."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2]), np.float32)
    for k in range(a.shape[-1]):
        # The product is exact in f64. Where the sum is not, an odd last bit says on which side of it the exact one lies.
        product, before = a[..., :, None, k] * b[..., None, :, k], total.astype(np.float64)
        both = product + before
        rest = both - product
        error = (product - (both - rest)) + (before - rest)
        inexact = (error != 0) & (both.view(np.int64) % 2 == 0) & np.isfinite(both)
        total = np.where(inexact, np.nextafter(both, np.copysign(np.inf, error)), both).astype(np.float32)
    return total


def floats(rng: np.random.Generator, shape: tuple[int, ...], kind: str, transposed="", shared="", extreme=False) -> Product:
    """`lowbit.matmul` of f32; `transposed` names sides whose reduction comes first, extreme: products that are no normal numbers."""
    *batches, m, n, k = shape

    def numbers(rows: int, side: str) -> np.ndarray:
        size = (*([1] if side in shared.split() else batches), rows, k)
        values = rng.standard_normal(size).astype(np.float32)
        return values * rng.choice([1e-22, -1e-23, 3e-20], size).astype(np.float32) if extreme else values

    a, b = numbers(m, "lhs"), numbers(n, "rhs")
    sums = fused_sums(a, b)
    epilogue = Epilogue({}, "lowbit.yield %sum : f32", sums)
    if kind == "relu":
        bias, scale = (
            rng.standard_normal((*[1] * len(batches), 1, n)).astype(np.float32),
            rng.standard_normal(sums.shape).astype(np.float32),
        )
        body = """%biased = arith.addf %sum, %bias : f32
    %none = arith.constant 0.0 : f32
    %positive = arith.maximumf %biased, %none : f32
    %scaled = arith.mulf %positive, %scale : f32
    lowbit.yield %scaled : f32"""
        epilogue = Epilogue({"bias": bias, "scale": scale}, body, np.maximum(sums + bias, 0) * scale)
    turned = {name: name in transposed.split() for name in ("lhs", "rhs")}
    sides = {name: np.ascontiguousarray(x.swapaxes(-1, -2)) if turned[name] else x for name, x in (("lhs", a), ("rhs", b))}
    attributes = "{" + ", ".join(f"{name}_transposed" for name, there in turned.items() if there) + "}"
    pitches = [4 * side.shape[-1] for side in sides.values()]
    sizes = [m, n, 4 * k, *pitches, *(size for count in batches for size in (count, 4 * m * k, 4 * n * k))]
    return Product("lowbit.matmul", sides, epilogue, sizes, first="f32", attributes=attributes)


def pad_columns(array: np.ndarray) -> np.ndarray:
    """[groups, columns] of whole tiles."""
    return np.ascontiguousarray(np.pad(array.T, ((0, 0), (0, -array.shape[0] % 16))))


def grouped(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    group: int,
    zeros: bool = False,
    scale: type = np.float16,
    width: int = 4,
    lhs: type = np.float16,
    unsigned: bool = False,
) -> Product:
    """`lowbit.grouped_matmul` of integers small enough that dots are exact in f32, so that only the order of groups is left. group 0: none."""
    m, n, k = shape
    bytes_ = lhs == np.int8
    a = rng.integers(-128, 128, (m, k)).astype(np.int8) if bytes_ else rng.integers(-8, 9, (m, k)).astype(lhs)
    low = 0 if unsigned else -(1 << width - 1)
    numbers = rng.integers(low, low + (1 << width), (n, k))
    sides = {"lhs": a, "rhs": lane_weights(numbers, width, 8 if bytes_ else 16, group)}
    bias = rng.uniform(-1, 1, (1, n)).astype(np.float32)
    after = f"width {width}" + (" unsigned" if unsigned else "") + (f" group {group}" if group else "")
    if not group:
        sums = a.astype(np.int64) @ numbers.T
        real, first = sums.astype(np.float32), "i32" if bytes_ else "f32"
        body = "%float = arith.sitofp %sum : i32 to f32\n    " if bytes_ else "%float = arith.addf %sum, %zero : f32\n    "
        body = "%zero = arith.constant 0.0 : f32\n    " + body + "%biased = arith.addf %float, %bias : f32\n    lowbit.yield %biased : f32"
        return Product(
            "lowbit.grouped_matmul", sides, Epilogue({"bias": bias}, body, real + bias), [m, n, k], first=first, clauses={"after": after}
        )
    scales = rng.uniform(0.01, 0.1, (n, k // group)).astype(scale)
    sides["scales"] = pad_columns(scales)
    shifts = np.zeros((n, k // group), np.int64)
    if zeros:
        # Of the sign of the weights, all that bytes can be.
        kind = np.uint8 if unsigned else np.int8
        shifts = rng.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, (n, k // group))
        sides["zeros"] = pad_columns(shifts.astype(kind).view(np.int8))
    real = np.zeros((m, n), np.float32)
    for i in range(k // group):
        part = slice(i * group, (i + 1) * group)
        dots = a[:, part].astype(np.int64) @ (numbers[:, part] - shifts[:, i : i + 1]).T
        real = (dots * scales[:, i].astype(np.float64) + real.astype(np.float64)).astype(np.float32)
    body = "%biased = arith.addf %sum, %bias : f32\n    lowbit.yield %biased : f32"
    return Product(
        "lowbit.grouped_matmul", sides, Epilogue({"bias": bias}, body, real + bias), [m, n, k], first="f32", clauses={"after": after}
    )
