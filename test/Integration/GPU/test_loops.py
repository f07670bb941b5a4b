"""Elementwise ops of so many elements that a thread computes several neighbours, beside the loops of `reference`, to the bit."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

ROWS, COLUMNS = 1024, 320  # enough for 16 neighbours on 72 multiprocessors
DIMS = "affine_map<(i, j) -> (i, j)>"
ROW, COLUMN, TURNED = (f"affine_map<(i, j) -> ({places})>" for places in ("i", "j", "j, i"))
TYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i32": np.int32, "i16": np.int16, "i8": np.int8, "i1": np.bool_}

# Operands (map, type), type of the result, number of neighbours, ops of values %0, %1 and so on, the last of which is the result.
CASES = {
    "f64": ([(DIMS, "f64")], "f64", 2, "%r = arith.addf %0, %0 : f64"),
    "codes": ([(DIMS, "f32"), (ROW, "f32")], "i8", 4, "%p = arith.mulf %0, %1 : f32\n%r = arith.fptosi %p : f32 to i8"),
    "halves": ([(DIMS, "f16"), (COLUMN, "f16")], "f16", 8, "%r = arith.mulf %0, %1 : f16"),
    "bytes": ([(DIMS, "i8"), (DIMS, "i8")], "i8", 16, "%r = arith.addi %0, %1 : i8"),
    "wide": ([(DIMS, "i8"), (ROW, "i32")], "i32", 4, "%w = arith.extsi %0 : i8 to i32\n%r = arith.addi %w, %1 : i32"),
    "bits": ([(DIMS, "i8")], "i1", 16, "%z = arith.constant 0 : i8\n%r = arith.cmpi slt, %0, %z : i8"),
    "chosen": ([(DIMS, "i1"), (DIMS, "i16")], "i16", 8, "%z = arith.constant -1 : i16\n%r = arith.select %0, %1, %z : i16"),
    "turned": ([(TURNED, "i8"), (DIMS, "i8")], "i8", 16, "%r = arith.subi %0, %1 : i8"),
    "places": (
        [(DIMS, "i32")],
        "i32",
        4,
        "%i = linalg.index 0 : index\n%j = linalg.index 1 : index\n%s = arith.muli %i, %j : index\n%t = arith.index_cast %s : index to i32\n%r = arith.addi %0, %t : i32",
    ),
    "table": (
        [(ROW, "i32")],
        "i8",
        16,
        "%k = arith.index_cast %0 : i32 to index\n%j = linalg.index 1 : index\n%r = tensor.extract %table[%k, %j] : tensor<50x320xi8>",
    ),
}


def write(path: Path, case: str) -> Path:
    operands, element, _, ops = CASES[case]
    sizes = {DIMS: f"{ROWS}x{COLUMNS}x", TURNED: f"{COLUMNS}x{ROWS}x", ROW: f"{ROWS}x", COLUMN: f"{COLUMNS}x"}
    types = [f"tensor<{sizes[place]}{kind}>" for place, kind in operands]
    result = f"tensor<{ROWS}x{COLUMNS}x{element}>"
    arguments = [
        *(f'%x{i}: {kind} {{lowbit.name = "x{i}"}}' for i, kind in enumerate(types)),
        '%table: tensor<50x320xi8> {lowbit.name = "table"}',
    ]
    maps, names = ", ".join([*(place for place, _ in operands), DIMS]), ", ".join(f"%x{i}" for i in range(len(operands)))
    block = ", ".join([*(f"%{i}: {kind}" for i, (_, kind) in enumerate(operands)), f"%o: {element}"])
    path.write_text(f"""
func.func @main({", ".join(arguments)}) -> ({result} {{lowbit.name = "y"}}) {{
  %e = tensor.empty() : {result}
  %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel"]}} ins({names} : {", ".join(types)}) outs(%e : {result}) {{
  ^bb0({block}):
    {ops}
    linalg.yield %r : {element}
  }} -> {result}
  return %y : {result}
}}""")
    return path


def draw(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if kind[0] == "f":
        return rng.standard_normal(shape).astype(TYPES[kind])
    most = {"i1": 2, "i32": 50}.get(kind, 128)
    return rng.integers(0 if most < 128 else -most, most, shape).astype(TYPES[kind])


def check(folder: Path, case: str, target: str) -> lowbit.Module:
    """`target` beside the loops of `reference`."""
    operands, rng = CASES[case][0], np.random.default_rng(len(case))
    shapes = {DIMS: (ROWS, COLUMNS), TURNED: (COLUMNS, ROWS), ROW: (ROWS,), COLUMN: (COLUMNS,)}
    inputs = {f"x{i}": draw(rng, kind, shapes[place]) for i, (place, kind) in enumerate(operands)} | {
        "table": draw(rng, "i8", (50, COLUMNS))
    }
    model = lowbit.load(write(folder / "m.mlir", case))
    found, want = (model.compile(name)(**inputs)["y"] for name in (target, "reference"))
    np.testing.assert_array_equal(found, want)
    return model


@pytest.mark.parametrize("case", CASES)
def test_neighbours(tmp_path: Path, case: str) -> None:
    model = check(tmp_path, case, "gpu-sim:sm_75")
    (launch,) = model.report(target="nvptx:sm_75")["gpu"]["launches"]
    assert launch["blocks"] == ROWS * COLUMNS // 256 // CASES[case][2]
