"""A small transformer that predicts the next character, as MLIR: causal attention, layer norm before each half, GELU."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_KINDS = {"p": '"parallel"', "r": '"reduction"'}


@dataclass(frozen=True)
class Size:
    """batch: sequences at a time. length: characters of a sequence. width: of hidden states. characters: of the alphabet."""

    batch: int = 32
    length: int = 64
    width: int = 128
    heads: int = 4
    layers: int = 2
    characters: int = 96


@dataclass
class _Text:
    """Lines of a function, and numbers for values."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def name(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def add(self, line: str) -> str:
        """One op with one result."""
        name = self.name()
        self.lines.append(f"  {name} = {line}")
        return name

    def constant(self, array: np.ndarray) -> str:
        digits = np.ascontiguousarray(array, "<f4").tobytes().hex()
        return self.add(f'arith.constant dense<"0x{digits}"> : {_type(*array.shape)}')

    def empty(self, *shape: int) -> str:
        return self.add(f"tensor.empty() : {_type(*shape)}")

    def filled(self, value: str, *shape: int) -> str:
        kind = _type(*shape)
        return self.add(f"linalg.fill ins({value} : f32) outs({self.empty(*shape)} : {kind}) -> {kind}")

    def generic(
        self, loops: str, inputs: list[tuple[str, str, str]], init: str, result: tuple[str, tuple[int, ...]], body: list[str], note: str = ""
    ) -> str:
        """inputs: value, type, axes by letter. body: lines over %a, %b, … and %o; the last one is yielded. loops: letter and kind, "i:p j:r"."""
        letters = [each.split(":")[0] for each in loops.split()]
        kinds = ", ".join(_KINDS[each.split(":")[1]] for each in loops.split())
        axes, shape = result

        def one(axes: str) -> str:
            return f"affine_map<({', '.join(letters)}) -> ({', '.join(axes)})>"

        maps = ", ".join(one(each) for each in [*(axes for _, _, axes in inputs), axes])
        types = [kind for _, kind, _ in inputs]
        values = f"ins({', '.join(v for v, _, _ in inputs)} : {', '.join(types)}) " if inputs else ""
        arguments = ", ".join([*(f"%{chr(97 + i)}: {_element(kind)}" for i, kind in enumerate(types)), "%o: f32"])
        name = self.name()
        self.lines += [
            f"  {name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {values}outs({init} : {_type(*shape)}) {note}{{",
            f"  ^bb0({arguments}):",
            *(f"    {line}" for line in body),
            f"    linalg.yield {body[-1].split(' = ')[0]} : f32",
            f"  }} -> {_type(*shape)}",
        ]
        return name


def _type(*shape: int) -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}f32>"


def _element(kind: str) -> str:
    return kind[kind.rindex("x") + 1 : -1] if "x" in kind else kind[7:-1]


