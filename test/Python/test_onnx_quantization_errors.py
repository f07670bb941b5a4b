"""Quantized ONNX models that cannot be imported: one case for each reason; the message names the node and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from lowbit.frontends import ImportFailure
from lowbit.frontends.onnx_model import OnnxModel
from lowbit.frontends.onnx_quantized import import_model
from lowbit.frontends.onnx_reader import read_onnx
from onnx import TensorProto, helper, numpy_helper
from onnx_models import externalize, model, node, save

UINT8, INT8, INT32 = TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32
UINT4, FLOAT16, FP8 = TensorProto.UINT4, TensorProto.FLOAT16, TensorProto.FLOAT8E4M3FN


def convert_nothing(rest: OnnxModel) -> str:
    raise AssertionError(f"{len(rest.proto.graph.node)} nodes were taken for float ones")


def refuse(proto: onnx.ModelProto, folder: Path, *reasons: str) -> None:
    with pytest.raises(ImportFailure) as failure:
        import_model(read_onnx(save(proto, folder)), convert_nothing)
    for reason in ("model.onnx", *reasons):
        assert reason in str(failure.value)


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32) if len(values) > 1 else np.float32(values[0])


def quantize(
    shape: Sequence[int],
    scale: np.ndarray,
    zero: np.ndarray | None = None,
    out: int = UINT8,
    opset: int = 21,
    **attributes: Any,
) -> onnx.ModelProto:
    """A QuantizeLinear named quant, with constant scale and zero point."""
    constants = {"s": scale, **({"z": zero} if zero is not None else {})}
    nodes = [node("QuantizeLinear", ["x", *constants], "y", "quant", **attributes)]
    return model(nodes, {"x": shape}, {"y": shape}, constants, opset=opset, types={"y": out})


def dequantize(
    shape: Sequence[int],
    scale: np.ndarray,
    zero: np.ndarray | None = None,
    kind: int = UINT8,
    opset: int = 21,
    **attributes: Any,
) -> onnx.ModelProto:
    """A DequantizeLinear named dequant, with constant scale and zero point."""
    constants = {"s": scale, **({"z": zero} if zero is not None else {})}
    nodes = [node("DequantizeLinear", ["x", *constants], "y", "dequant", **attributes)]
    return model(nodes, {"x": shape}, {"y": shape}, constants, opset=opset, types={"x": kind})


def product(
    op: str, inputs: Mapping[str, tuple[Sequence[int], int]], out: Sequence[int], kind: int, **attributes: Any
) -> onnx.ModelProto:
    """One node named prod over run-time inputs, {name: (shape, element type)}."""
    nodes = [node(op, list(inputs), "y", "prod", **attributes)]
    types = {name: element for name, (_, element) in inputs.items()}
    return model(nodes, {name: shape for name, (shape, _) in inputs.items()}, {"y": out}, types={**types, "y": kind})


QUANT, DEQUANT = "node 'quant' (QuantizeLinear)", "node 'dequant' (DequantizeLinear)"


class TestScales:
    def test_zero_scale(self, tmp_path: Path) -> None:
        refuse(
            quantize([4], f32(0)), tmp_path, QUANT, "element 0 of scale 's' is 0.0, expected a positive finite number"
        )

    def test_negative_scale_of_a_channel(self, tmp_path: Path) -> None:
        refuse(quantize([4, 2], f32(1, -2), axis=1), tmp_path, QUANT, "element 1 of scale 's' is -2.0")

    @pytest.mark.parametrize("scale", [np.inf, np.nan])
    def test_scale_that_is_not_finite(self, tmp_path: Path, scale: float) -> None:
        refuse(dequantize([4], f32(scale)), tmp_path, DEQUANT, f"element 0 of scale 's' is {scale}")

    def test_number_of_scales(self, tmp_path: Path) -> None:
        refuse(
            quantize([4, 6], f32(1, 2, 3), axis=1),
            tmp_path,
            QUANT,
            "the scale has 3 elements, but axis 1 of the tensor has 6",
        )

    @pytest.mark.parametrize("axis", [2, -3, 100])
    def test_axis_out_of_range(self, tmp_path: Path, axis: int) -> None:
        refuse(
            dequantize([4, 6], f32(1, 2, 3), axis=axis), tmp_path, DEQUANT, f"axis {axis} is outside", "from -2 to 1"
        )

    def test_scale_of_rank_two_without_blocks(self, tmp_path: Path) -> None:
        refuse(quantize([4, 6], np.ones((4, 3), np.float32)), tmp_path, QUANT, "needs the attribute block_size")

    def test_block_that_does_not_divide(self, tmp_path: Path) -> None:
        scale = np.ones((4, 2), np.float32)
        refuse(
            quantize([4, 6], scale, block_size=4), tmp_path, QUANT, "block_size 4 does not divide the 6 elements", "pad"
        )

    def test_negative_block(self, tmp_path: Path) -> None:
        scale = np.ones((4, 2), np.float32)
        refuse(dequantize([4, 6], scale, block_size=-3), tmp_path, DEQUANT, "block_size is -3")

    def test_shape_of_blocked_scale(self, tmp_path: Path) -> None:
        scale = np.ones((4, 3), np.float32)
        refuse(
            dequantize([4, 6], scale, block_size=3),
            tmp_path,
            DEQUANT,
            "[4, 3], expected [4, 2] for blocks of 3 along axis 1",
        )

    def test_axis_of_blocks_out_of_range(self, tmp_path: Path) -> None:
        scale = np.ones((4, 3), np.float32)
        refuse(dequantize([4, 6], scale, block_size=2, axis=5), tmp_path, DEQUANT, "axis 5 is outside")


class TestZeroPoints:
    def test_type_differs_from_codes(self, tmp_path: Path) -> None:
        refuse(dequantize([4], f32(1), np.int8(3)), tmp_path, "cannot be inferred")

    def test_shape_differs_from_scale(self, tmp_path: Path) -> None:
        zero = np.array([1, 2], np.uint8)
        refuse(dequantize([4], f32(1), zero), tmp_path, DEQUANT, "the zero point has shape [2], but the scale has []")

    def test_int32_with_a_zero_point(self, tmp_path: Path) -> None:
        refuse(
            dequantize([4], f32(1), np.int32(3), INT32),
            tmp_path,
            DEQUANT,
            "int32 have a zero point other than the constant 0",
        )

    def test_output_type_differs(self, tmp_path: Path) -> None:
        refuse(quantize([4], f32(1), np.uint8(3), output_dtype=INT8), tmp_path, "cannot be inferred")


class TestTypes:
    def test_scale_of_an_integer_type_for_codes(self, tmp_path: Path) -> None:
        refuse(dequantize([4], np.int32(1)), tmp_path, "cannot be inferred")

    def test_precision_that_is_no_float(self, tmp_path: Path) -> None:
        proto = quantize([4], f32(1), opset=23, precision=INT8)
        refuse(proto, tmp_path, QUANT, "precision is int8", "expected float, float16 or bfloat16")

    def test_dequantize_to_an_integer(self, tmp_path: Path) -> None:
        refuse(dequantize([4], f32(1), opset=23, output_dtype=INT8), tmp_path, "node name: dequant")

    def test_codes_newer_than_the_operator_set(self, tmp_path: Path) -> None:
        refuse(dequantize([4], f32(1), kind=UINT4, opset=19), tmp_path, "unsupported type: tensor(uint4)")

    def test_string_codes(self, tmp_path: Path) -> None:
        refuse(dequantize([4], f32(1), kind=TensorProto.STRING), tmp_path, "node name: dequant")

    def test_operator_on_codes(self, tmp_path: Path) -> None:
        proto = product("Mod", {"a": ([4], UINT8), "b": ([4], UINT8)}, [4], UINT8)
        refuse(
            proto,
            tmp_path,
            "node 'prod' (Mod)",
            "operator 'Mod' on 'a' of type uint8 is not supported",
            "the QDQ form",
        )

    def test_cast_to_float8_without_saturation(self, tmp_path: Path) -> None:
        proto = product("Cast", {"a": ([4], 1)}, [4], FP8, to=FP8, saturate=0)
        refuse(proto, tmp_path, "node 'prod' (Cast)", "saturate = 0 is not supported", "use QuantizeLinear")

    def test_integer_and_float8_operands(self, tmp_path: Path) -> None:
        inputs = {
            "a": ([2, 4], FP8),
            "as": ([], 1),
            "az": ([], FP8),
            "b": ([4, 3], UINT8),
            "bs": ([], 1),
            "bz": ([], UINT8),
        }
        proto = product("QLinearMatMul", {**inputs, "ys": ([], 1), "yz": ([], FP8)}, [2, 3], FP8)
        proto.opset_import[0].version = 21
        refuse(proto, tmp_path, "node 'prod' (QLinearMatMul)", "integer and float8 codes are mixed")

    def test_float8_zero_point_at_run_time(self, tmp_path: Path) -> None:
        inputs = {
            "a": ([2, 4], FP8),
            "as": ([], 1),
            "az": ([], FP8),
            "b": ([4, 3], FP8),
            "bs": ([], 1),
            "bz": ([], FP8),
        }
        proto = product("QLinearMatMul", {**inputs, "ys": ([], 1), "yz": ([], FP8)}, [2, 3], FP8)
        proto.opset_import[0].version = 21
        refuse(proto, tmp_path, "a zero point of float8 codes is not the constant 0")


def matmul_inputs(
    a: Sequence[int], b: Sequence[int], **changed: tuple[Sequence[int], int]
) -> dict[str, tuple[Sequence[int], int]]:
    inputs = {"a": (a, UINT8), "as": ([], 1), "az": ([], UINT8), "b": (b, INT8), "bs": ([], 1), "bz": ([], INT8)}
    return {**inputs, "ys": ([], 1), "yz": ([], UINT8), **changed}


class TestProducts:
    def test_depths_differ(self, tmp_path: Path) -> None:
        refuse(
            product("MatMulInteger", {"a": ([2, 4], UINT8), "b": ([3, 5], INT8)}, [2, 5], INT32),
            tmp_path,
            "node name: prod",
        )

    def test_scalar_operand(self, tmp_path: Path) -> None:
        refuse(
            product("MatMulInteger", {"a": ([], UINT8), "b": ([3, 5], INT8)}, [5], INT32), tmp_path, "node name: prod"
        )

    def test_zero_points_of_rows(self, tmp_path: Path) -> None:
        inputs = {"a": ([2, 4], UINT8), "b": ([4, 5], INT8), "az": ([3], UINT8)}
        refuse(
            product("MatMulInteger", inputs, [2, 5], INT32),
            tmp_path,
            "node 'prod' (MatMulInteger)",
            "'az' has shape [3]",
            "for each row",
        )

    def test_zero_points_along_the_sum(self, tmp_path: Path) -> None:
        inputs = {"a": ([2, 4], UINT8), "b": ([4, 5], INT8), "az": ([1, 4], UINT8)}
        refuse(product("MatMulInteger", inputs, [2, 5], INT32), tmp_path, "'az' has shape [1, 4]")

    def test_zero_point_type(self, tmp_path: Path) -> None:
        inputs = {"a": ([2, 4], UINT8), "b": ([4, 5], INT8), "az": ([], INT8)}
        refuse(product("MatMulInteger", inputs, [2, 5], INT32), tmp_path, "node name: prod")

    def test_shape_of_the_scale(self, tmp_path: Path) -> None:
        inputs = matmul_inputs([2, 4], [4, 3], bs=([2], 1), bz=([2], INT8))
        refuse(
            product("QLinearMatMul", inputs, [2, 3], UINT8), tmp_path, "node 'prod' (QLinearMatMul)", "has shape [2]"
        )

    def test_scale_and_zero_point_shapes(self, tmp_path: Path) -> None:
        inputs = matmul_inputs([2, 4], [4, 3], bs=([3], 1))
        proto = product("QLinearMatMul", {**inputs, "bz": ([2], INT8)}, [2, 3], UINT8)
        refuse(proto, tmp_path, "the zero point has shape [2], but the scale has [3]")

    def test_output_scale_that_is_no_scalar(self, tmp_path: Path) -> None:
        inputs = matmul_inputs([2, 4], [4, 3], ys=([3], 1), yz=([3], UINT8))
        refuse(product("QLinearMatMul", inputs, [2, 3], UINT8), tmp_path, "'ys' has shape [3]")

    def test_missing_inputs(self, tmp_path: Path) -> None:
        inputs = matmul_inputs([2, 4], [4, 3])
        del inputs["yz"]
        refuse(product("QLinearMatMul", inputs, [2, 3], UINT8), tmp_path, "is not a valid ONNX model", "QLinearMatMul")

    def test_extra_input(self, tmp_path: Path) -> None:
        inputs = {**matmul_inputs([2, 4], [4, 3]), "more": ([], UINT8)}
        refuse(product("QLinearMatMul", inputs, [2, 3], UINT8), tmp_path, "is not a valid ONNX model", "QLinearMatMul")

    def test_input_left_out(self, tmp_path: Path) -> None:
        inputs = matmul_inputs([2, 4], [4, 3])
        proto = product("QLinearMatMul", inputs, [2, 3], UINT8)
        proto.graph.node[0].input[1] = ""
        refuse(proto, tmp_path, "Node (prod)'s input 1")

    def test_multiplier_that_overflows(self, tmp_path: Path) -> None:
        inputs = {"a": ([2, 4], UINT8), "b": ([4, 3], INT8)}
        constants = {
            "as": f32(1e30),
            "az": np.uint8(0),
            "bs": f32(1e30),
            "bz": np.int8(0),
            "ys": f32(1e-3),
            "yz": np.uint8(0),
        }
        names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
        types = {"a": UINT8, "b": INT8, "y": UINT8}
        shapes = {name: shape for name, (shape, _) in inputs.items()}
        proto = model([node("QLinearMatMul", names, "y", "prod")], shapes, {"y": [2, 3]}, constants, types=types)
        refuse(proto, tmp_path, "node 'prod' (QLinearMatMul)", "is not a positive finite float32")


def conv_inputs(
    x: Sequence[int], w: Sequence[int], **more: tuple[Sequence[int], int]
) -> dict[str, tuple[Sequence[int], int]]:
    return {"x": (x, UINT8), "w": (w, INT8), **more}


class TestConvolutions:
    CONV = "node 'prod' (ConvInteger)"

    def test_channels_and_groups(self, tmp_path: Path) -> None:
        proto = product("ConvInteger", conv_inputs([1, 3, 8, 8], [4, 2, 3, 3]), [1, 4, 6, 6], INT32)
        refuse(proto, tmp_path, self.CONV, "3 channels and a kernel of shape [4, 2, 3, 3] do not make 1 groups")

    def test_outputs_that_groups_do_not_divide(self, tmp_path: Path) -> None:
        proto = product("ConvInteger", conv_inputs([1, 4, 8, 8], [5, 2, 3, 3]), [1, 5, 6, 6], INT32, group=2)
        refuse(proto, tmp_path, self.CONV, "do not make 2 groups", "outputs divisible by group")

    def test_ranks(self, tmp_path: Path) -> None:
        refuse(
            product("ConvInteger", conv_inputs([1, 3, 8, 8], [4, 3, 3]), [1, 4, 6, 6], INT32),
            tmp_path,
            "node name: prod",
        )

    def test_negative_padding(self, tmp_path: Path) -> None:
        proto = product(
            "ConvInteger", conv_inputs([1, 3, 8, 8], [4, 3, 3, 3]), [1, 4, 4, 4], INT32, pads=[-1, -1, -1, -1]
        )
        refuse(proto, tmp_path, "node name: prod", "pads must not contain negative values")

    def test_number_of_strides(self, tmp_path: Path) -> None:
        proto = product("ConvInteger", conv_inputs([1, 3, 8, 8], [4, 3, 3, 3]), [1, 4, 6, 6], INT32, strides=[1])
        refuse(proto, tmp_path, "node name: prod")

    def test_unknown_padding_mode(self, tmp_path: Path) -> None:
        proto = product("ConvInteger", conv_inputs([1, 3, 8, 8], [4, 3, 3, 3]), [1, 4, 6, 6], INT32, auto_pad="SAME")
        refuse(proto, tmp_path, self.CONV, "auto_pad is 'SAME'", "expected NOTSET")

    def test_kernel_larger_than_the_data(self, tmp_path: Path) -> None:
        proto = product("ConvInteger", conv_inputs([1, 3, 2, 2], [4, 3, 3, 3]), [1, 4, 1, 1], INT32)
        refuse(proto, tmp_path, "node name: prod")

    def test_kernel_shape_that_lies(self, tmp_path: Path) -> None:
        proto = product(
            "ConvInteger", conv_inputs([1, 3, 8, 8], [4, 3, 3, 3]), [1, 4, 4, 4], INT32, kernel_shape=[5, 5]
        )
        refuse(proto, tmp_path, self.CONV, "kernel_shape is [5, 5], but the kernel has [3, 3]")

    def test_zero_point_of_the_data(self, tmp_path: Path) -> None:
        inputs = conv_inputs([1, 3, 8, 8], [4, 3, 3, 3], xz=([3], UINT8))
        refuse(product("ConvInteger", inputs, [1, 4, 6, 6], INT32), tmp_path, self.CONV, "[3], expected a scalar")

    def test_zero_point_of_the_kernel(self, tmp_path: Path) -> None:
        inputs = conv_inputs([1, 3, 8, 8], [4, 3, 3, 3], xz=([], UINT8), wz=([3], INT8))
        refuse(
            product("ConvInteger", inputs, [1, 4, 6, 6], INT32), tmp_path, self.CONV, "[3], expected a scalar or [4]"
        )

    def test_bias_of_another_length(self, tmp_path: Path) -> None:
        scales = {"xs": ([], 1), "xz": ([], UINT8), "w": ([4, 3, 3, 3], INT8), "ws": ([], 1), "wz": ([], INT8)}
        inputs = {"x": ([1, 3, 8, 8], UINT8), **scales, "ys": ([], 1), "yz": ([], UINT8), "bias": ([5], INT32)}
        proto = product("QLinearConv", inputs, [1, 4, 6, 6], UINT8)
        refuse(proto, tmp_path, "node 'prod' (QLinearConv)", "the bias has shape [5], expected [4]")

    def test_scale_of_the_kernel(self, tmp_path: Path) -> None:
        scales = {"xs": ([], 1), "xz": ([], UINT8), "w": ([4, 3, 3, 3], INT8), "ws": ([3], 1), "wz": ([], INT8)}
        inputs = {"x": ([1, 3, 8, 8], UINT8), **scales, "ys": ([], 1), "yz": ([], UINT8)}
        proto = product("QLinearConv", inputs, [1, 4, 6, 6], UINT8)
        refuse(proto, tmp_path, "the scale of the kernel has shape [3], expected a scalar or [4]")


class TestGraphs:
    def test_truncated_file(self, tmp_path: Path) -> None:
        data = quantize([4], f32(1), np.uint8(3)).SerializeToString()
        (tmp_path / "model.onnx").write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(ImportFailure, match="truncated or is not an ONNX file"):
            read_onnx(tmp_path / "model.onnx")

    def test_operator_of_another_domain(self, tmp_path: Path) -> None:
        nodes = [helper.make_node("QAttention", ["x"], ["y"], name="attention", domain="com.microsoft")]
        proto = model(nodes, {"x": [4]}, {"y": [4]}, domains=["com.microsoft"])
        refuse(proto, tmp_path, "node 'attention' (com.microsoft.QAttention)", "replace it by standard operators")

    def test_contributed_operator_without_zero_point(self, tmp_path: Path) -> None:
        inputs = {"a": ([4], UINT8), "as": ([], 1), "az": ([], UINT8), "b": ([4], UINT8), "bs": ([], 1)}
        proto = product("QLinearAdd", inputs, [4], UINT8)
        proto.graph.node[0].domain = "com.microsoft"
        refuse(proto, tmp_path, "node 'prod' (com.microsoft.QLinearAdd)", "input 5 is missing", "write all scales")

    def test_contributed_operator_with_channels_last(self, tmp_path: Path) -> None:
        inputs = {"a": ([1, 4, 4, 2], UINT8), "as": ([], 1), "az": ([], UINT8), "ys": ([], 1), "yz": ([], UINT8)}
        proto = product("QLinearGlobalAveragePool", inputs, [1, 1, 1, 2], UINT8, channels_last=1)
        proto.graph.node[0].domain = "com.microsoft"
        refuse(proto, tmp_path, "(com.microsoft.QLinearGlobalAveragePool)", "channels_last is 1", "channels first")

    def test_value_defined_twice(self, tmp_path: Path) -> None:
        proto = quantize([4], f32(1), np.uint8(3))
        proto.graph.node.add().CopyFrom(proto.graph.node[0])
        refuse(proto, tmp_path, "is not a valid ONNX model")

    def test_scale_defined_twice(self, tmp_path: Path) -> None:
        proto = quantize([4], f32(1), np.uint8(3))
        proto.graph.initializer.add().CopyFrom(proto.graph.initializer[0])
        refuse(proto, tmp_path, "tensor 's'", "is defined twice")

    def test_cycle(self, tmp_path: Path) -> None:
        nodes = [node("QuantizeLinear", ["b", "s"], "a", "quant"), node("DequantizeLinear", ["a", "s"], "b", "dequant")]
        refuse(model(nodes, {"x": [4]}, {"b": [4]}, {"s": f32(1)}), tmp_path, "is not a valid ONNX model")

    def test_missing_constant(self, tmp_path: Path) -> None:
        proto = quantize([4], f32(1), np.uint8(3))
        del proto.graph.initializer[0]
        refuse(proto, tmp_path, "is not a valid ONNX model")

    def test_packed_constant_of_the_wrong_size(self, tmp_path: Path) -> None:
        zero = numpy_helper.from_array(np.zeros(8, np.uint8).astype(helper.tensor_dtype_to_np_dtype(UINT4)), "z")
        zero.raw_data = zero.raw_data + b"\0"
        proto = dequantize([8, 2], np.ones(8, np.float32), kind=UINT4, axis=0)
        proto.graph.initializer.append(zero)
        proto.graph.node[0].input.append("z")
        refuse(proto, tmp_path, "tensor 'z'", "holds 5 bytes, but shape [8] takes 4")

    def test_scale_of_negative_size(self, tmp_path: Path) -> None:
        proto = dequantize([4], np.ones(4, np.float32), axis=0)
        proto.graph.initializer[0].dims[0] = -4
        refuse(proto, tmp_path, "tensor 's'", "negative size")

    def test_scale_that_claims_exabytes(self, tmp_path: Path) -> None:
        proto = dequantize([4], np.ones(4, np.float32), axis=0)
        proto.graph.initializer[0].dims[:] = [2**31, 2**31]
        refuse(proto, tmp_path, "tensor 's'", "over the limit of 64 GiB")

    def test_codes_that_overflow(self, tmp_path: Path) -> None:
        refuse(dequantize([2**31, 2**31], f32(1)), tmp_path, "over the limit of 64 GiB")

    def test_input_of_negative_size(self, tmp_path: Path) -> None:
        refuse(dequantize([-4, 2], f32(1)), tmp_path, "input 'x'", "no positive size")

    def test_external_data_outside_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model").mkdir()
        proto = dequantize([4], np.ones(4, np.float32), axis=0)
        externalize(proto, tmp_path, "../weights.bin")
        refuse(proto, tmp_path / "model", "tensor 's'", "contains '..'")
