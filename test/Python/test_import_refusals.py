"""Models that cannot be imported: one case for each reason; the message names the file and the place in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from lowbit.frontends import ImportFailure, import_onnx
from lowbit.frontends.onnx_reader import read_onnx
from lowbit.frontends.onnx_rewrites import rewrite
from onnx import helper
from onnx_models import externalize, linear_model, model, node, random, save


def read(path: Path, dims: dict[str, int] | None = None) -> None:
    """What the converter's process does before it converts."""
    rewrite(read_onnx(path, dims))


def refuse(path: Path, *reasons: str, how: Callable[..., object] = read, **options: object) -> None:
    with pytest.raises(ImportFailure) as failure:
        how(path, **options)
    for reason in (path.name, *reasons):
        assert reason in str(failure.value)


class TestRefusals:
    """One case for each reason to refuse a model; the message names the file and the place in it."""

    def test_missing_file(self, tmp_path: Path) -> None:
        refuse(tmp_path / "none.onnx", "cannot be read: No such file or directory", how=import_onnx)

    def test_directory(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").mkdir()
        refuse(tmp_path / "model.onnx", "is not a regular file")

    def test_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_bytes(b"")
        refuse(tmp_path / "model.onnx", "holds no graph")

    def test_text_file(self, tmp_path: Path) -> None:
        (tmp_path / "model.onnx").write_text("module { func.func @main() { return } }")
        refuse(tmp_path / "model.onnx", "is truncated or is not an ONNX file")

    @pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.999])
    def test_truncated_file(self, tmp_path: Path, fraction: float) -> None:
        data = linear_model().SerializeToString()
        (tmp_path / "model.onnx").write_bytes(data[: int(len(data) * fraction)])
        refuse(tmp_path / "model.onnx", "is truncated or is not an ONNX file")

    def test_unknown_operator_set(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.opset_import[0].version = 999
        refuse(save(proto, tmp_path), "operator set versions [999]")

    def test_missing_operator_set(self, tmp_path: Path) -> None:
        proto = linear_model()
        del proto.opset_import[:]
        refuse(save(proto, tmp_path), "operator set versions []")

    @pytest.mark.parametrize("version", [0, -1, 2**40])
    def test_operator_set_version_out_of_range(self, tmp_path: Path, version: int) -> None:
        proto = linear_model()
        proto.opset_import.add(domain="com.vendor", version=version)
        refuse(save(proto, tmp_path), "an operator set version is not a positive 32-bit number")

    def test_name_that_is_not_text(self, tmp_path: Path) -> None:
        data = linear_model().SerializeToString()
        (tmp_path / "model.onnx").write_bytes(data.replace(b"proj.bias", b"proj.\xff\xfe\xfd\xfc"))
        refuse(tmp_path / "model.onnx", "holds text that is not UTF-8")

    def test_no_output(self, tmp_path: Path) -> None:
        proto = linear_model()
        del proto.graph.output[:]
        refuse(save(proto, tmp_path), "no output")

    def test_operator_of_another_domain(self, tmp_path: Path) -> None:
        nodes = [helper.make_node("FusedGelu", ["x"], ["y"], name="act", domain="com.vendor")]
        proto = model(nodes, {"x": [4]}, {"y": [4]}, domains=["com.vendor"])
        refuse(save(proto, tmp_path), "node 'act' (com.vendor.FusedGelu)", "replace it by standard operators")

    def test_operator_newer_than_the_operator_set(self, tmp_path: Path) -> None:
        refuse(
            save(model([node("Gelu", ["x"], "y")], {"x": [4]}, {"y": [4]}, opset=17), tmp_path),
            "node 'y' (Gelu)",
            "not defined",
        )

    def test_operator_without_lowering(self, tmp_path: Path) -> None:
        nodes = [node("MaxRoiPool", ["x", "r"], "y", "regions", pooled_shape=[2, 2])]
        proto = model(nodes, {"x": [1, 2, 8, 8], "r": [3, 5]}, {"y": [3, 2, 2, 2]})
        reasons = ("node 'regions' (MaxRoiPool)", "cannot be lowered", "replace it by operators such as")
        refuse(save(proto, tmp_path), *reasons, how=import_onnx)

    def test_operator_that_leaves_a_foreign_dialect(self, tmp_path: Path) -> None:
        proto = model([node("RandomNormalLike", ["x"], "y", "noise")], {"x": [8]}, {"y": [8]})
        refuse(save(proto, tmp_path), "node 'noise' (RandomNormalLike)", "cannot be lowered", how=import_onnx)

    def test_control_flow(self, tmp_path: Path) -> None:
        branch = helper.make_graph(
            [node("Identity", ["x"], "z")], "b", [], [helper.make_tensor_value_info("z", 1, [4])]
        )
        proto = model(
            [node("If", ["c"], "y", "choice", then_branch=branch, else_branch=branch)],
            {"c": [], "x": [4]},
            {"y": [4]},
            types={"c": 9},
        )
        refuse(save(proto, tmp_path), "node 'choice' (If)", "control flow is not supported")

    @pytest.mark.parametrize(
        ("entry", "shapes", "reason"),
        [
            (
                node("GridSample", ["x", "g"], "y", "op"),
                {"x": [1, 1, 4, 4], "g": [1, 2, 2, 2]},
                "operator 'GridSample'",
            ),
            (node("LpNormalization", ["x"], "y", "op"), {"x": [4, 4]}, "operator 'LpNormalization'"),
            (node("SpaceToDepth", ["x"], "y", "op", blocksize=2, mode="CRD"), {"x": [1, 2, 4, 4]}, "the order CRD"),
        ],
        ids=["grid", "norm", "depth"],
    )
    def test_operator_that_would_be_misread(
        self, tmp_path: Path, entry: onnx.NodeProto, shapes: dict[str, list[int]], reason: str
    ) -> None:
        proto = model(
            [entry], shapes, {"y": ["n"] * 4 if "g" in shapes or "mode" in str(entry) else ["n"] * 2}, opset=26
        )
        refuse(save(proto, tmp_path), "node 'op'", reason, "would be converted to something else")

    def test_resizing_that_would_be_misread(self, tmp_path: Path) -> None:
        attributes = {"coordinate_transformation_mode": "align_corners", "mode": "linear"}
        nodes = [node("Resize", ["x", "", "scales"], "y", "op", **attributes)]
        constants = {"scales": np.array([1, 1, 0.6, 0.6], np.float32)}
        proto = model(nodes, {"x": [1, 1, 4, 4]}, {"y": [1, 1, 2, 2]}, constants)
        refuse(save(proto, tmp_path), "node 'op' (Resize)", "resizing with aligned corners")

    def test_lstm_that_would_be_misread(self, tmp_path: Path) -> None:
        shapes = {"x": [5, 1, 4], "w": [1, 12, 4], "r": [1, 12, 3], "p": [1, 9]}
        nodes = [node("LSTM", ["x", "w", "r", "", "", "", "", "p"], "y", "op", hidden_size=3)]
        refuse(save(model(nodes, shapes, {"y": [5, 1, 1, 3]}), tmp_path), "node 'op' (LSTM)", "an LSTM with peepholes")

    def test_shape_that_depends_on_data(self, tmp_path: Path) -> None:
        proto = model([node("NonZero", ["x"], "y", "where")], {"x": [4]}, {"y": [1, "n"]}, types={"y": 7})
        refuse(save(proto, tmp_path), "node 'where' (NonZero)", "the shape of its output 'y' is unknown")

    def test_shapes_that_do_not_fit(self, tmp_path: Path) -> None:
        proto = model([node("MatMul", ["x", "w"], "y")], {"x": [4, 15]}, {"y": [4, 24]}, {"w": random(16, 24)})
        refuse(save(proto, tmp_path), "shapes cannot be inferred")

    def test_free_dimension_without_a_size(self, tmp_path: Path) -> None:
        proto = model([node("Relu", ["x"], "y")], {"x": ["batch", 4]}, {"y": ["batch", 4]})
        refuse(save(proto, tmp_path), "input 'x'", "dimension 0 (batch)", "--dim batch=1")

    def test_size_for_an_unknown_dimension(self, tmp_path: Path) -> None:
        refuse(save(linear_model(), tmp_path), "no input has a free dimension named 'batch'", dims={"batch": 1})

    @pytest.mark.parametrize("size", [0, -1, 1.5, True])
    def test_size_that_is_not_a_positive_integer(self, tmp_path: Path, size: object) -> None:
        refuse(save(linear_model(), tmp_path), "expected a positive integer", how=import_onnx, dims={"batch": size})

    def test_input_without_rank(self, tmp_path: Path) -> None:
        proto = model([node("Relu", ["x"], "y")], {"x": [4]}, {"y": [4]})
        proto.graph.input[0].type.tensor_type.ClearField("shape")
        refuse(save(proto, tmp_path), "input 'x'", "known rank")

    def test_constant_with_too_few_bytes(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer[0].raw_data = proto.graph.initializer[0].raw_data[:-4]
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "holds 1532 bytes, but shape [16, 24] takes 1536")

    def test_constant_that_claims_exabytes(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer[0].dims[:] = [2**31, 2**31]
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "over the limit of 64 GiB")

    def test_constant_of_negative_size(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer[0].dims[0] = -16
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "negative size")

    def test_constant_of_strings(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer[0].data_type = onnx.TensorProto.STRING
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "is not a number type")

    def test_constant_of_an_unknown_type(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer[0].data_type = 4711
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "element type 4711")

    def test_constant_defined_twice(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.initializer.add().CopyFrom(proto.graph.initializer[0])
        refuse(save(proto, tmp_path), "tensor 'proj.weight'", "is defined twice")

    def test_sparse_constant(self, tmp_path: Path) -> None:
        proto = linear_model()
        proto.graph.sparse_initializer.add().values.name = "sparse"
        refuse(save(proto, tmp_path), "tensor 'sparse'", "sparse constants are not supported")

    @pytest.mark.parametrize("axis", [2, -3, 2**40])
    def test_axis_outside_of_the_rank(self, tmp_path: Path, axis: int) -> None:
        nodes = [node("Gather", ["t", "i"], "y", "rows", axis=axis)]
        proto = model(nodes, {"i": [2]}, {"y": ["a", "b"]}, {"t": random(10, 20)}, types={"i": 7})
        refuse(save(proto, tmp_path), "axis")

    def test_model_that_crashes_the_onnx_library(self, tmp_path: Path) -> None:
        nodes = [node("GatherND", ["t", "i"], "y", batch_dims=-(2**31))]
        proto = model(nodes, {"i": [2, 1]}, {"y": [2, 20]}, {"t": random(10, 20)}, types={"i": 7})
        refuse(save(proto, tmp_path), how=import_onnx)

    def test_value_that_nothing_computes(self, tmp_path: Path) -> None:
        refuse(
            save(model([node("Relu", ["ghost"], "y")], {"x": [4]}, {"y": [4]}), tmp_path), "is not a valid ONNX model"
        )

    def test_cycle(self, tmp_path: Path) -> None:
        nodes = [node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b"), node("Relu", ["b"], "y")]
        refuse(save(model(nodes, {"x": [4]}, {"y": [4]}), tmp_path), "is not a valid ONNX model")

    def test_result_that_claims_exabytes(self, tmp_path: Path) -> None:
        nodes = [node("Expand", ["x", "shape"], "y", "grow")]
        proto = model(nodes, {"x": [1]}, {"y": [2**40, 2**20]}, {"shape": np.array([2**40, 2**20])})
        refuse(save(proto, tmp_path), "node 'grow' (Expand)", "over the limit of 64 GiB")

    def test_external_data_outside_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model").mkdir()
        proto = linear_model()
        externalize(proto, tmp_path, "../weights.bin")
        refuse(save(proto, tmp_path / "model"), "tensor 'proj.weight'", "contains '..'")

    def test_converter_that_takes_too_long(self, tmp_path: Path) -> None:
        refuse(save(linear_model(), tmp_path), "did not finish in 0.01 seconds", how=import_onnx, timeout=0.01)

    def test_converter_that_crashes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        crash = tmp_path / "python"
        crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
        crash.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(crash))
        refuse(save(linear_model(), tmp_path), "the converter stopped with SIGSEGV", how=import_onnx)
