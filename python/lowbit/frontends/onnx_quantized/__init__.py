"""ONNX graphs with quantization operators, to lowbit and linalg on tensors.

Quantization operators, and others on element types that torch-mlir misreads, are imported here, one file an operator
(ops/); what is left of the graph goes through torch-mlir as float models do, and both are put into one function @main.

Arguments and results bear the sign of their integers in the attribute `lowbit.type` (ui8, si4, …) beside
`lowbit.name`, since element types of tensors are signless.
"""

from __future__ import annotations

from lowbit.frontends.onnx_quantized.importer import import_model
from lowbit.frontends.onnx_quantized.split import has_quantized_nodes

__all__ = ["has_quantized_nodes", "import_model"]