def build(size: Size, seed: int = 0) -> str:
    """The module: `main` takes `ids` i32 [batch, length] and gives `logits` [batch, length, characters]. Weights are drawn by `seed`."""
    random = np.random.default_rng(seed)
    text = _Text()
    batch, length, width = size.batch, size.length, size.width
    rows, depth = batch * length, width // size.heads

    def weight(inputs: int, outputs: int, scale: float = 1.0) -> np.ndarray:
        return (random.standard_normal((inputs, outputs)) * scale / np.sqrt(inputs)).astype(np.float32)

    def vector(value: float, count: int) -> np.ndarray:
        # Not all alike: a splat would be no parameter.
        return (value + 1e-3 * random.standard_normal(count)).astype(np.float32)

    def linear(x: str, inputs: int, outputs: int, name: str, scale: float = 1.0) -> str:
        w = text.constant(weight(inputs, outputs, scale))
        product = text.add(
            f"linalg.matmul ins({x}, {w} : {_type(rows, inputs)}, {_type(inputs, outputs)}) outs({text.filled('%zero', rows, outputs)} : "
            f'{_type(rows, outputs)}) -> {_type(rows, outputs)} loc("{name}")'
        )
        bias = text.constant(vector(0, outputs))
        return elementwise([(product, "ij"), (bias, "j")], outputs, ["%s = arith.addf %a, %b : f32"])

    def elementwise(inputs: list[tuple[str, str]], columns: int, body: list[str]) -> str:
        kinds = {"ij": _type(rows, columns), "j": _type(columns), "i": _type(rows)}
        given = [(value, kinds[axes], axes) for value, axes in inputs]
        return text.generic("i:p j:p", given, text.empty(rows, columns), ("ij", (rows, columns)), body)

    def norm(x: str) -> str:
        share = f"%n = arith.constant {1 / width} : f32"
        full = _type(rows, width)
        mean = text.generic(
            "i:p j:r",
            [(x, full, "ij")],
            text.filled("%zero", rows),
            ("i", (rows,)),
            [share, "%p = arith.mulf %a, %n : f32", "%s = arith.addf %o, %p : f32"],
        )
        variance = text.generic(
            "i:p j:r",
            [(x, full, "ij"), (mean, _type(rows), "i")],
            text.filled("%zero", rows),
            ("i", (rows,)),
            [
                share,
                "%d = arith.subf %a, %b : f32",
                "%q = arith.mulf %d, %d : f32",
                "%p = arith.mulf %q, %n : f32",
                "%s = arith.addf %o, %p : f32",
            ],
        )
        gain, shift = text.constant(vector(1, width)), text.constant(vector(0, width))
        return elementwise(
            [(x, "ij"), (mean, "i"), (variance, "i"), (gain, "j"), (shift, "j")],
            width,
            [
                "%t = arith.constant 1.0e-5 : f32",
                "%m = arith.subf %a, %b : f32",
                "%u = arith.addf %c, %t : f32",
                "%r = math.rsqrt %u : f32",
                "%k = arith.mulf %m, %r : f32",
                "%g = arith.mulf %k, %d : f32",
                "%y = arith.addf %g, %e : f32",
            ],
        )

    def split(x: str) -> str:
        """[rows, width] to [batch * heads, length, depth]."""
        shape = (batch, length, size.heads, depth)
        parts = text.add(f"tensor.expand_shape {x} [[0, 1], [2, 3]] output_shape {list(shape)} : {_type(rows, width)} into {_type(*shape)}")
        moved = (batch, size.heads, length, depth)
        swapped = text.add(
            f"linalg.transpose ins({parts} : {_type(*shape)}) outs({text.empty(*moved)} : {_type(*moved)}) permutation = [0, 2, 1, 3]"
        )
        return text.add(f"tensor.collapse_shape {swapped} [[0, 1], [2], [3]] : {_type(*moved)} into {_type(batch * size.heads, length, depth)}")

    def join(x: str) -> str:
        moved, shape = (batch, size.heads, length, depth), (batch, length, size.heads, depth)
        parts = text.add(
            f"tensor.expand_shape {x} [[0, 1], [2], [3]] output_shape {list(moved)} : {_type(batch * size.heads, length, depth)} into {_type(*moved)}"
        )
        swapped = text.add(
            f"linalg.transpose ins({parts} : {_type(*moved)}) outs({text.empty(*shape)} : {_type(*shape)}) permutation = [0, 2, 1, 3]"
        )
        return text.add(f"tensor.collapse_shape {swapped} [[0, 1], [2, 3]] : {_type(*shape)} into {_type(rows, width)}")

    def attention(x: str, name: str) -> str:
        q, k, v = (split(linear(x, width, width, f"{name}.{each}")) for each in ("query", "key", "value"))
        heads, square = batch * size.heads, (batch * size.heads, length, length)
        product = ["%p = arith.mulf %a, %b : f32", "%s = arith.addf %o, %p : f32"]
        whole = _type(heads, length, depth)
        scores = text.generic(
            "h:p i:p j:p k:r", [(q, whole, "hik"), (k, whole, "hjk")], text.filled("%zero", *square), ("hij", square), product
        )
        masked = text.generic(
            "h:p i:p j:p",
            [(scores, _type(*square), "hij")],
            text.empty(*square),
            ("hij", square),
            [
                f"%n = arith.constant {1 / np.sqrt(depth)} : f32",
                "%low = arith.constant -1.0e9 : f32",
                "%i = linalg.index 1 : index",
                "%j = linalg.index 2 : index",
                "%c = arith.cmpi ule, %j, %i : index",
                "%p = arith.mulf %a, %n : f32",
                "%s = arith.select %c, %p, %low : f32",
            ],
        )
        kept = (heads, length)
        largest = text.generic(
            "h:p i:p j:r",
            [(masked, _type(*square), "hij")],
            text.filled("%lowest", *kept),
            ("hi", kept),
            ["%s = arith.maximumf %o, %a : f32"],
            "attrs = {lowbit.detached} ",
        )
        power = text.generic(
            "h:p i:p j:p",
            [(masked, _type(*square), "hij"), (largest, _type(*kept), "hi")],
            text.empty(*square),
            ("hij", square),
            ["%d = arith.subf %a, %b : f32", "%s = math.exp %d : f32"],
        )
        total = text.generic(
            "h:p i:p j:r", [(power, _type(*square), "hij")], text.filled("%zero", *kept), ("hi", kept), ["%s = arith.addf %o, %a : f32"]
        )
        shares = text.generic(
            "h:p i:p j:p",
            [(power, _type(*square), "hij"), (total, _type(*kept), "hi")],
            text.empty(*square),
            ("hij", square),
            ["%s = arith.divf %a, %b : f32"],
        )
        read = (heads, length, depth)
        context = text.generic(
            "h:p i:p k:p j:r", [(shares, _type(*square), "hij"), (v, whole, "hjk")], text.filled("%zero", *read), ("hik", read), product
        )
        return linear(join(context), width, width, f"{name}.output", 1 / np.sqrt(2 * size.layers))

    def add(x: str, y: str) -> str:
        return elementwise([(x, "ij"), (y, "ij")], width, ["%s = arith.addf %a, %b : f32"])

    text.lines.append("  %zero = arith.constant 0.0 : f32")
    text.lines.append("  %lowest = arith.constant 0xFF800000 : f32")
    table, places = text.constant(weight(size.characters, width, np.sqrt(size.characters) * 0.5)), text.constant(weight(length, width, 0.5))
    hidden = (batch, length, width)
    read = text.generic(
        "b:p t:p k:p",
        [("%ids", f"tensor<{batch}x{length}xi32>", "bt")],
        text.empty(*hidden),
        ("btk", hidden),
        [
            "%i = arith.index_cast %a : i32 to index",
            "%k = linalg.index 2 : index",
            f"%s = tensor.extract {table}[%i, %k] : {_type(size.characters, width)}",
        ],
    )
    placed = text.generic(
        "b:p t:p k:p",
        [(read, _type(*hidden), "btk"), (places, _type(length, width), "tk")],
        text.empty(*hidden),
        ("btk", hidden),
        ["%s = arith.addf %a, %b : f32"],
    )
    x = text.add(f"tensor.collapse_shape {placed} [[0, 1], [2]] : {_type(*hidden)} into {_type(rows, width)}")
    for layer in range(size.layers):
        x = add(x, attention(norm(x), f"layer.{layer}.attention"))
        inner = linear(norm(x), width, 4 * width, f"layer.{layer}.inner")
        bent = elementwise(
            [(inner, "ij")],
            4 * width,
            [
                "%h = arith.constant 0.5 : f32",
                "%one = arith.constant 1.0 : f32",
                "%root = arith.constant 0.70710678 : f32",
                "%q = arith.mulf %a, %root : f32",
                "%e = math.erf %q : f32",
                "%f = arith.addf %e, %one : f32",
                "%g = arith.mulf %a, %h : f32",
                "%y = arith.mulf %g, %f : f32",
            ],
        )
        x = add(x, linear(bent, 4 * width, width, f"layer.{layer}.outer", 1 / np.sqrt(2 * size.layers)))
    logits = linear(norm(x), width, size.characters, "head")
    shape = (batch, length, size.characters)
    result = text.add(
        f"tensor.expand_shape {logits} [[0, 1], [2]] output_shape {list(shape)} : {_type(rows, size.characters)} into {_type(*shape)}"
    )
    head = (
        f'func.func @main(%ids: tensor<{batch}x{length}xi32> {{lowbit.name = "ids"}}) -> ({_type(*shape)} {{lowbit.name = "logits"}}) {{'
    )
    return "\n".join([head, *text.lines, f"  return {result} : {_type(*shape)}", "}\n"])
