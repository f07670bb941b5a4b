"""What `scripts/bench gpu` measures: the texts compile, and in the simulator their results are right, at small sizes and at random ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import lowbit
import numpy as np
import pytest

from bench.gpu import simulate
from bench.gpu.cases import KINDS, Case, cases
from bench.gpu.definitions import define
from bench.gpu.models import BUILDERS
from bench.gpu.plans import TARGETS, get_plans

SIZES = ((1, 8, 128), (17, 40, 256))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", BUILDERS)
def test_results(tmp_path: Path, kind: str, size: tuple[int, int, int]) -> None:
    case = Case(kind, *size, batches=3 if kind == "batched" else 0)
    (tmp_path / "m.mlir").write_text(BUILDERS[kind](case))
    model = lowbit.load(tmp_path / "m.mlir", entry=case.name)
    arrays, expected = define(case, np.random.default_rng(sum(size)))
    if expected is None:
        expected = model.compile("reference:sm_90a")(*arrays.values())["y"]
    np.testing.assert_array_equal(model.compile("gpu-sim")(*arrays.values())["y"], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_cases_differ(kind: str) -> None:
    names = [case.name for case in cases(kind)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", simulate.KINDS)
def test_random_shapes(tmp_path: Path, kind: str) -> None:
    """A few of those that `python3 -m bench.gpu.simulate` runs by thousands, each kind on another architecture."""
    targets = [target for target in TARGETS if get_plans(kind, target) is not None]
    target = targets[simulate.KINDS.index(kind) % len(targets)]
    result = simulate.Part(kind, target, seed=7, first=0, count=3).run(tmp_path)
    assert result == {"run": 3, "wrong": 0, "lines": []}


def test_what_is_wrong_is_kept(tmp_path: Path) -> None:
    """One bit of a result, and a text that does not compile, among cases that are right."""
    good, wrong, broken, last = (simulate.draw("contract", "sm_80", 0, number) for number in range(4))
    bits = wrong.want.view(np.uint8).copy()
    bits.flat[-1] ^= 1
    wrong = dataclasses.replace(wrong, want=bits.view(wrong.want.dtype))
    broken = dataclasses.replace(broken, text=broken.text.replace("lowbit.contract", "lowbit.kontract"))
    failures = list(simulate.check("sm_80", [good, wrong, broken, last], tmp_path))
    assert {failure.drawn.name: failure.text.split(":")[-1][:20] for failure in failures}.keys() == {wrong.name, broken.name}
    [mismatch] = [failure for failure in failures if failure.drawn is wrong]
    assert mismatch.text.startswith(f"1 of {wrong.want.size} elements are wrong")
    line = simulate.keep(mismatch, "sm_80", tmp_path)
    folder = tmp_path / "sm_80" / wrong.name
    assert str(folder) in line
    assert (folder / "m.mlir").read_text() == wrong.text
    arrays = np.load(folder / "arrays.npz")
    assert set(arrays) == {*wrong.arguments, "expected"}


def test_a_case_is_drawn_by_its_number() -> None:
    [alone] = simulate.Part("contract", "sm_90a", seed=3, first=12, count=1).draw()
    among = simulate.Part("contract", "sm_90a", seed=3, first=10, count=5).draw()[2]
    assert (alone.text, [array.tobytes() for array in alone.arguments.values()]) == (
        among.text,
        [array.tobytes() for array in among.arguments.values()],
    )


@pytest.mark.parametrize("arguments", [["--only", "s9"], ["--targets", "sm_90"]])
def test_unknown_names(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", *arguments])
    with pytest.raises(SystemExit):
        simulate.main()
    assert f"unknown: {arguments[1]}; expected some of" in capsys.readouterr().err
