"""Puts the ops of this package and a float module, as torch-mlir's cleanup prints it, into one function.

Every op at the top level of either is a Statement. The float function's arguments are replaced by the values they stand
for, names defined inside of regions get the statement's number, and statements are sorted so that each follows what it
uses. All ops are pure, so any such order means the same.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lowbit.frontends.onnx_quantized.builder import Builder, Statement, Value, quote, resource_lines

_NAME = re.compile(r"%[A-Za-z0-9_.$-]+")
_DEFINED = re.compile(r"\s*((?:%[A-Za-z0-9_.$-]+(?::\d+)?(?:, )?)+) = ")
_BLOCK = re.compile(r"\s*\^\w+\((.*)\)")


@dataclass
class FloatPart:
    """A parsed float module. head, tail: aliases before and after it. resources: entries of its resource section."""

    arguments: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)


def parse_float_part(text: str) -> FloatPart:
    """Takes apart the text of a module with one function of one block."""
    code, _, trailer = text.partition("\n{-#\n")
    part = FloatPart(resources=[line.rstrip(",") for line in trailer.splitlines() if line.startswith("      ")])
    chunks: list[list[str]] = []
    for line in code.splitlines():
        if line.startswith("#"):
            (part.tail if part.results else part.head).append(line)
        elif line.startswith("  func.func @main("):
            part.arguments = re.findall(r"(%[A-Za-z0-9_.$-]+): ", line)
        elif line.startswith("    return "):
            part.results = _NAME.findall(line)
        elif re.match(r"    [^ ^}]", line):
            chunks.append([line[4:]])
        elif line.startswith("    "):
            chunks[-1].append(line)
    part.statements = [_make_statement("\n".join(lines)) for lines in chunks]
    return part


def _make_statement(text: str) -> Statement:
    match = _DEFINED.match(text)
    defines = tuple(name.split(":")[0] for name in match.group(1).split(", ")) if match else ()
    return Statement(defines, tuple(_NAME.findall(text[match.end() :] if match else text)), text)


def unused_prefix(part: FloatPart, prefix: str = "q") -> str:
    """A prefix such that no name of the part is the prefix followed by digits."""
    names = {name for statement in part.statements for name in (*statement.defines, *statement.uses)}
    while any(re.fullmatch(rf"%{prefix}\d+", name) for name in names):
        prefix += "q"
    return prefix


def _rename(statement: Statement, index: int, replaced: dict[str, str]) -> Statement:
    """Replaces values by others, and numbers the names defined inside of regions."""
    inner: dict[str, str] = {}
    for line in statement.text.splitlines()[1:]:
        for match in (_BLOCK.match(line), _DEFINED.match(line)):
            if match:
                inner.update((name, f"{name}${index}") for name in _NAME.findall(match.group(1)))

    def rename(name: str) -> str:
        return inner.get(name) or _resolve(name, replaced)

    text = _NAME.sub(lambda match: rename(match.group()), statement.text)
    uses = tuple(rename(name) for name in statement.uses if name not in inner)
    return Statement(statement.defines, uses, text)


def sort_statements(statements: list[Statement]) -> list[Statement]:
    """Every statement after those that define what it uses, else in the given order."""
    maker = {name: index for index, statement in enumerate(statements) for name in statement.defines}
    waiting: list[set[int]] = []
    users: list[list[int]] = [[] for _ in statements]
    for index, statement in enumerate(statements):
        waiting.append({maker[name] for name in statement.uses if name in maker})
        for other in waiting[-1]:
            users[other].append(index)
    ready = [index for index, others in enumerate(waiting) if not others]
    ordered = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(statements[index])
        for user in users[index]:
            waiting[user].discard(index)
            if not waiting[user]:
                heapq.heappush(ready, user)
    if len(ordered) != len(statements):
        raise ValueError("the statements depend on themselves")
    return ordered


def print_module(
    builder: Builder,
    part: FloatPart,
    replaced: dict[str, str],
    inputs: Sequence[tuple[str, Value]],
    outputs: Sequence[tuple[str, Value]],
) -> str:
    """The module with the function @main.

    replaced: the value that stands for each argument of the float function. inputs, outputs: the ONNX name and
    value of each.
    """
    statements = builder.statements
    if part.statements:
        statements = [_rename(s, index, replaced) for index, s in enumerate([*part.statements, *statements])]
        statements = sort_statements(statements)
    arguments = ", ".join(f"{value.name}: {value.type} {_attributes(name, value)}" for name, value in inputs)
    types = ", ".join(f"{value.type} {_attributes(name, value)}" for name, value in outputs)
    values = ", ".join(_resolve(value.name, replaced) for _, value in outputs)
    lines = [*part.head, "module {", f"  func.func @main({arguments}) -> ({types}) {{"]
    lines += [f"    {statement.text}" for statement in statements]
    lines += [f"    return {values} : {', '.join(value.type for _, value in outputs)}", "  }", "}", *part.tail]
    entries = [*part.resources, *resource_lines(builder.resources)]
    if entries:
        lines += ["", "{-#", "  dialect_resources: {", "    builtin: {", ",\n".join(entries), "    }", "  }", "#-}"]
    return "\n".join(lines) + "\n"


def _attributes(name: str, value: Value) -> str:
    sign = value.element.sign
    refined = f", lowbit.type = {sign}{value.element.width}" if sign else ""
    return f"{{lowbit.name = {quote(name)}{refined}}}"


def _resolve(name: str, replaced: dict[str, str]) -> str:
    while name in replaced:
        name = replaced[name]
    return name
