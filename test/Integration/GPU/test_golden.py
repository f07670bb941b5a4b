"""The recordings are of what the families describe: same instructions, same text, same inputs. (What came out is tested in C++.)"""

import sys
from pathlib import Path

import numpy as np
import ptxas
import pytest

FOLDER = Path(__file__).parent / "Golden"
sys.path.insert(0, str(FOLDER))
sys.dont_write_bytecode = True

from check import Recording
from record import FAMILIES, UNRECORDED, assemble, inputs_of, load, run

# A store that begins before the first row or byte stops the GPU (questions.jsonl).
NOT_RECORDED = {f"tensor.store.2d.u8.{swizzle}.{border}" for swizzle in ("none", "128B") for border in ("above", "left")}


@pytest.mark.parametrize("family", FAMILIES)
def test_recording_has_these_inputs(family: str) -> None:
    recording = Recording(FOLDER / f"{family}.npz")
    instructions = load(family)
    missing = {i.name for i in instructions} - set(recording.index)
    assert missing == {i.name for i in instructions} & NOT_RECORDED and set(recording.index) <= {i.name for i in instructions}
    for instruction in (i for i in instructions if i.name in recording.index):
        record = recording[instruction.name]
        assert record["text"] == instruction.text, instruction.name
        for key, value in inputs_of(instruction).items():
            if isinstance(value, np.ndarray):
                assert np.array_equal(value, record[key]), f"{instruction.name} {key}"
            else:
                assert [{k: list(v) if isinstance(v, tuple) else v for k, v in m.items()} for m in value] == record[key], instruction.name


@pytest.mark.needs_ptxas
@pytest.mark.parametrize("family", UNRECORDED)
def test_family_can_be_recorded(family: str, tmp_path: Path) -> None:
    """Once the GPU for it is there: all of it assembles, and has inputs of the right shapes."""
    assemble(tmp_path, ptxas.find(), [family])
    run(tmp_path, tmp_path / "out", [family], dry=True)
    assert set(Recording(tmp_path / "out" / f"{family}.npz").index) == {i.name for i in load(family)}


def test_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) < 2.6e6
