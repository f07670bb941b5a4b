"""What is simulated besides the kinds that are measured: contractions of any axes, types and epilogue, and ops along rows."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from bench.gpu.definitions import VALUES, Arrays, draw, row_models, sums

# Text of a function, its arguments in order, and the result where numpy defines it; else the reference does.
Definition = tuple[str, Arrays, "np.ndarray | None"]
TYPES = {"int8": "i8", "int32": "i32", "float32": "f32", "float16": "f16"}


def tensor(shape: tuple[int, ...], element: str) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def permuted(rng: np.random.Generator, axes: str, usual: float = 0.5) -> str:
    """In another order, or in this one."""
    return axes if rng.random() < usual else "".join(rng.permutation(list(axes)))


class Side:
    """Codes of one side, with scales and zero points for each row or all, or none."""

    def __init__(self, rng: np.random.Generator, name: str, axes: str, sizes: dict[str, int], is_scaled: bool, values: str) -> None:
        self.name, self.axes, self.row = name, axes, "mn"[name == "b"]
        shape = tuple(sizes[axis] for axis in axes)
        is_signed, width = rng.random() < 0.6, 4 if shape[-1] % 2 == 0 and rng.random() < 0.2 else 8
        low, high = (-(1 << width - 1), (1 << width - 1) - 1) if is_signed else (0, (1 << width) - 1)
        self.format = f"{'' if is_signed else 'u'}int<{width}>"
        self.codes = draw(rng, shape, low, high, values)
        self.arrays: Arrays = {name: self.codes.astype(np.uint8).view(np.int8)}
        self.types = {name: tensor(shape, "i8")}
        self.lines, self.value, self.stored = "", f"%{name}", tensor(shape, "i8")
        if width == 4:
            packed, self.stored = (*shape[:-1], shape[-1] // 2), tensor(shape, "i4")
            pairs = self.codes.astype(np.uint8) & 15
            self.arrays[name] = (pairs[..., 0::2] | pairs[..., 1::2] << 4).astype(np.uint8).view(np.int8)
            self.types[name], self.value = tensor(packed, "i8"), f"%{name}_codes"
            self.lines = f"  {self.value} = lowbit.unpack %{name} : {tensor(packed, 'i8')} -> {self.stored} of #lowbit.{self.format} as #lowbit.row_major\n"
        self.scales, self.zeros, self.scheme, self.others, self.suffix = None, None, "", "", ""
        if is_scaled:
            by_row, has_zeros = rng.random() < 0.5, rng.random() < 0.4
            form = tuple(sizes[axis] if axis == self.row else 1 for axis in axes) if by_row else ()
            self.scales = rng.uniform(0.001, 0.02, form).astype(np.float32)
            self.scheme = f", block = [{', '.join('1' if axis == self.row else '0' for axis in axes)}]" if by_row else ""
            self.add("s", self.scales)
            self.others, self.suffix = f" scales %{name}s", f", {self.types[name + 's']}"
            if has_zeros:
                self.zeros = draw(rng, form, low, min(high, 127), str(rng.choice(VALUES, p=[0.7, 0.1, 0.1, 0.1]))).astype(np.int8)
                self.scheme += ", zero = i8"
                self.add("z", self.zeros)
                self.others, self.suffix = f"{self.others} zeros %{name}z", f"{self.suffix}, {self.types[name + 'z']}"

    def add(self, letter: str, array: np.ndarray) -> None:
        self.arrays[self.name + letter] = array
        self.types[self.name + letter] = tensor(array.shape, TYPES[str(array.dtype)])

    def clause(self) -> str:
        return f"({self.value}{self.others} <#lowbit.{self.format}{self.scheme}> : {self.stored}{self.suffix})"

    def numbers(self) -> np.ndarray:
        """Codes less zero points, as [b, row, k] with a batch of one where there is none."""
        return self.arrange(self.codes - (0 if self.zeros is None else self.zeros.astype(np.int64)))

    def arrange(self, array: np.ndarray) -> np.ndarray:
        if array.ndim == 0:
            return array
        order = [axis for axis in f"b{self.row}k" if axis in self.axes]
        array = array.transpose([self.axes.index(axis) for axis in order])
        return array if "b" in self.axes else array[None]


FINISH = {
    "f32": "    lowbit.yield %real : f32\n",
    "f16": "    %half = arith.truncf %real : f32 to f16\n    lowbit.yield %half : f16\n",
    "i8": """    %step = arith.constant 0.05 : f32
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %quotient = arith.divf %real, %step : f32
    %even = math.roundeven %quotient : f32
    %raised = arith.maximumf %even, %low : f32
    %clamped = arith.minimumf %raised, %high : f32
    %code = arith.fptosi %clamped : f32 to i8
    lowbit.yield %code : i8
