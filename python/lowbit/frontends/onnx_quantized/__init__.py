"""ONNX graphs with quantization operators, to lowbit and linalg on tensors.

Quantization operators, and others on element types that torch-mlir misreads, are imported here, one file an operator
(ops/); what is left of the graph goes through torch-mlir as float models do, and both are put into one function @main.

Arguments and results whose integers are unsigned in ONNX bear the attribute `lowbit.unsigned` beside `lowbit.name`.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.importer import import_model
from lowbit.frontends.onnx_quantized.split import has_quantized_nodes

__all__ = ["has_quantized_nodes", "import_model"]
