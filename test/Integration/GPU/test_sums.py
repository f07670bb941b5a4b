"""Reductions on a GPU's simulator: by one thread, by a warp, in two steps, along one axis and several. Numbers are whole, so that sums are exact."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import lowbit
import numpy as np
import pytest
from lowered import Lowered
from mutants import check_mutants

# Sizes, and the axes that are reduced.
CASES = [
    ((40, 3, 70), (0, 1, 2)),
    ((33, 17, 5), (0, 1, 2)),
    ((16, 64, 40), (0, 1)),
    ((16, 64, 7), (0, 1)),
    ((4096,), (0,)),
    ((4099,), (0,)),
    ((3, 2048), (1,)),
    ((2, 33, 7), (1, 2)),
    ((5, 4, 9, 6), (1, 3)),
    ((64, 3), (0,)),
    ((3, 31), (1,)),
]
KINDS = {
    "sum": ("f32", "arith.addf %o, %a : f32", "0.0", np.sum),
    "largest": ("f32", "arith.maximumf %o, %a : f32", "0xFF800000", np.max),
    "integers": ("i32", "arith.addi %o, %a : i32", "0", np.sum),
}


def write(path: Path, kind: str, cases: list[tuple[tuple[int, ...], tuple[int, ...]]] = CASES) -> Path:
    element, combine, neutral, _ = KINDS[kind]
    lines, arguments, results = [f"%z = arith.constant {neutral} : {element}"], [], []
    for i, (shape, axes) in enumerate(cases):
        rest = [size for axis, size in enumerate(shape) if axis not in axes]
        source, result = (f"tensor<{''.join(f'{size}x' for size in sizes)}{element}>" for sizes in (shape, rest))
        dims = [f"d{axis}" for axis in range(len(shape))]
        kept = [dim for axis, dim in enumerate(dims) if axis not in axes]
        iterators = ", ".join('"reduction"' if axis in axes else '"parallel"' for axis in range(len(shape)))
        maps = f"affine_map<({', '.join(dims)}) -> ({', '.join(dims)})>, affine_map<({', '.join(dims)}) -> ({', '.join(kept)})>"
        lines += [
            f"%e{i} = tensor.empty() : {result}",
            f"%f{i} = linalg.fill ins(%z : {element}) outs(%e{i} : {result}) -> {result}",
            f"%r{i} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} ins(%x{i} : {source}) outs(%f{i} : {result}) {{",
            f"^bb0(%a: {element}, %o: {element}):\n%v = {combine}\nlinalg.yield %v : {element}\n}} -> {result}",
        ]
        arguments.append(f'%x{i}: {source} {{lowbit.name = "x{i}"}}')
        results.append((f"%r{i}", f'{result} {{lowbit.name = "r{i}"}}', result))
    values, named, types = (", ".join(parts) for parts in zip(*results, strict=True))
    body = "\n".join(lines)
    path.write_text(f"func.func @main({', '.join(arguments)}) -> ({named}) {{\n{body}\nreturn {values} : {types}\n}}")
    return path


def check(folder: Path, kind: str, target: str) -> None:
    """All cases on `target`, to the bit."""
    random, dtype = np.random.default_rng(3), np.int32 if kind == "integers" else np.float32
    inputs = {f"x{i}": random.integers(-40, 40, shape).astype(dtype) for i, (shape, _) in enumerate(CASES)}
    found = lowbit.load(write(folder / "m.mlir", kind)).compile(target)(**inputs)
    for i, (_, axes) in enumerate(CASES):
        np.testing.assert_array_equal(found[f"r{i}"], KINDS[kind][3](inputs[f"x{i}"], axis=axes), err_msg=str(CASES[i]))


@pytest.mark.parametrize("kind", KINDS)
def test_reductions(tmp_path: Path, kind: str) -> None:
    check(tmp_path, kind, "gpu-sim")


def test_mutants(tmp_path: Path) -> None:
    """Sums by warps, of one part of an axis each, which they add to what is there; the kernel that adds up the parts is one thread's."""
    lowered = Lowered(write(tmp_path / "m.mlir", "integers", [((16, 64, 7), (0, 1))]), "nvptx:sm_80")
    numbers = np.random.default_rng(3).integers(-40, 40, (16, 64, 7)).astype(np.int32)
    before = np.full((16, 7), 0xCCCCCCCC, np.uint32).view(np.int32)  # what memory of results holds at first
    np.save(tmp_path / "x.npy", numbers)
    np.save(tmp_path / "y.npy", numbers.sum(1, dtype=np.int32) + before)
    [kernel] = re.findall(r"gpu.func @(\w+)(?:(?!gpu.func)[\s\S])*?nvvm.shfl.sync", lowered.text)
    check_mutants(partial(lowered.run, kernel, [f"in={tmp_path}/x.npy", f"result={tmp_path}/y.npy"]))
