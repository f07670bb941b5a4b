"""Turns the converter's module into the form the compiler reads: @main, named operands, named weights, no leftovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lowbit.frontends.onnx_model import OnnxModel

if TYPE_CHECKING:
    from torch_mlir import ir

_ALIGNMENT = 64


def finish_module(module: ir.Module, model: OnnxModel) -> None:
    """Rewrites the module in place; an MLIR context must be current."""
    from torch_mlir.passmanager import PassManager

    function = next(op for op in module.body.operations if op.operation.name == "func.func")
    _place_weights(function, model)
    _set_signature(function, model)
    _simplify_generics(function)
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
        data = _store(model.weights[name], model)
        value = DenseResourceElementsAttr.get_from_buffer(data, name, argument.type, alignment=_ALIGNMENT)
        with InsertionPoint.at_block_begin(block), Location.name(name):
            constant = arith.ConstantOp(argument.type, value)
        argument.replace_all_uses_with(constant.result)
        block.erase_argument(first + index)


def _store(weight: np.ndarray, model: OnnxModel) -> np.ndarray:
    """The bytes of a weight's resource: its elements, or where they lie."""
    if model.constants is not None:
        return model.constants.add(weight)
    return np.ascontiguousarray(weight).reshape(-1).view(np.uint8)


def _set_signature(function: ir.Operation, model: OnnxModel) -> None:
    """Names the function main, and its arguments and results by the attribute lowbit.name."""
    from torch_mlir.ir import ArrayAttr, DictAttr, FunctionType, StringAttr, TypeAttr

    def names(values: list[str]) -> ArrayAttr:
        return ArrayAttr.get([DictAttr.get({"lowbit.name": StringAttr.get(value)}) for value in values])

    results = function.type.results
    function.attributes["function_type"] = TypeAttr.get(
        FunctionType.get([argument.type for argument in function.entry_block.arguments], results)
    )
    for name in [name for name in _attribute_names(function) if name.startswith("torch.")]:
        del function.attributes[name]
    function.attributes["sym_name"] = StringAttr.get("main")
    function.attributes["arg_attrs"] = names(model.inputs)
    function.attributes["res_attrs"] = names(model.outputs)


def _simplify_generics(function: ir.Operation) -> None:
    """Moves constant scalars into the bodies of linalg.generic, and drops the index a maximum is converted with."""
    for operation in list(function.entry_block.operations):
        if operation.operation.name == "linalg.generic":
            _simplify_generic(operation.operation)


def _simplify_generic(generic: ir.Operation) -> None:
    body = generic.regions[0].blocks[0]
    inputs = len(generic.operands) - len(generic.results)
    kept = list(range(len(generic.operands)))
    for index in range(inputs):
        others = [other for other in kept if other != index]
        scalar = _make_scalar(generic, generic.operands[index]) if _give_all_extents(generic, others) else None
        if scalar is not None:
            body.arguments[index].replace_all_uses_with(scalar)
            kept = others
    results = list(range(len(generic.results)))
    if len(results) == 2 and _needs_only_first_result(generic):
        results, kept = [0], kept[:-1]
    if len(kept) < len(generic.operands):
        _rebuild(generic, kept, results)


def _give_all_extents(generic: ir.Operation, operands: list[int]) -> bool:
    """True if the indexing maps of these operands alone tell how often each loop runs."""
    from torch_mlir.ir import AffineDimExpr

    maps = [generic.attributes["indexing_maps"][index].value for index in operands]
    given = {result.position for affine in maps for result in affine.results if isinstance(result, AffineDimExpr)}
    return all(given.issuperset(range(affine.n_dims)) for affine in maps)


def _make_scalar(generic: ir.Operation, operand: ir.Value) -> ir.Value | None:
    """The scalar of a constant whose elements are all the same, as a value before the generic; None for any other."""
    from torch_mlir.dialects import arith
    from torch_mlir.ir import Block, DenseElementsAttr, InsertionPoint

    if isinstance(operand.owner, Block) or operand.owner.name != "arith.constant":
        return None
    value = operand.owner.attributes["value"]
    if not isinstance(value, DenseElementsAttr) or not value.is_splat:
        return None
    with operand.owner.location, InsertionPoint(generic):
        return arith.ConstantOp(operand.type.element_type, value.get_splat_value()).result


def _needs_only_first_result(generic: ir.Operation) -> bool:
    """True if the second result is unused and the first does not depend on its accumulator."""
    if list(generic.results[1].uses):
        return False
    body = generic.regions[0].blocks[0]
    return body.arguments[len(body.arguments) - 1] not in _values_behind(body, 1)


def _values_behind(body: ir.Block, results: int) -> list[ir.Value]:
    """All values that the first results of a body are computed from, themselves included."""
    operations = list(body.operations)
    needed = list(operations[-1].operands)[:results]
    for operation in reversed(operations[:-1]):
        if any(result in needed for result in operation.results):
            needed.extend(operation.operands)
    return needed


def _rebuild(generic: ir.Operation, kept: list[int], results: list[int]) -> None:
    """Replaces a linalg.generic by one with fewer operands and results; its body must not need the others."""
    from torch_mlir.ir import ArrayAttr, DenseI32ArrayAttr, InsertionPoint, Operation

    body = generic.regions[0].blocks[0]
    needed = _values_behind(body, len(results))
    maps = list(generic.attributes["indexing_maps"])
    with generic.location, InsertionPoint(generic):
        smaller = Operation.create(
            "linalg.generic",
            results=[generic.results[index].type for index in results],
            operands=[generic.operands[index] for index in kept],
            attributes={
                "indexing_maps": ArrayAttr.get([maps[index] for index in kept]),
                "iterator_types": generic.attributes["iterator_types"],
                "operandSegmentSizes": DenseI32ArrayAttr.get([len(kept) - len(results), len(results)]),
            },
            regions=1,
        )
    arguments = [body.arguments[index] for index in kept]
    block = smaller.regions[0].blocks.append(
        *[argument.type for argument in arguments], arg_locs=[argument.location for argument in arguments]
    )
    operations = list(body.operations)
    with operations[-1].location, InsertionPoint(block):
        end = Operation.create("linalg.yield", operands=list(operations[-1].operands)[: len(results)])
    for operation in operations[:-1]:
        if any(result in needed for result in operation.results):
            operation.operation.move_before(end)
    for old, new in zip(arguments, block.arguments):
        old.replace_all_uses_with(new)
    for index in results:
        generic.results[index].replace_all_uses_with(smaller.results[index])
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
