"""ONNX to linalg: the result computes what ONNX says, keeps names, and refuses what it cannot read with a reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from linalg_runner import CompiledFunction, have_tools, parse
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_models import linear_model, model, node, random, save

from lowbit.frontends import ImportFailure, import_onnx, import_onnx_to_file
from lowbit.frontends.onnx_reader import read_onnx
from lowbit.frontends.onnx_rewrites import rewrite

pytest.importorskip("torch_mlir")
needs_tools = pytest.mark.skipif(not have_tools(), reason="needs the LLVM tools")


def check(proto: onnx.ModelProto, folder: Path, *inputs: np.ndarray, tolerance: float = 2e-6) -> str:
    """Imports, compiles and runs a model and compares it with ONNX's reference. Returns the MLIR text."""
    text = import_onnx(save(proto, folder))
    names = [value.name for value in proto.graph.input]
    expected = ReferenceEvaluator(proto).run(None, dict(zip(names, inputs)))
    for result, reference in zip(CompiledFunction(text, folder)(*inputs), expected, strict=True):
        np.testing.assert_allclose(result, reference, rtol=tolerance, atol=tolerance)
    return text


def body(text: str) -> str:
    return re.sub(r' loc\("[^"]*"\)| loc\(#\w+\)', "", text[: text.find("{-#")] if "{-#" in text else text)


@needs_tools
class TestForm:
    """What the text looks like, which later passes rely on."""

    def test_linear_layer_is_one_matmul_with_a_constant_weight(self, tmp_path: Path) -> None:
        text = check(linear_model(), tmp_path, random(2, 5, 16))
        assert (
            len(re.findall(r"linalg\.matmul ins\(.*%proj\.weight.* tensor<10x16xf32>, tensor<16x24xf32>", body(text)))
            == 1
        )
        assert "batch_matmul" not in text and "linalg.transpose" not in text

    def test_signature_keeps_onnx_names(self, tmp_path: Path) -> None:
        head = next(
            line for line in parse(import_onnx(save(linear_model(), tmp_path))).splitlines() if "func.func" in line
        )
        assert '@main(%arg0: tensor<2x5x16xf32> {lowbit.name = "x"}' in head
        assert '-> (tensor<2x5x24xf32> {lowbit.name = "y"})' in head

    def test_ops_carry_node_names(self, tmp_path: Path) -> None:
        text = import_onnx(save(linear_model(), tmp_path))
        locations = dict(re.findall(r'^(#loc\d*) = loc\("([^"]*)"\)$', text, re.MULTILINE))
        (site,) = re.findall(r"linalg\.matmul.* loc\((#loc\d*)\)$", text, re.MULTILINE)
        assert locations[site] == "proj"

    def test_weights_are_resources_of_their_names(self, tmp_path: Path) -> None:
        proto = linear_model()
        text = import_onnx(save(proto, tmp_path))
        assert "dense_resource<proj.weight> : tensor<16x24xf32>" in text
        blob = re.search(r'proj\.weight: "0x([0-9A-F]*)"', text)
        assert blob is not None and bytes.fromhex(blob.group(1))[4:] == proto.graph.initializer[0].raw_data

    def test_small_constants_stay_in_the_text(self, tmp_path: Path) -> None:
        text = import_onnx(save(linear_model(), tmp_path))
        assert re.search(r"arith\.constant dense<\[.*\]> : tensor<24xf32>", text)

    def test_scalar_operands_become_scalars(self, tmp_path: Path) -> None:
        proto = model([node("Mul", ["x", "s"], "y")], {"x": [3, 4]}, {"y": [3, 4]}, {"s": np.float32(0.25)})
        text = check(proto, tmp_path, random(3, 4))
        assert "arith.constant 2.500000e-01 : f32" in text and "tensor<f32>" not in text

    def test_softmax_reduces_without_an_index(self, tmp_path: Path) -> None:
        proto = model([node("Softmax", ["x"], "y", axis=-1)], {"x": [3, 7]}, {"y": [3, 7]})
        text = check(proto, tmp_path, random(3, 7) * 20)
        assert "i64" not in text and "linalg.index" not in text and text.count("linalg.generic") == 5

    def test_no_attribute_of_the_converter_is_left(self, tmp_path: Path) -> None:
        assert "torch" not in import_onnx(save(linear_model(), tmp_path))

    def test_import_is_deterministic(self, tmp_path: Path) -> None:
        path = save(linear_model(), tmp_path)
        assert import_onnx(path) == import_onnx(path)


