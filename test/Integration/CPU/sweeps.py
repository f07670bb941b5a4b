"""What run twins share: modules of many cases, the machines that run them, and whether all give the same bits."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
QUANT_OPT = ROOT / "build/bin/quant-opt"
QUANT_RUN = ROOT / "build/bin/quant-run"
FLAGS = {
    "generic": set(),
    "x86-64-avx2": {"avx2", "fma", "bmi2"},
    "x86-64-avxvnni": {"avx_vnni", "fma", "bmi2"},
    "x86-64-avxvnniint8": {"avx_vnni_int8", "fma", "bmi2"},
    "x86-64-avx512vnni": {"avx512_vnni", "avx512_vpopcntdq", "avx512_bitalg", "avx512_vbmi2"},
    "x86-64-avx512bf16": {"avx512_vnni", "avx512_vpopcntdq", "avx512_bitalg", "avx512_vbmi2", "avx512_bf16"},
    "x86-64-avx10.2": {"avx10_2"},
    "x86-64-amx-int8": {"amx_int8", "avx512_vnni"},
}
MAPS = "[affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> {rhs}>, affine_map<(m, n, k) -> (m, n)>, affine_map<(m, n, k) -> (n)>]"


def machine_flags() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":")[1].split())
    return set()


TARGETS = [name for name, flags in FLAGS.items() if flags <= machine_flags()]
# Machines whose kernels the simulator runs: with matrix units and copies of rows, and without.
SIMULATED = ["gpu-sim", "gpu-sim:sm_75"]


def literal(array: np.ndarray) -> str:
    return f'dense<"0x{array.tobytes().hex().upper()}">' if array.size > 1 else f"dense<{array.ravel()[0]}>"


def random_codes(rng: np.random.Generator, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """The smallest and the largest code among them."""
    codes = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max + 1, shape).astype(dtype)
    codes.flat[: min(2, codes.size)] = (np.iinfo(dtype).min, np.iinfo(dtype).max)[: codes.size]
    return codes


@dataclass
class Part:
    """One case: the ops, their result as `%value : type`, types and arrays of its arguments by name, and what numpy says."""

    text: str
    result: str
    types: Mapping[str, str]
    inputs: dict[str, np.ndarray]
    expected: np.ndarray
    resources: Iterable[str] = ()
    allowed: np.ndarray | float = 0.0
    """By how much the result may miss what numpy says."""

    @property
    def arguments(self) -> str:
        return ", ".join(f'%{name}: {self.types[name]} {{lowbit.name = "{name}"}}' for name in self.inputs)


class Sweep(NamedTuple):
    """A folder with one module of all cases and its inputs; results are `r0`, `r1` and so on."""

    folder: Path
    parts: list[Part]

    def run(self, target: str) -> list[np.ndarray]:
        results = run(self.folder, target)
        return [results[f"r{i}"] for i in range(len(self.parts))]

    def check_bits(self, target: str, expected: list[np.ndarray] | None = None) -> None:
        """Every result has the bits of `expected`, or what numpy says."""
        if expected is None:
            expected = [part.expected for part in self.parts]
        different = [f"r{i}" for i, (found, known) in enumerate(zip(self.run(target), expected, strict=True)) if found.tobytes() != known.tobytes()]
        assert not different, f"{different} differ on {target}"


    def check_sums(self, target: str) -> None:
        """No result misses what numpy says by more than it may."""
        missing = [np.abs(found - part.expected) - part.allowed for found, part in zip(self.run(target), self.parts, strict=True)]
        wrong = {f"r{i}": float(miss.max()) for i, miss in enumerate(missing) if not (miss <= 0).all()}
        assert not wrong, f"{len(wrong)} of {len(self.parts)} on {target}, by so much too far: {wrong}"


def write_sweep(folder: Path, parts: list[Part]) -> Sweep:
    """Writes m.mlir and in.npz."""
    values, types = zip(*(part.result.split(" : ") for part in parts), strict=True)
    results = ", ".join(f'{kind} {{lowbit.name = "r{i}"}}' for i, kind in enumerate(types))
    body = "".join(part.text for part in parts) + f"  return {', '.join(values)} : {', '.join(types)}\n"
    text = f"func.func @main({', '.join(part.arguments for part in parts)}) -> ({results}) {{\n{body}}}\n"
    resources = ",\n".join(line for part in parts for line in part.resources)
    if resources:
        text += "{-# dialect_resources: { builtin: {\n" + resources + "\n} } #-}\n"
    (folder / "m.mlir").write_text(text)
    np.savez(folder / "in.npz", **{name: array for part in parts for name, array in part.inputs.items()})
    return Sweep(folder, parts)


def draw_parts(name: str, cases: Iterable, write_case: Callable[[int, object, np.random.Generator], Part]) -> list[Part]:
    """The same for the same name."""
    rng = np.random.default_rng(crc32(name.encode()))
    return [write_case(i, case, rng) for i, case in enumerate(cases)]


def sweep_fixture(sweeps: Mapping[str, Iterable], write_case: Callable[[int, object, np.random.Generator], Part]) -> object:
    """A fixture that is each of `sweeps` in turn."""

    @pytest.fixture(scope="module", params=sweeps)
    def sweep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
        folder = tmp_path_factory.mktemp(request.param.replace(" ", "-").replace(",", ""))
        return write_sweep(folder, draw_parts(request.param, sweeps[request.param], write_case))

    return sweep


def pick(sweeps: Mapping[str, Iterable], step: int) -> dict[str, list]:
    """One case of every `step`: as many as the simulator has time for."""
    return {"some": [case for cases in sweeps.values() for case in cases][::step]}


def run(folder: Path, target: str) -> dict[str, np.ndarray]:
    """What `main` of m.mlir gives for in.npz."""
    output = folder / f"{target}.npz"
    command = [QUANT_RUN, folder / "m.mlir", "--entry", "main", "--inputs", folder / "in.npz", "--output", output, "--target", target]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return dict(np.load(output))
