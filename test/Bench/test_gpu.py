"""What `scripts/bench gpu` measures: the texts compile, and in the simulator their results are right, at small sizes."""

from __future__ import annotations

from pathlib import Path

import lowbit
import ml_dtypes
import numpy as np
import pytest

from bench.gpu.cases import FEW_BITS, FLOATS, KINDS, Case, cases
from bench.gpu.lanes import lane_weights
from bench.gpu.models import BUILDERS, GROUP, STEP

SIZES = ((1, 8, 128), (17, 40, 256))


def random_arrays(case: Case) -> dict[str, np.ndarray]:
    """Arguments by name, in order."""
    generator = np.random.default_rng(case.m + case.n)
    if case.kind in FEW_BITS:
        return few_bits(case, generator)
    if case.kind == "float8":
        sides = {
            name: generator.integers(-3, 4, (size, case.k)).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
            for name, size in (("a", case.m), ("b", case.n))
        }
        return sides | {name: generator.random((size, 1), np.float32) for name, size in (("rows", case.m), ("columns", case.n))}
    if case.kind in FLOATS:  # sums of which are exact
        shapes = [((case.m, case.k), (case.n, case.k)), ((case.m, case.k), (case.k, case.n)), ((case.k, case.m), (case.k, case.n))]
        return {name: generator.integers(-8, 9, shape).astype(np.float32) for name, shape in zip("ab", shapes[FLOATS.index(case.kind)])}
    if case.kind == "batched":
        return {
            name: generator.integers(-128, 128, (case.batches, size, case.k)).astype(np.int8)
            for name, size in (("a", case.m), ("b", case.n))
        }
    width = case.k // 8 if case.kind == "binary" else case.k
    a, b = (generator.integers(0, 256, (size, width)).astype(np.uint8) for size in (case.m, case.n))
    arrays = {"a": a if case.kind == "u8" else a.view(np.int8), "b": b.view(np.int8)}
    if case.kind == "requantize":
        arrays["scale"] = (generator.random(case.n) * 2e-3 / case.k**0.5 + 1e-6).astype(np.float32)
        arrays["bias"] = generator.normal(size=case.n).astype(np.float32)
    if case.kind == "dequantize":
        arrays |= {name: (generator.random((size, 1)) * 1e-3).astype(np.float32) for name, size in (("rows", case.m), ("columns", case.n))}
    if case.kind == "binary":
        rows, columns = (np.unpackbits(side, axis=1).sum(1, dtype=np.int32) for side in (a, b))
        arrays |= {"rows": rows[:, None], "columns": columns[None]}
    return arrays


def reference(kind: str, x: dict[str, np.ndarray]) -> np.ndarray:
    """As the definition of the kind says."""
    if kind in FEW_BITS:
        return x["expected"]
    if kind in FLOATS:
        return (x["a"].T if kind == "f32_tn" else x["a"]) @ (x["b"].T if kind == "f32_nt" else x["b"])
    if kind == "batched":
        return x["a"].astype(np.int32) @ x["b"].astype(np.int32).swapaxes(1, 2)
    if kind == "binary":
        a, b = (np.unpackbits(x[side].view(np.uint8), axis=1, bitorder="little").astype(np.int32) * 2 - 1 for side in ("a", "b"))
        return a @ b.T
    sums = x["a"].astype(np.float32).astype(np.int32) @ x["b"].astype(np.float32).astype(np.int32).T
    if kind == "float8":
        return (sums.astype(np.float32) * x["rows"] * x["columns"].T).astype(ml_dtypes.bfloat16)
    if kind == "requantize":
        return np.rint((sums.astype(np.float32) * x["scale"] + x["bias"]) / np.float32(STEP)).clip(-128, 127).astype(np.int8)
    if kind == "dequantize":
        return (sums.astype(np.float32) * x["rows"] * x["columns"].T).astype(np.float16)
    return sums


# Weights that stand for reals: test/Integration/GPU/test_levels.py compares their kernels.
LEVELS = ("nf4", "mxfp4", "nvfp4")


def few_bits(case: Case, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Arguments, and the result: exact dots, added group after group with one rounding each."""
    m, n, k, codes = case.m, case.n, case.k, case.kind.endswith("a8")
    width, group, low, high = {"w4": (4, GROUP, -8, 7), "w2": (2, 64, -2, 1), "te": (2, 0, -1, 1)}[case.kind[:2]]
    a = generator.integers(-128, 128, (m, k)).astype(np.int8) if codes else generator.integers(-8, 9, (m, k)).astype(np.float16)
    numbers = generator.integers(low, high + 1, (n, k))
    x = {"a": a, "b": lane_weights(numbers, width, 8 if codes else 16, group).view(np.int8)}
    total = np.zeros((m, n), np.float32)
    if group:
        x["scales"] = np.zeros((k // group, -(-n // 16) * 16), np.float16)
        x["scales"][:, :n] = generator.uniform(0.01, 0.1, (k // group, n))
        for i, scales in enumerate(x["scales"][:, :n]):
            part = slice(i * group, (i + 1) * group)
            total = (a[:, part].astype(np.int64) @ numbers[:, part].T * scales.astype(np.float64) + total).astype(np.float32)
    else:
        total = (a.astype(np.int64) @ numbers.T).astype(np.float32)
    if codes:
        x["rows"] = (generator.random((m, 1)) * 1e-3).astype(np.float32)
        total = total * x["rows"]
    if not group:
        x["columns"] = (generator.random((1, n)) * 1e-2).astype(np.float32)
        total = total * x["columns"]
    return x | {"expected": total.astype(np.float16)}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [kind for kind in BUILDERS if kind not in LEVELS])
def test_results(tmp_path: Path, kind: str, size: tuple[int, int, int]) -> None:
    case = Case(kind, *size, batches=3 if kind == "batched" else 0)
    (tmp_path / "m.mlir").write_text(BUILDERS[kind](case))
    arrays = random_arrays(case)
    expected = reference(kind, arrays)
    arrays.pop("expected", None)
    found = lowbit.load(tmp_path / "m.mlir", entry=case.name).compile("gpu-sim")(*arrays.values())["y"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_cases_differ(kind: str) -> None:
    names = [case.name for case in cases(kind)]
    assert len(set(names)) == len(names)
