"""Operators that are valid ONNX and are refused all the same, with the reason.

Beside what this importer does not read, these are the cases in which the converter yields a program that computes
something else than ONNX says. They were found by importing, compiling and running ONNX's own node tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lowbit.frontends.errors import ImportFailure

if TYPE_CHECKING:
    import onnx

_PEEPHOLES = 7


def check_supported(node: onnx.NodeProto, where: str) -> None:
    """Raises ImportFailure if the node is one of them. where: the node, as errors should name it."""
    if any(entry.type in (entry.GRAPH, entry.GRAPHS) for entry in node.attribute):
        hint = "export the model traced, with its branches resolved"
        raise ImportFailure("control flow is not supported", location=where, hint=hint)
    detail = _misread(node)
    if detail:
        hint = "replace it by operators such as MatMul, Conv, Add or Gather before the export"
        raise ImportFailure(f"{detail} would be converted to something else", location=where, hint=hint)


def _misread(node: onnx.NodeProto) -> str:
    """What of the node the converter gets wrong; '' if nothing."""
    attributes = {entry.name: entry.s for entry in node.attribute}
    if node.op_type in ("GridSample", "BitShift", "LpNormalization"):
        return f"operator '{node.op_type}'"
    if node.op_type == "LSTM" and len(node.input) > _PEEPHOLES and node.input[_PEEPHOLES]:
        return "an LSTM with peepholes"
    if node.op_type == "Resize" and attributes.get("coordinate_transformation_mode") == b"align_corners":
        return "resizing with aligned corners"
    if node.op_type == "SpaceToDepth" and attributes.get("mode") == b"CRD":
        return "the order CRD"
    return ""