@needs_tools
class TestMeaning:
    """Numbers, operator by operator, where the importer rewrites."""

    def test_layer_norm(self, tmp_path: Path) -> None:
        nodes = [node("LayerNormalization", ["x", "w", "b"], "y", axis=-1, epsilon=1e-12)]
        proto = model(nodes, {"x": [2, 3, 80]}, {"y": [2, 3, 80]}, {"w": random(80), "b": random(80, seed=1)})
        check(proto, tmp_path, random(2, 3, 80) * 3 + 1, tolerance=1e-5)

    def test_layer_norm_over_two_axes_without_bias(self, tmp_path: Path) -> None:
        nodes = [node("LayerNormalization", ["x", "w"], "y", axis=1)]
        check(
            model(nodes, {"x": [2, 3, 5]}, {"y": [2, 3, 5]}, {"w": random(3, 5)}),
            tmp_path,
            random(2, 3, 5),
            tolerance=1e-5,
        )

    def test_gelu(self, tmp_path: Path) -> None:
        check(model([node("Gelu", ["x"], "y")], {"x": [4, 9]}, {"y": [4, 9]}), tmp_path, random(4, 9) * 3)

    def test_softmax_over_an_inner_axis_of_large_values(self, tmp_path: Path) -> None:
        proto = model([node("Softmax", ["x"], "y", axis=1)], {"x": [2, 5, 3]}, {"y": [2, 5, 3]})
        check(proto, tmp_path, random(2, 5, 3) * 1000)

    @pytest.mark.parametrize("scale", [1.0, 0.5])
    @pytest.mark.parametrize("transposed", [0, 1])
    def test_gemm(self, tmp_path: Path, transposed: int, scale: float) -> None:
        weight = random(24, 16) if transposed else random(16, 24)
        nodes = [node("Gemm", ["x", "w", "b"], "y", transB=transposed, alpha=scale, beta=scale)]
        text = check(
            model(nodes, {"x": [3, 16]}, {"y": [3, 24]}, {"w": weight, "b": random(24)}), tmp_path, random(3, 16)
        )
        assert "linalg.transpose" not in text and text.count("linalg.matmul") == 1

    def test_gemm_with_transposed_input_and_no_bias(self, tmp_path: Path) -> None:
        proto = model([node("Gemm", ["x", "w"], "y", transA=1)], {"x": [16, 3]}, {"y": [3, 24]}, {"w": random(16, 24)})
        check(proto, tmp_path, random(16, 3))

    def test_transposed_weight_is_folded(self, tmp_path: Path) -> None:
        nodes = [node("Transpose", ["w"], "wt", perm=[1, 0]), node("MatMul", ["x", "wt"], "y")]
        text = check(model(nodes, {"x": [4, 16]}, {"y": [4, 24]}, {"w": random(24, 16)}), tmp_path, random(4, 16))
        assert "linalg.transpose" not in text and "dense_resource<w.transpose>" in text

    def test_square(self, tmp_path: Path) -> None:
        proto = model([node("Pow", ["x", "two"], "y")], {"x": [4, 5]}, {"y": [4, 5]}, {"two": np.float32(2)})
        assert "powf" not in check(proto, tmp_path, random(4, 5))

    def test_reciprocal_of_zero_is_infinite(self, tmp_path: Path) -> None:
        proto = model([node("Reciprocal", ["x"], "y")], {"x": [3]}, {"y": [3]})
        assert "cf.assert" not in check(proto, tmp_path, np.array([0.0, -2.0, 4.0], np.float32))

    def test_gather_reads_rows_and_counts_from_the_end(self, tmp_path: Path) -> None:
        proto = model(
            [node("Gather", ["t", "i"], "y")], {"i": [2, 3]}, {"y": [2, 3, 20]}, {"t": random(10, 20)}, types={"i": 7}
        )
        check(proto, tmp_path, np.array([[0, 9, -1], [-10, 5, 3]], np.int64))

    def test_gather_never_reads_outside_of_the_table(self, tmp_path: Path) -> None:
        table = random(10, 20)
        proto = model([node("Gather", ["t", "i"], "y")], {"i": [2]}, {"y": [2, 20]}, {"t": table}, types={"i": 7})
        text = import_onnx(save(proto, tmp_path))
        (rows,) = CompiledFunction(text, tmp_path)(np.array([2**40, -(2**62)], np.int64))
        np.testing.assert_array_equal(rows, table[[9, 0]])

    def test_shape_arithmetic_is_folded(self, tmp_path: Path) -> None:
        nodes = [
            node("Shape", ["x"], "s"),
            node("Gather", ["s", "zero"], "rows"),
            node("Unsqueeze", ["rows", "axis"], "r"),
            node("Concat", ["r", "rest"], "shape", axis=0),
            node("Reshape", ["x", "shape"], "y"),
        ]
        constants = {"zero": np.int64(0), "axis": np.array([0]), "rest": np.array([-1])}
        check(model(nodes, {"x": [3, 4, 5]}, {"y": [3, 20]}, constants), tmp_path, random(3, 4, 5))

    def test_small_convolutional_network(self, tmp_path: Path) -> None:
        nodes = [
            node("Conv", ["x", "w1", "b1"], "c1", "conv1", pads=[1, 1, 1, 1]),
            node("Relu", ["c1"], "r1"),
            node("MaxPool", ["r1"], "p1", kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["p1", "w2"], "c2", "conv2", strides=[2, 2], group=2),
            node("BatchNormalization", ["c2", "g", "h", "m", "v"], "n2"),
            node("Clip", ["n2", "lo", "hi"], "r2"),
            node("GlobalAveragePool", ["r2"], "a"),
            node("Flatten", ["a"], "f"),
            node("Gemm", ["f", "w3", "b3"], "y", "fc", transB=1),
        ]
        constants = {
            "w1": random(8, 3, 3, 3),
            "b1": random(8),
            "w2": random(6, 4, 3, 3),
            "g": random(6),
            "h": random(6, seed=1),
            "m": random(6, seed=2),
            "v": np.abs(random(6, seed=3)) + 1,
            "lo": np.float32(0),
            "hi": np.float32(6),
            "w3": random(10, 6),
            "b3": random(10),
        }
        text = check(
            model(nodes, {"x": [1, 3, 12, 12]}, {"y": [1, 10]}, constants),
            tmp_path,
            random(1, 3, 12, 12),
            tolerance=1e-5,
        )
        assert text.count("linalg.conv_2d") == 2 and "dense_resource<w1>" in text

    def test_external_data_is_read(self, tmp_path: Path) -> None:
        proto = linear_model()
        expected = import_onnx(save(proto, tmp_path, "inline.onnx"))
        externalize(proto, tmp_path, "weights.bin")
        assert import_onnx(save(proto, tmp_path)) == expected

    def test_free_dimensions_get_the_sizes_asked_for(self, tmp_path: Path) -> None:
        nodes = [node("MatMul", ["x", "w"], "y")]
        proto = model(nodes, {"x": ["batch", "seq", 16]}, {"y": ["batch", "seq", 24]}, {"w": random(16, 24)})
        text = import_onnx(save(proto, tmp_path), dims={"batch": 2, "seq": 5})
        assert "tensor<2x5x16xf32>" in text and "tensor<2x5x24xf32>" in text

    def test_old_operator_sets_are_upgraded(self, tmp_path: Path) -> None:
        nodes = [node("Squeeze", ["x"], "s", axes=[1]), node("Softmax", ["s"], "y", axis=1)]
        check(model(nodes, {"x": [3, 1, 4]}, {"y": [3, 4]}, opset=11), tmp_path, random(3, 1, 4))


