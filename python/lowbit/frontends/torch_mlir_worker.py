"""Converts one ONNX model to linalg on tensors, and to lowbit where it is quantized.

Runs in a process of its own, started by lowbit.frontends.torch_mlir, because the converter carries an MLIR of another
version and may stop the process on models it does not expect. Usage: MODEL OUTPUT DIMS [CONSTANTS], where DIMS is a JSON
object and CONSTANTS a file for weights, which are in the text otherwise; a failure is one JSON object on stdout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lowbit.frontends.constants_file import ConstantsFile
from lowbit.frontends.errors import ImportFailure, describe_node
from lowbit.frontends.onnx_model import OnnxModel
from lowbit.frontends.onnx_quantized import has_quantized_nodes, import_model
from lowbit.frontends.onnx_reader import read_onnx
from lowbit.frontends.onnx_rewrites import rewrite

if TYPE_CHECKING:
    from torch_mlir import ir

FAILED = 3
_PIPELINE = (
    "builtin.module(func.func(convert-torch-onnx-to-torch),func.func(torch-decompose-complex-ops),canonicalize,"
    "torch-backend-to-linalg-on-tensors-backend-pipeline)"
)
_DIALECTS = frozenset(("builtin", "func", "linalg", "tensor", "arith", "math", "cf", "scf"))


def convert_float(model: OnnxModel) -> str:
    """The MLIR text of a float model that was just read."""
    rewrite(model)
    return convert(model)


def convert(model: OnnxModel) -> str:
    """The MLIR text of a rewritten model. Raises ImportFailure for an operator that cannot be lowered."""
    from torch_mlir.dialects import torch as torch_dialect
    from torch_mlir.extras import onnx_importer
    from torch_mlir.ir import Context, MLIRError
    from torch_mlir.passmanager import PassManager

    from lowbit.frontends.torch_mlir_cleanup import finish_module

    with Context() as mlir:
        torch_dialect.register_dialect(mlir)
        try:
            info = onnx_importer.ModelInfo(model.proto)
            module = info.create_module(context=mlir)
            onnx_importer.NodeImporter.define_function(info.main_graph, module.operation).import_all()
            PassManager.parse(_PIPELINE).run(module.operation)
            _check_dialects(module, model)
            finish_module(module, model)
        except onnx_importer.OnnxImportError as error:
            raise ImportFailure(str(error).splitlines()[0], location=model.path.name) from error
        except MLIRError as error:
            raise _explain(error, model) from error
        return module.operation.get_asm(enable_debug_info=True, use_name_loc_as_prefix=True)


def _explain(error: Exception, model: OnnxModel) -> ImportFailure:
    """Turns the converter's first diagnostic into a failure that names the ONNX node."""
    diagnostics = getattr(error, "error_diagnostics", [])
    if not diagnostics:
        return ImportFailure(str(error).splitlines()[0], location=model.path.name)
    return _unsupported(str(diagnostics[0].location), diagnostics[0].message, model)


def _unsupported(location: str, detail: str, model: OnnxModel) -> ImportFailure:
    node = next((node for node in model.proto.graph.node if f'"{node.name}"' in location), None)
    where = describe_node(node.op_type, node.name, node.domain) if node is not None else location
    kind = f"operator '{node.op_type}' with these operands" if node is not None else "an operator"
    hint = "replace it by operators such as MatMul, Conv, Add or Gather before the export"
    return ImportFailure(f"{kind} cannot be lowered ({detail})", location=model.where(where), hint=hint)


def _check_dialects(module: ir.Module, model: OnnxModel) -> None:
    """Refuses a module in whose functions an op of another dialect is left."""
    from torch_mlir.ir import WalkResult

    foreign = []

    def visit(operation: ir.Operation) -> WalkResult:
        if operation.name.split(".")[0] not in _DIALECTS and operation.name != "ml_program.global":
            foreign.append(operation)
            return WalkResult.INTERRUPT
        return WalkResult.ADVANCE

    module.operation.walk(visit)
    if foreign:
        raise _unsupported(str(foreign[0].location), f"'{foreign[0].name}' is left", model)


def main(model: str, output: str, dims: str, constants: str = "") -> int:
    try:
        graph = read_onnx(model, json.loads(dims))
        graph.constants = ConstantsFile(constants) if constants else None
        text = import_model(graph, convert_float) if has_quantized_nodes(graph) else convert_float(graph)
        if graph.constants is not None:
            graph.constants.close()
        Path(output).write_text(text, encoding="utf-8")
    except ImportFailure as failure:
        json.dump({"message": failure.message, "location": failure.location, "hint": failure.hint}, sys.stdout)
        return FAILED
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
