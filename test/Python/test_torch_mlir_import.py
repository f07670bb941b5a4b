"""ONNX to linalg: the result computes what ONNX says, keeps names, and refuses what it cannot read with a reason."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from linalg_runner import CompiledFunction, parse
from lowbit.frontends import ImportFailure, import_onnx, import_onnx_to_file
from onnx.reference import ReferenceEvaluator
from onnx_models import externalize, linear_model, model, node, random, run_python, save


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

    def test_constant_that_is_all_the_same_and_reduced(self, tmp_path: Path) -> None:
        nodes = [node("ReduceSum", ["c", "axis"], "s", keepdims=0), node("Add", ["x", "s"], "y")]
        constants = {"c": np.full((3, 4), 0.5, np.float32), "axis": np.array([0])}
        check(model(nodes, {"x": [4]}, {"y": [4]}, constants), tmp_path, random(4))

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


class TestCommand:
    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return run_python("-m", "lowbit.frontends.torch_mlir", *arguments)

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
        assert run_python("-c", code).stdout.strip() == "[]"
