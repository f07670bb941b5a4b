"""What a saved model takes: codes of a few bits share their bytes in the file, and come back as they were."""

from pathlib import Path

import lowbit
import numpy as np
import pytest

ROWS, DEPTH = 5, 256
# What a file holds besides the bytes of constants: the ops, and at most 64 bytes before each constant to align it.
OVERHEAD = 4096
# Bits that a code of the format takes. Two codes of 6 bits do not fit into a byte.
FORMATS = {"int<4>": 4, "uint<4>": 4, "int<3>": 4, "int<2>": 2, "int<6>": 8, "ternary": 2, "binary": 1, "codebook<nf4>": 4, "float<f4E2M1FN>": 4}


def write_linear(path: Path, columns: int) -> dict[str, np.ndarray]:
    """A float model of one linear layer; returns its input."""
    rng = np.random.default_rng(columns)
    weight, x = rng.normal(size=(DEPTH, columns)).astype(np.float32), rng.normal(size=(ROWS, DEPTH)).astype(np.float32)
    path.write_text(f"""
func.func @main(%x: tensor<{ROWS}x{DEPTH}xf32> {{lowbit.name = "x"}}) -> (tensor<{ROWS}x{columns}xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<w> : tensor<{DEPTH}x{columns}xf32>
  %empty = tensor.empty() : tensor<{ROWS}x{columns}xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<{ROWS}x{columns}xf32>) -> tensor<{ROWS}x{columns}xf32>
  %y = linalg.matmul ins(%x, %w : tensor<{ROWS}x{DEPTH}xf32>, tensor<{DEPTH}x{columns}xf32>)
    outs(%zeros : tensor<{ROWS}x{columns}xf32>) -> tensor<{ROWS}x{columns}xf32>
  return %y : tensor<{ROWS}x{columns}xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w: "0x04000000{weight.tobytes().hex()}" }} }} #-}}
""")
    return {"x": x}


def make_recipe(text: str) -> dict:
    """Weights of the format with a scale a column; activations of 8 bits, or float where codes are no integers."""
    rule: dict = {"kind": "linear", "weight": {"format": text, "per": "channel"}}
    if text == "uint<4>":
        rule["weight"]["zero"] = "i8"
    if "<nf4>" not in text and "float" not in text:
        rule["activation"] = {"format": "int<8>", "per": "token", "mode": "dynamic"}
    return {"version": 1, "name": "stored", "rules": [rule]}


