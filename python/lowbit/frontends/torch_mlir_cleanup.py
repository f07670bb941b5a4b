"""Turns the converter's module into the form the compiler reads: @main, named operands, named weights, no leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.onnx_reader import OnnxModel

if TYPE_CHECKING:
    from torch_mlir import ir

_ALIGNMENT = 64


def finish_module(module: ir.Module, model: OnnxModel) -> None:
    """Rewrites the module in place; an MLIR context must be current."""
    from torch_mlir.passmanager import PassManager

    function = next(op for op in module.body.operations if op.operation.name == "func.func")
    _place_weights(function, model)
    _set_signature(function, model)
    _drop_unused_results(function)
    _drop_leftovers(module, function)
    module.operation.verify()
    PassManager.parse("builtin.module(canonicalize,cse)").run(module.operation)


def _place_weights(function: ir.Operation, model: OnnxModel) -> None:
    """Replaces the arguments that stand for weights by constants: resources named like the weights."""
    from torch_mlir.dialects import arith
    from torch_mlir.ir import DenseResourceElementsAttr, InsertionPoint, Location

    block = function.entry_block
    first = len(model.inputs)
    names = [value.name for value in model.proto.graph.input][first:]
    for index in reversed(range(len(names))):
        argument, name = block.arguments[first + index], names[index]
        data = np.ascontiguousarray(model.weights[name]).reshape(-1).view(np.uint8)
        value = DenseResourceElementsAttr.get_from_buffer(data, name, argument.type, alignment=_ALIGNMENT)
        with InsertionPoint.at_block_begin(block), Location.name(name):
            constant = arith.ConstantOp(argument.type, value)
        argument.replace_all_uses_with(constant.result)
        block.erase_argument(first + index)


def _set_signature(function: ir.Operation, model: OnnxModel) -> None:
    """Names the function main, and its arguments and results by the attribute lowbit.name."""
    from torch_mlir.ir import ArrayAttr, DictAttr, FunctionType, StringAttr, TypeAttr

    def names(values: list[str]) -> ArrayAttr:
        return ArrayAttr.get([DictAttr.get({"lowbit.name": StringAttr.get(value)}) for value in values])

    results = function.type.results
    function.attributes["function_type"] = TypeAttr.get(
        FunctionType.get([argument.type for argument in function.entry_block.arguments], results)
    )
    for name in list(function.attributes.keys()) if hasattr(function.attributes, "keys") else []:
        if name.startswith("torch."):
            del function.attributes[name]
    function.attributes["sym_name"] = StringAttr.get("main")
    function.attributes["arg_attrs"] = names(model.inputs)
    function.attributes["res_attrs"] = names(model.outputs)


def _drop_unused_results(function: ir.Operation) -> None:
    """Removes the index a maximum is converted with, where only the maximum is used."""
    for operation in list(function.entry_block.operations):
        if operation.operation.name == "linalg.generic" and len(operation.results) == 2:
            if not list(operation.results[1].uses):
                _keep_first_result(operation.operation)


def _keep_first_result(generic: ir.Operation) -> None:
    """Rebuilds a linalg.generic of two results without its second, if the first does not depend on it."""
    from torch_mlir.ir import ArrayAttr, DenseI32ArrayAttr, InsertionPoint, Operation

    body = generic.regions[0].blocks[0]
    operations = list(body.operations)
    needed, live = [operations[-1].operands[0]], []
    for operation in reversed(operations[:-1]):
        if any(result in needed for result in operation.results):
            live.insert(0, operation)
            needed.extend(operation.operands)
    if body.arguments[len(body.arguments) - 1] in needed:
        return
    maps = list(generic.attributes["indexing_maps"])[:-1]
    operands = list(generic.operands)[:-1]
    with generic.location, InsertionPoint(generic):
        smaller = Operation.create(
            "linalg.generic",
            results=[generic.results[0].type],
            operands=operands,
            attributes={
                "indexing_maps": ArrayAttr.get(maps),
                "iterator_types": generic.attributes["iterator_types"],
                "operandSegmentSizes": DenseI32ArrayAttr.get([len(operands) - 1, 1]),
            },
            regions=1,
        )
    arguments = list(body.arguments)[:-1]
    block = smaller.regions[0].blocks.append(*[argument.type for argument in arguments], arg_locs=[a.location for a in arguments])
    value = operations[-1].operands[0]
    with generic.location, InsertionPoint(block):
        end = Operation.create("linalg.yield", operands=[value])
    for operation in live:
        operation.operation.move_before(end)
    for old, new in zip(arguments, block.arguments):
        old.replace_all_uses_with(new)
    generic.results[0].replace_all_uses_with(smaller.results[0])
    generic.erase()


def _drop_leftovers(module: ir.Module, function: ir.Operation) -> None:
    """Erases what the converter's dialects leave beside the function, and their attributes on the module."""
    for operation in list(module.body.operations):
        if operation.operation.name == "ml_program.global":
            operation.operation.erase()
    for name in [name for name in _attribute_names(module.operation) if name.startswith(("torch.", "ml_program."))]:
        del module.operation.attributes[name]


def _attribute_names(operation: ir.Operation) -> list[str]:
    return [entry if isinstance(entry, str) else entry.name for entry in operation.attributes]
