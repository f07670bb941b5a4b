"""Which MLIR element type and which lowbit format an ONNX element type is: one row a type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowbit.frontends.errors import ImportFailure


@dataclass(frozen=True)
class ElementType:
    """An ONNX element type.

    onnx: its name in TensorProto.DataType. mlir: the element type of tensors. format: the lowbit format of its
    codes, empty where it is no code type. unsigned: whether integers are read without sign, which MLIR's signless
    types cannot say. common: whether torch-mlir reads it as ONNX means it.
    """

    onnx: str
    mlir: str
    format: str = ""
    unsigned: bool = False
    common: bool = False

    @property
    def is_real(self) -> bool:
        """Whether lowbit reads it as a real number: a float that is not a code."""
        return self.mlir in ("f16", "bf16", "f32", "f64")

    @property
    def is_integer(self) -> bool:
        return self.mlir.startswith("i")

    @property
    def is_integer_code(self) -> bool:
        return bool(self.format) and self.is_integer

    @property
    def sign(self) -> str:
        """`ui` or `si` for integers whose sign MLIR's signless types do not say and a caller may need, else ''."""
        return "ui" if self.unsigned else "si" if self.is_integer_code else ""

    @property
    def width(self) -> int:
        """Bits of an integer or common float type."""
        return int(self.mlir.lstrip("bfi"))


_TABLE = (
    ElementType("FLOAT", "f32", common=True),
    ElementType("FLOAT16", "f16", common=True),
    ElementType("BFLOAT16", "bf16", common=True),
    ElementType("DOUBLE", "f64", common=True),
    ElementType("BOOL", "i1", common=True),
    ElementType("INT64", "i64", common=True),
    ElementType("INT32", "i32", common=True),
    ElementType("UINT64", "i64", unsigned=True),
    ElementType("UINT32", "i32", unsigned=True),
    ElementType("INT16", "i16", "#lowbit.int<16>"),
    ElementType("INT8", "i8", "#lowbit.int<8>", common=True),
    ElementType("INT4", "i4", "#lowbit.int<4>"),
    ElementType("INT2", "i2", "#lowbit.int<2>"),
    ElementType("UINT16", "i16", "#lowbit.uint<16>", unsigned=True),
    ElementType("UINT8", "i8", "#lowbit.uint<8>", unsigned=True),
    ElementType("UINT4", "i4", "#lowbit.uint<4>", unsigned=True),
    ElementType("UINT2", "i2", "#lowbit.uint<2>", unsigned=True),
    ElementType("FLOAT8E4M3FN", "f8E4M3FN", "#lowbit.float<f8E4M3FN>"),
    ElementType("FLOAT8E4M3FNUZ", "f8E4M3FNUZ", "#lowbit.float<f8E4M3FNUZ>"),
    ElementType("FLOAT8E5M2", "f8E5M2", "#lowbit.float<f8E5M2>"),
    ElementType("FLOAT8E5M2FNUZ", "f8E5M2FNUZ", "#lowbit.float<f8E5M2FNUZ>"),
    ElementType("FLOAT8E8M0", "f8E8M0FNU", "#lowbit.float<f8E8M0FNU>"),
    ElementType("FLOAT6E2M3", "f6E2M3FN", "#lowbit.float<f6E2M3FN>"),
    ElementType("FLOAT6E3M2", "f6E3M2FN", "#lowbit.float<f6E3M2FN>"),
    ElementType("FLOAT4E2M1", "f4E2M1FN", "#lowbit.float<f4E2M1FN>"),
)


def element_type(data_type: int, where: str) -> ElementType:
    """The row of a TensorProto.DataType. Raises ImportFailure for strings, complex numbers and unknown numbers."""
    from onnx import TensorProto

    known = data_type in TensorProto.DataType.values()
    name = TensorProto.DataType.Name(data_type) if known else str(data_type)
    for row in _TABLE:
        if row.onnx == name:
            return row
    raise ImportFailure(
        f"element type {name} is not supported", location=where, hint="cast it to a number type before the export"
    )


def named_type(name: str) -> ElementType:
    """The row with a name of TensorProto.DataType."""
    return next(row for row in _TABLE if row.onnx == name)


def is_common(data_type: int) -> bool:
    """Whether torch-mlir reads values of a TensorProto.DataType as ONNX means them."""
    from onnx import TensorProto

    name = TensorProto.DataType.Name(data_type) if data_type in TensorProto.DataType.values() else ""
    return any(row.onnx == name and row.common for row in _TABLE)


def to_bytes(array: np.ndarray) -> bytes:
    """Elements as MLIR keeps them: little endian, one byte for types of fewer than eight bits."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype == np.bool_:
        flat = flat.astype(np.uint8)
    return flat.astype(flat.dtype.newbyteorder("<"), copy=False).tobytes()