def externalize(proto: onnx.ModelProto, folder: Path, location: str) -> None:
    """Moves the first constant's bytes to a file; location is written into the model as it stands."""
    tensor = proto.graph.initializer[0]
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


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

    def test_quantized_model(self, tmp_path: Path) -> None:
        proto = model(
            [node("QuantizeLinear", ["x", "s"], "y", "quant")],
            {"x": [4]},
            {"y": [4]},
            {"s": np.float32(0.1)},
            types={"y": 2},
        )
        refuse(save(proto, tmp_path), "node 'quant' (QuantizeLinear)", "quantized already")

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


class TestCommand:
    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lowbit.frontends.torch_mlir", *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    def test_writes_the_file(self, tmp_path: Path) -> None:
        done = self.run(save(linear_model(), tmp_path), "-o", tmp_path / "model.mlir")
        assert done.returncode == 0 and "func.func @main" in (tmp_path / "model.mlir").read_text()

    def test_failure_leaves_no_file_behind(self, tmp_path: Path) -> None:
        done = self.run(tmp_path / "none.onnx", "-o", tmp_path / "model.mlir")
        assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_failure_keeps_the_earlier_file(self, tmp_path: Path) -> None:
        (tmp_path / "model.mlir").write_text("earlier")
        with pytest.raises(ImportFailure):
            import_onnx_to_file(tmp_path / "none.onnx", tmp_path / "model.mlir")
        assert (tmp_path / "model.mlir").read_text() == "earlier"

    def test_malformed_dimension(self, tmp_path: Path) -> None:
        done = self.run(save(linear_model(), tmp_path), "-o", tmp_path / "model.mlir", "--dim", "batch")
        assert done.returncode == 1 and "--dim 'batch' is not of the form NAME=SIZE" in done.stderr

    def test_missing_converter_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(ModuleNotFoundError, match="pip install onnx numpy"):
            import_onnx(save(linear_model(), tmp_path))

    def test_package_imports_nothing_optional(self) -> None:
        code = """
import sys, lowbit.frontends.torch_mlir, lowbit.models.minilm, lowbit.models.sentences
print([name for name in ("onnx", "torch_mlir", "tokenizers") if name in sys.modules])"""
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
        assert done.stdout.strip() == "[]"
