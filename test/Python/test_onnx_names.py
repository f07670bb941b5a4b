"""Sites and weights bear the module paths of the source, whichever of PyTorch's exporters wrote the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from lowbit.frontends.onnx_model import OnnxModel
from lowbit.frontends.onnx_reader import read_onnx
from lowbit.frontends.onnx_rewrites import rewrite
from onnx_models import model, node, random, save

LINEAR = {"w": random(16, 16), "layer.0.query.bias": random(16)}


def imported(proto: onnx.ModelProto, folder: Path) -> OnnxModel:
    result = read_onnx(save(proto, folder))
    rewrite(result)
    return result


def names(result: OnnxModel, op: str) -> list[str]:
    return [entry.name for entry in result.proto.graph.node if entry.op_type == op]


def slashed(weight: str = "onnx::MatMul_7") -> onnx.ModelProto:
    """Two products and an addition in module layer.0.query, as the older exporter writes them."""
    nodes = [
        node("MatMul", ["x", weight], "h", "/layer.0/query/MatMul"),
        node("Add", ["layer.0.query.bias", "h"], "q", "/layer.0/query/Add"),
        node("MatMul", ["q", "x"], "s", "/layer.0/MatMul"),
        node("MatMul", ["s", "x"], "t", "/layer.0/MatMul_1"),
        node("Relu", ["t"], "y", "/Relu"),
    ]
    constants = {weight: LINEAR["w"], "layer.0.query.bias": LINEAR["layer.0.query.bias"]}
    return model(nodes, {"x": [16, 16]}, {"y": [16, 16]}, constants)


def scoped() -> onnx.ModelProto:
    """The same as the newer exporter writes it: paths in the metadata, nodes numbered."""
    proto = slashed("val_3")
    paths = ["layer.0.query", "layer.0.query", "layer.0", "layer.0", None]
    for index, (entry, path) in enumerate(zip(proto.graph.node, paths, strict=True)):
        entry.name = f"node_{index}"
        scopes = ["", *[path] * (path is not None), entry.op_type.lower()]
        entry.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(scopes))
    return proto


@pytest.mark.parametrize("proto", [slashed(), scoped()], ids=["older", "newer"])
class TestBothExporters:
    def test_node_with_a_weight_is_named_after_its_module(self, proto: onnx.ModelProto, tmp_path: Path) -> None:
        assert names(imported(proto, tmp_path), "MatMul") == ["layer.0.query", "layer.0.MatMul", "layer.0.MatMul.1"]

    def test_other_nodes_add_their_operator(self, proto: onnx.ModelProto, tmp_path: Path) -> None:
        result = imported(proto, tmp_path)
        assert names(result, "Add") == ["layer.0.query.Add"] and names(result, "Relu") == ["Relu"]

    def test_numbered_weight_is_named_after_its_node(self, proto: onnx.ModelProto, tmp_path: Path) -> None:
        assert list(imported(proto, tmp_path).weights) == ["layer.0.query.weight"]


def test_named_weight_keeps_its_name(tmp_path: Path) -> None:
    assert list(imported(slashed("layer.0.kernel"), tmp_path).weights) == ["layer.0.kernel"]


def test_numbered_weight_of_two_nodes_keeps_its_number(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "val_0"], "h", "first"), node("MatMul", ["h", "val_0"], "y", "second")]
    proto = model(nodes, {"x": [16, 16]}, {"y": [16, 16]}, {"val_0": LINEAR["w"]})
    assert list(imported(proto, tmp_path).weights) == ["val_0"]


def test_name_that_is_taken_is_not_given_to_a_weight(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "val_0"], "h", "proj"), node("Add", ["h", "proj.weight"], "y")]
    proto = model(nodes, {"x": [16, 16], "proj.weight": [16]}, {"y": [16, 16]}, {"val_0": LINEAR["w"]})
    assert list(imported(proto, tmp_path).weights) == ["val_0"]


def test_other_names_stay(tmp_path: Path) -> None:
    proto = model([node("Relu", ["x"], "y", "model/activation")], {"x": [4]}, {"y": [4]})
    assert names(imported(proto, tmp_path), "Relu") == ["model/activation"]


def test_unnamed_node_is_named_after_its_output(tmp_path: Path) -> None:
    proto = model([node("Relu", ["x"], "y")], {"x": [4]}, {"y": [4]})
    proto.graph.node[0].name = ""
    assert names(imported(proto, tmp_path), "Relu") == ["y"]


def test_equal_names_are_numbered(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], "h", "act"), node("Relu", ["h"], "y", "act")]
    assert names(imported(model(nodes, {"x": [4]}, {"y": [4]}), tmp_path), "Relu") == ["act", "act.1"]


def test_folded_weight_keeps_its_origin(tmp_path: Path) -> None:
    nodes = [node("Transpose", ["fc.weight"], "wt", perm=[1, 0]), node("MatMul", ["x", "wt"], "y", "fc")]
    weight = random(24, 16)
    result = imported(model(nodes, {"x": [4, 16]}, {"y": [4, 24]}, {"fc.weight": weight}), tmp_path)
    np.testing.assert_array_equal(result.weights["fc.weight.transpose"], weight.T)


def test_folding_goes_on_where_a_folded_shape_makes_it_possible(tmp_path: Path) -> None:
    """As exporters write position ids: a table sliced to the length of the input, which is known once it is folded."""
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", "one"], "length"),
        node("Unsqueeze", ["length", "zero"], "end"),
        node("Slice", ["positions", "zero", "end", "axis"], "ids"),
        node("Gather", ["table", "ids"], "rows"),
        node("Squeeze", ["rows", "zero"], "embedding"),
        node("Add", ["x", "embedding"], "y"),
    ]
    constants = {
        "one": np.int64(1), "zero": np.array([0]), "axis": np.array([1]),
        "positions": np.arange(100)[None], "table": random(100, 20),
    }  # fmt: skip
    result = imported(model(nodes, {"x": [2, 7, 20]}, {"y": [2, 7, 20]}, constants), tmp_path)
    assert [entry.op_type for entry in result.proto.graph.node] == ["Add"]
    (weight,) = result.weights.values()
    np.testing.assert_array_equal(weight, constants["table"][:7])
