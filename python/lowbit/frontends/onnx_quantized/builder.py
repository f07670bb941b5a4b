"""Writes MLIR text, one op after another: values with types, constants, reshapes, elementwise bodies.

An op written here is a Statement: its text, what it defines and what it uses, so that statements of two sources can
be put in one order later (splice.py). Names of values begin with a prefix that the other source does not use.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lowbit.frontends.onnx_model import INLINE_ELEMENTS
from lowbit.frontends.onnx_quantized.element_types import ElementType, to_bytes

_ALIGNMENT = 64


@dataclass(frozen=True)
class Value:
    """An SSA value: its name with the per cent sign, its static shape, its element type."""

    name: str
    shape: tuple[int, ...]
    element: ElementType

    @property
    def type(self) -> str:
        return tensor_type(self.shape, self.element.mlir)

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(frozen=True)
class Statement:
    """One op at the top level of the function: names it defines, names it uses, its text without indentation."""

    defines: tuple[str, ...]
    uses: tuple[str, ...]
    text: str


@dataclass
class Builder:
    """Collects the statements of a function and the resources they name."""

    prefix: str = "q"
    statements: list[Statement] = field(default_factory=list)
    resources: dict[str, bytes] = field(default_factory=dict)
    location: str = ""
    count: int = 0

    def fresh(self, shape: Sequence[int], element: ElementType) -> Value:
        """A value that the next statement is to define."""
        self.count += 1
        return Value(f"%{self.prefix}{self.count}", tuple(shape), element)

    def add(self, results: Sequence[Value], operands: Sequence[Value], text: str) -> None:
        """Appends an op. text: what follows the equals sign; may span lines."""
        names = tuple(result.name for result in results)
        location = f" loc({quote(self.location)})" if self.location else ""
        uses = tuple(operand.name for operand in operands)
        self.statements.append(Statement(names, uses, f"{', '.join(names)} = {text}{location}"))

    def op(self, text: str, operands: Sequence[Value], shape: Sequence[int], element: ElementType) -> Value:
        """Appends an op with one result. `{N}` in text stands for operand N, `{result}` for the result's type."""
        result = self.fresh(shape, element)
        self.add([result], operands, text.format(*(operand.name for operand in operands), result=result.type))
        return result

    def constant(self, array: np.ndarray, element: ElementType, name: str) -> Value:
        """A constant tensor: of few elements spelled out, of more a resource with the given name."""
        result = self.fresh(array.shape, element)
        if array.size <= INLINE_ELEMENTS:
            literal = f"dense<{_literal(array, element)}>"
        else:
            unique, copies = name, 1
            while self.resources.get(unique, to_bytes(array)) != to_bytes(array):
                unique, copies = f"{name}.{copies}", copies + 1
            self.resources[unique] = to_bytes(array)
            literal = f"dense_resource<{_resource_key(unique)}>"
        self.add([result], [], f"arith.constant {literal} : {result.type}")
        return result

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """The elements of a tensor in row-major order under another shape."""
        shape = tuple(shape)
        if shape == value.shape:
            return value
        if not shape or not value.shape:
            op = "collapse" if value.shape else "expand"
            suffix = f" output_shape {_list(shape)}" if op == "expand" else ""
            return self.op(
                f"tensor.{op}_shape {{0}} []{suffix} : {value.type} into {{result}}", [value], shape, value.element
            )
        groups = reassociate(value.shape, shape)
        if groups is None:
            flat = self.reshape(value, [int(np.prod(value.shape, dtype=np.int64))])
            return self.reshape(flat, shape)
        expands = len(shape) > value.rank
        suffix = f" output_shape {_list(shape)}" if expands else ""
        op = "expand" if expands else "collapse"
        return self.op(
            f"tensor.{op}_shape {{0}} {groups}{suffix} : {value.type} into {{result}}", [value], shape, value.element
        )

    def empty(self, shape: Sequence[int], element: ElementType) -> Value:
        return self.op("tensor.empty() : {result}", [], shape, element)

    def elementwise(
        self, inputs: Sequence[tuple[Value, str]], shape: Sequence[int], element: ElementType, body: Sequence[str]
    ) -> Value:
        """A parallel linalg.generic, marked `lowbit.exact`: its arithmetic is ONNX's, to the bit.

        inputs: each value with the results of its indexing map over d0, d1, …. body: ops over %a0, %a1, … of which the
        last defines %r, or nothing, to take %a0 as it is.
        """
        init = self.empty(shape, element)
        dims = ", ".join(f"d{axis}" for axis in range(len(shape)))
        maps = ", ".join(f"affine_map<({dims}) -> ({results})>" for results in [*(m for _, m in inputs), dims])
        iterators = ", ".join('"parallel"' for _ in shape)
        values = [value for value, _ in inputs]
        names, types = ", ".join(v.name for v in values), ", ".join(v.type for v in values)
        arguments = "".join(f"%a{i}: {value.element.mlir}, " for i, value in enumerate(values))
        lines = "".join(f"\n      {line}" for line in body)
        made = "%r" if body else "%a0"
        result = self.fresh(shape, element)
        text = (
            f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} "
            f"ins({names} : {types}) outs({init.name} : {init.type}) attrs = {{lowbit.exact}} {{\n"
            f"    ^bb0({arguments}%init: {element.mlir}):{lines}\n"
            f"      linalg.yield {made} : {element.mlir}\n    }} -> {result.type}"
        )
        self.add([result], [*values, init], text)
        return result