@pytest.mark.parametrize("columns", [512, 509])
@pytest.mark.parametrize("text", FORMATS)
def test_file_is_as_large_as_its_constants(tmp_path: Path, text: str, columns: int) -> None:
    inputs = write_linear(tmp_path / "m.mlir", columns)
    module = lowbit.load(tmp_path / "m.mlir").quantize(make_recipe(text))
    row = -(-columns * FORMATS[text] // 8) if FORMATS[text] < 8 else columns
    assert module.nbytes == DEPTH * row + columns * (5 if text == "uint<4>" else 4)
    report = module.report()
    assert report["bytes"] == {"float": DEPTH * columns * 4, "quantized": module.nbytes}
    assert report["sites"][0]["bytes"] == report["bytes"] and sum(report["sites"][0]["weight_histogram"]["counts"]) == DEPTH * columns
    module.save(tmp_path / "q.mlir")
    assert module.nbytes < (tmp_path / "q.mlir").stat().st_size < module.nbytes + OVERHEAD
    loaded = lowbit.load(tmp_path / "q.mlir")
    assert loaded.nbytes == module.nbytes and loaded.report() == report
    host, again, reference = (m.compile(target=t)(**inputs)["y"] for m, t in ((module, "host"), (loaded, "host"), (module, "reference")))
    assert host.tobytes() == again.tobytes()
    # Float activations are multiplied in another order on vectors.
    if "activation" in make_recipe(text)["rules"][0]:
        assert host.tobytes() == reference.tobytes()
    np.testing.assert_allclose(host, reference, rtol=1e-4, atol=1e-4)


def test_text_holds_the_same(tmp_path: Path) -> None:
    """Text is for people: twice the size, and the same model."""
    inputs = write_linear(tmp_path / "m.mlir", 512)
    module = lowbit.load(tmp_path / "m.mlir").quantize(make_recipe("int<4>"))
    module.save(tmp_path / "q.mlir", text=True)
    loaded = lowbit.load(tmp_path / "q.mlir")
    assert loaded.nbytes == module.nbytes
    assert loaded.compile()(**inputs)["y"].tobytes() == module.compile()(**inputs)["y"].tobytes()


OLDER = """
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<3x64xi8> {lowbit.name = "x"}) -> (tensor<3x7xi32> {lowbit.name = "y"}) {
  %w = arith.constant dense_resource<w> : tensor<64x7xi4>
  %empty = tensor.empty() : tensor<3x7xi32>
  %y = lowbit.contract [#a, #b, #c] lhs(%x <#lowbit.int<8>> : tensor<3x64xi8>) rhs(%w <#lowbit.int<4>> : tensor<64x7xi4>)
    outs(%empty : tensor<3x7xi32>) -> tensor<3x7xi32>
  return %y : tensor<3x7xi32>
}
{-# dialect_resources: { builtin: { w: "0x01000000CODES" } } #-}
"""


@pytest.mark.parametrize("target", ["host", "reference"])
def test_byte_a_code_still_loads(tmp_path: Path, target: str) -> None:
    """Models with a byte for each code, as they were saved once: they count as what they take, run, and can be packed."""
    rng = np.random.default_rng(1)
    x, w = rng.integers(-128, 128, (3, 64)).astype(np.int8), rng.integers(-8, 8, (64, 7)).astype(np.int8)
    (tmp_path / "older.mlir").write_text(OLDER.replace("CODES", (w & 15).astype(np.uint8).tobytes().hex()))
    older = lowbit.load(tmp_path / "older.mlir")
    packed = older.transform("lowbit-pack-constants")
    assert older.nbytes == 64 * 7 and packed.nbytes == 64 * 4
    for module in (older, packed):
        np.testing.assert_array_equal(module.compile(target=target)(x=x)["y"], x.astype(np.int32) @ w)


def test_convolution_reads_packed_filters(tmp_path: Path) -> None:
    """Windows become a matmul although the filter's axes are merged under its packed codes."""
    rng = np.random.default_rng(2)
    filters, x = rng.normal(size=(3, 3, 8, 21)).astype(np.float32), rng.normal(size=(1, 7, 9, 8)).astype(np.float32)
    (tmp_path / "m.mlir").write_text(f"""
func.func @main(%x: tensor<1x7x9x8xf32> {{lowbit.name = "x"}}) -> (tensor<1x5x7x21xf32> {{lowbit.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<w> : tensor<3x3x8x21xf32>
  %empty = tensor.empty() : tensor<1x5x7x21xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x5x7x21xf32>) -> tensor<1x5x7x21xf32>
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x7x9x8xf32>, tensor<3x3x8x21xf32>) outs(%zeros : tensor<1x5x7x21xf32>) -> tensor<1x5x7x21xf32>
  return %y : tensor<1x5x7x21xf32>
}}
{{-# dialect_resources: {{ builtin: {{ w: "0x04000000{filters.tobytes().hex()}" }} }} #-}}
""")
    rule = {"kind": "conv", "weight": {"format": "int<4>", "per": "channel"}, "activation": {"format": "uint<8>", "zero": "i8", "mode": "dynamic"}}
    module = lowbit.load(tmp_path / "m.mlir").quantize({"version": 1, "name": "conv", "rules": [rule]})
    assert module.nbytes == 9 * 8 * 11 + 21 * 4
    packed = str(module.transform("lowbit-unfold-windows{target=host},lowbit-pack-weights{target=host}"))
    assert "#lowbit.panel" in packed and "affine_map<(d0, d1, d2)" in packed
    host, reference = (module.compile(target=target)(x=x)["y"] for target in ("host", "reference"))
    assert host.tobytes() == reference.tobytes()