""",
}


def contraction(rng: np.random.Generator, name: str, sizes: tuple[int, int, int], plan: str) -> Definition:
    """`lowbit.contract` of two or three axes in any order, of which a side need not have that of batches."""
    size, batched = dict(zip("mnk", sizes)), rng.random() < 0.3
    size["b"] = int(rng.integers(1, 5)) if batched else 1
    shared = str(rng.choice(["", "", "a", "b"])) if batched else "ab"
    axes = {side: permuted(rng, ("" if side in shared else "b") + row + "k") for side, row in (("a", "m"), ("b", "n"))}
    result_axes = permuted(rng, ("b" if batched else "") + "mn", 0.8)
    is_scaled = rng.random() < 0.7
    values = rng.choice(VALUES, 2, p=[0.7, 0.1, 0.1, 0.1])
    a, b = (Side(rng, side, axes[side], size, is_scaled, str(value)) for side, value in zip("ab", values))
    dots = sums(a.numbers(), b.numbers())
    loops = "b, m, n, k" if batched else "m, n, k"
    maps = [f"affine_map<({loops}) -> ({', '.join(part)})>" for part in (a.axes, b.axes, result_axes)]
    epilogue, arrays, types = "", a.arrays | b.arrays, a.types | b.types
    kind = "i32"
    want = dots
    if is_scaled:
        left, right = a.arrange(a.scales), b.arrange(b.scales)
        real = dots.astype(np.float32) * left * (right.swapaxes(-1, -2) if right.ndim else right)
        kind = str(rng.choice(list(FINISH)))
        operands: list[tuple[str, str]] = []
        body = ""
        if rng.random() < 0.6:
            bias = rng.standard_normal(size["n"]).astype(np.float32)
            arrays["bias"], types["bias"] = bias, tensor(bias.shape, "f32")
            operands.append(("bias", "n"))
            body += "    %biased = arith.addf %real0, %bias_element : f32\n"
            real = real + bias
        if rng.random() < 0.4:
            own = permuted(rng, result_axes)
            residual = rng.standard_normal(tuple(size[axis] for axis in own)).astype(np.float32)
            arrays["residual"], types["residual"] = residual, tensor(residual.shape, "f32")
            operands.append(("residual", own))
            before = "%biased" if body else "%real0"
            body += f"    %added = arith.addf {before}, %residual_element : f32\n"
            ordered = residual.transpose([own.index(axis) for axis in "bmn" if axis in own])
            real = real + (ordered if batched else ordered[None])
        if rng.random() < 0.5:
            before = re.findall(r"%(\w+) =", body)[-1] if body else "real0"
            body += f"    %none = arith.constant 0.0 : f32\n    %positive = arith.maximumf %{before}, %none : f32\n"
            real = np.maximum(real, np.float32(0))
        last = re.findall(r"%(\w+) =", body)[-1] if body else "real0"
        body += FINISH[kind].replace("%real", f"%{last}")
        maps += [f"affine_map<({loops}) -> ({', '.join(own)})>" for _, own in operands]
        names = ", ".join(f"%{operand}" for operand, _ in operands)
        given = f" epilogue({names} : {', '.join(types[operand] for operand, _ in operands)})" if operands else " epilogue()"
        block = ", ".join(["%real0: f32", *(f"%{operand}_element: f32" for operand, _ in operands)])
        epilogue = f"{given} {{\n  ^bb0({block}):\n{body}  }}"
        if kind == "i8":
            want = np.rint(real / np.float32(0.05)).clip(-128, 127).astype(np.int8)
        else:
            with np.errstate(over="ignore"):
                want = real.astype({"f32": np.float32, "f16": np.float16}[kind])
    if not batched:
        want = want[0]
    # Axes are b, m, n here.
    usual = "bmn" if batched else "mn"
    want = np.ascontiguousarray(want.transpose([usual.index(axis) for axis in result_axes]))
    result = tensor(want.shape, kind)
    wanted = f' {{lowbit.plan = "{plan}"}}' if plan else ""
    arguments = ", ".join(f'%{argument}: {types[argument]} {{lowbit.name = "{argument}"}}' for argument in arrays)
    return (
        f"""func.func @{name}({arguments}) -> ({result} {{lowbit.name = "y"}}) {{
{a.lines}{b.lines}  %init = tensor.empty() : {result}
  %r = lowbit.contract [{", ".join(maps)}]
    lhs{a.clause()}
    rhs{b.clause()}
    outs(%init : {result}){epilogue}{wanted} -> {result}
  return %r : {result}
}}
""",
        arrays,
        want,
    )


def take_model(name: str, model: row_models.Model) -> Definition:
    """With names of its own."""
    return re.sub(r"#(all|row|column|in|out|q|k|v|r)\b", rf"#{name}_\1", model.text.replace("@main", f"@{name}")), model.inputs, None


def attention(rng: np.random.Generator, name: str) -> Definition:
    """Softmax between two products of halves."""
    heads, tokens, keys = (int(rng.integers(1, most)) for most in (5, 50, 80))
    width, half = int(rng.choice([8, 16, 24, 32, 48, 64])), str(rng.choice(["f16", "bf16"]))
    keys = -(-keys // 8) * 8 if rng.random() < 0.7 else keys
    return take_model(name, row_models.attention(rng, heads, tokens, keys, width, half, are_halves=half == "f16" and rng.random() < 0.5))


def norm(rng: np.random.Generator, name: str) -> Definition:
    """Layer norm."""
    columns = int(rng.choice([rng.integers(1, 300), 32 * rng.integers(1, 33), 4096 + rng.integers(-2, 3)], p=[0.6, 0.35, 0.05]))
    return take_model(name, row_models.norm(rng, int(rng.integers(1, 40)), columns))


def pool(rng: np.random.Generator, name: str) -> Definition:
    """Sums of tokens, by their length."""
    return take_model(name, row_models.pool(rng, *(int(rng.integers(1, most)) for most in (6, 130, 150))))


def dynamic(rng: np.random.Generator, name: str, sizes: tuple[int, int, int], plan: str) -> Definition:
    """Codes of rows, by their largest element, and a product with weights that have a scale for each column."""
    m, n, k = sizes
    x = rng.standard_normal((m, k)).astype(np.float32) * rng.choice([1e-3, 1, 50], (m, 1)).astype(np.float32)
    x[rng.random(m) < 0.1] = 0
    weights, scales = rng.integers(-128, 128, (n, k)).astype(np.int8), rng.uniform(0.001, 0.02, (n, 1)).astype(np.float32)
    maps = ", ".join(f"affine_map<(m, n, k) -> ({axes})>" for axes in ("m, k", "n, k", "m, n"))
    left, right, result = f"tensor<{m}x{k}x", f"tensor<{n}x{k}xi8>", f"tensor<{m}x{n}xf32>"
    scheme = "<#lowbit.int<8>, block = [1, 0]>"
    wanted = f' {{lowbit.plan = "{plan}"}}' if plan else ""
    text = f"""func.func @{name}(%x: {left}f32> {{lowbit.name = "x"}}, %b: {right} {{lowbit.name = "b"}}, %t: tensor<{n}x1xf32> {{lowbit.name = "t"}})
    -> ({result} {{lowbit.name = "y"}}) {{
  %s = lowbit.compute_scales %x {scheme} : ({left}f32>) -> tensor<{m}x1xf32>
  %q = lowbit.quantize %x, %s {scheme} : ({left}f32>, tensor<{m}x1xf32>) -> {left}i8>
  %init = tensor.empty() : {result}
  %r = lowbit.contract [{maps}] lhs(%q scales %s {scheme} : {left}i8>, tensor<{m}x1xf32>) rhs(%b scales %t {scheme} : {right}, tensor<{n}x1xf32>)
    outs(%init : {result}){wanted} -> {result}
  return %r : {result}
}}
"""
    return text, {"x": x, "b": weights, "t": scales}, None


# By name: those that are products, which may ask for a plan, and others.
PRODUCTS: dict[str, Callable[..., Definition]] = {"contract": contraction, "dynamic": dynamic}
ROWS: dict[str, Callable[..., Definition]] = {"attention": attention, "norm": norm, "pool": pool}