def tensor_type(shape: Sequence[int], element: str) -> str:
    return f"tensor<{''.join(f'{extent}x' for extent in shape)}{element}>"


def quote(text: str) -> str:
    """A string as MLIR writes it."""
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else _escape(c) for c in text) + '"'


def _escape(character: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def reassociate(source: Sequence[int], target: Sequence[int]) -> str | None:
    """The groups that collapse the longer of two shapes into the other, as MLIR writes them; None if there are none."""
    few, many = sorted((tuple(source), tuple(target)), key=len)
    groups: list[list[int]] = []
    axis = 0
    for index, extent in enumerate(few):
        group, product = [axis], math.prod(many[axis : axis + 1])
        axis += 1
        while product < extent and axis < len(many):
            group, product, axis = [*group, axis], product * many[axis], axis + 1
        # Ones that follow belong here unless the next axis is a one itself.
        while few[index + 1 : index + 2] != (1,) and axis < len(many) and many[axis] == 1:
            group, axis = [*group, axis], axis + 1
        if product != extent or group[-1] >= len(many):
            return None
        groups.append(group)
    return _list(_list(group) for group in groups) if axis == len(many) != len(few) else None


def _list(items: object) -> str:
    return "[" + ", ".join(str(item) for item in items) + "]"


def _literal(array: np.ndarray, element: ElementType) -> str:
    if array.size == 0:
        return ""
    if array.ndim == 0:
        return _scalar(array[()], element)
    return "[" + ", ".join(_literal(row, element) for row in array) + "]"


def _scalar(value: object, element: ElementType) -> str:
    if element.mlir == "i1":
        return "true" if value else "false"
    if element.is_integer:
        return str(int(value))
    number = float(value)
    if np.isfinite(number):
        return f"{number:.17e}" if "e" in repr(number) else repr(number)
    raw = to_bytes(np.asarray(value))
    return f"0x{int.from_bytes(raw, 'little'):0{2 * len(raw)}X}"


def _resource_key(name: str) -> str:
    return name if _is_bare(name) else quote(name)


def _is_bare(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.$]*", name) is not None


def resource_lines(resources: dict[str, bytes]) -> list[str]:
    """The entries of a dialect_resources section: four bytes of alignment, then the elements, in hexadecimal."""
    head = _ALIGNMENT.to_bytes(4, "little").hex()
    return [f'      {_resource_key(name)}: "0x{head}{data.hex().upper()}"' for name, data in resources.items()]
