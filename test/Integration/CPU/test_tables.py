"""Run twins of table lookups: rows of codes of every format, packed or not, are on every target what the reference says they are."""

from pathlib import Path

import lowbit
import numpy as np
import pytest
from sweeps import SIMULATED, TARGETS

ROWS, LOOKUPS = 50, 9
FORMATS = ["int<8>", "int<6>", "int<4>", "uint<4>", "int<3>", "int<2>", "ternary", "binary", "codebook<nf4>", "float<f4E2M1FN>"]
# Rows of whole vectors, of a vector and a rest, of a rest that begins a byte in vain.
WIDTHS = [64, 37, 8, 3]


def write_lookup(path: Path, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """A float model of one lookup; returns the table and the rows that are looked up."""
    rng = np.random.default_rng(columns)
    table, ids = rng.normal(size=(ROWS, columns)).astype(np.float32), rng.integers(0, ROWS, LOOKUPS)
    path.write_text(f"""
func.func @main(%ids: tensor<{LOOKUPS}xi64> {{lowbit.name = "ids"}}) -> (tensor<{LOOKUPS}x{columns}xf32> {{lowbit.name = "y"}}) {{
  %table = arith.constant dense_resource<table> : tensor<{ROWS}x{columns}xf32>
  %empty = tensor.empty() : tensor<{LOOKUPS}x{columns}xf32>
  %y = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%ids : tensor<{LOOKUPS}xi64>) outs(%empty : tensor<{LOOKUPS}x{columns}xf32>) {{
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 1 : index
    %element = tensor.extract %table[%row, %column] : tensor<{ROWS}x{columns}xf32>
    linalg.yield %element : f32
  }} -> tensor<{LOOKUPS}x{columns}xf32>
  return %y : tensor<{LOOKUPS}x{columns}xf32>
}}
{{-# dialect_resources: {{ builtin: {{ table: "0x04000000{table.tobytes().hex()}" }} }} #-}}
""")
    return table, ids


def quantize(path: Path, text: str, group: int) -> lowbit.Module:
    weight: dict = {"format": text, "per": "channel", "scale": "f16"}
    if group:
        weight["group"] = group
    if text == "uint<4>":
        weight["zero"] = "i8"
    return lowbit.load(path).quantize({"version": 1, "name": "table", "rules": [{"kind": "embedding", "weight": weight}]})


@pytest.mark.parametrize(("columns", "group"), [*((width, 0) for width in WIDTHS), (64, 32), (64, 4), (24, 8)])
@pytest.mark.parametrize("text", FORMATS)
def test_bits(tmp_path: Path, text: str, columns: int, group: int) -> None:
    table, ids = write_lookup(tmp_path / "m.mlir", columns)
    module = quantize(tmp_path / "m.mlir", text, group)
    reference = module.compile(target="reference")(ids=ids)["y"]
    # Two levels are half a range apart, which a sign alone may be off by.
    assert np.abs(reference - table[ids]).max() <= np.abs(table).max()
    targets = [*TARGETS, *SIMULATED] if (columns, group) in ((37, 0), (64, 32)) else TARGETS
    different = [target for target in targets if module.compile(target=target)(ids=ids)["y"].tobytes() != reference.tobytes()]
    assert not different


def test_rows_are_as_dequantized(tmp_path: Path) -> None:
    """Every code of every row is the nearest level, whatever its place in the byte."""
    table, _ = write_lookup(tmp_path / "m.mlir", 37)
    module = quantize(tmp_path / "m.mlir", "int<4>", 0)
    scales = (np.abs(table).max(1, keepdims=True) / 7).astype(np.float16).astype(np.float32)
    expected = np.clip(np.rint(table / scales), -8, 7) * scales
    function = module.compile()
    for first in range(0, ROWS, LOOKUPS):
        ids = np.minimum(np.arange(first, first + LOOKUPS), ROWS - 1)
        np.testing.assert_array_equal(function(ids=ids)["y"], expected[ids])
    assert module.nbytes == ROWS * (19 + 2)
