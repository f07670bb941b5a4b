"""Operators that ONNX defines by other operators: what a decoder of today is exported with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from linalg_runner import CompiledFunction
from lowbit.frontends import ImportFailure, import_onnx
from lowbit.frontends.onnx_reader import read_onnx
from lowbit.frontends.onnx_rewrites import rewrite
from onnx.reference import ReferenceEvaluator
from onnx_models import model, node, random, save

HEADS = {"q": [1, 4, 5, 8], "k": [1, 2, 5, 8], "v": [1, 2, 5, 8]}


def attention(**attributes: object) -> onnx.ModelProto:
    """Grouped attention: four heads of queries, two of keys and values."""
    return model(
        [node("Attention", ["q", "k", "v"], "y", "block.attention", **attributes)], HEADS, {"y": HEADS["q"]}, opset=24
    )


def check(proto: onnx.ModelProto, folder: Path, *inputs: np.ndarray) -> None:
    expected = ReferenceEvaluator(proto).run(None, dict(zip([value.name for value in proto.graph.input], inputs)))
    found = CompiledFunction(import_onnx(save(proto, folder)), folder)(*inputs)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("attributes", [{}, {"is_causal": 1}, {"scale": 0.5, "softcap": 2.0}], ids=str)
def test_grouped_attention(attributes: dict[str, float], tmp_path: Path) -> None:
    check(attention(**attributes), tmp_path, *[random(*shape, seed=seed) for seed, shape in enumerate(HEADS.values())])


def test_rotary_embedding(tmp_path: Path) -> None:
    nodes = [node("RotaryEmbedding", ["x", "cos", "sin"], "y")]
    angles = np.arange(20).reshape(1, 5, 4) / 7
    constants = {"cos": np.cos(angles).astype(np.float32), "sin": np.sin(angles).astype(np.float32)}
    check(model(nodes, {"x": [1, 4, 5, 8]}, {"y": [1, 4, 5, 8]}, constants, opset=23), tmp_path, random(1, 4, 5, 8))


def test_root_mean_square_norm(tmp_path: Path) -> None:
    nodes = [node("RMSNormalization", ["x", "w"], "y", axis=-1, epsilon=1e-6)]
    check(model(nodes, {"x": [3, 80]}, {"y": [3, 80]}, {"w": random(80)}, opset=23), tmp_path, random(3, 80))


def test_parts_are_named_after_the_node(tmp_path: Path) -> None:
    text = import_onnx(save(attention(), tmp_path))
    locations = dict(re.findall(r'^(#loc\d*) = loc\("([^"]*)"\)$', text, re.MULTILINE))
    products = re.findall(r"linalg\.batch_matmul .* loc\((#loc\d*)\)$", text, re.MULTILINE)
    assert [locations[name] for name in products] == ["block.attention.MatMul", "block.attention.MatMul.1"]


def test_two_of_a_kind_do_not_share_values(tmp_path: Path) -> None:
    nodes = [
        node("RMSNormalization", ["x", "a"], "h", "first", axis=-1),
        node("RMSNormalization", ["h", "b"], "y", "second", axis=-1),
    ]
    constants = {"a": random(80), "b": random(80, seed=1)}
    check(model(nodes, {"x": [3, 80]}, {"y": [3, 80]}, constants, opset=23), tmp_path, random(3, 80))


def test_nothing_is_left_of_shape_arithmetic(tmp_path: Path) -> None:
    result = read_onnx(save(attention(is_causal=1), tmp_path))
    rewrite(result)
    left = {entry.op_type for entry in result.proto.graph.node}
    assert left.isdisjoint({"Shape", "Range", "CastLike", "Constant", "Less", "Cast"})


def test_definition_that_cannot_be_expanded_is_refused(tmp_path: Path) -> None:
    proto = attention()
    proto.graph.node[0].input.extend(["", "", "", "length"])
    proto.graph.input.append(onnx.helper.make_tensor_value_info("length", 7, [1]))
    with pytest.raises(ImportFailure, match=r"node 'block.attention' \(Attention\).*cannot be"):
        import_onnx(save(proto, tmp_path))
