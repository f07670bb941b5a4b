"""Tensor maps that launches hand to the driver: those of wgmma and tcgen05, for matrices and for batches of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_gpu import PROLOGUE, folder, python

from bench.gpu.cases import Case
from bench.gpu.models import BUILDERS

__all__ = ["folder"]

# Rows and columns of less than a tile and more, with steps of a depth that is none's multiple, and of less than one.
CASES = [
    ("sm_90a", "wgmma_128x256x128x4", (200, 136, 272), 0),
    ("sm_90a", "wgmma_64x32x128x16", (7, 520, 80), 0),
    ("sm_90a", "wgmma_16x96x128x10", (33, 97, 400), 0),
    ("sm_90a", "wgmma_64x128x128x8", (65, 129, 144), 3),
    ("sm_100a", "tcgen05_128x128x128x6", (200, 136, 272), 0),
    ("sm_100a", "tcgen05_16x64x128x8", (5, 70, 96), 2),
]

CALL = """
m, n, k, batches, rows, columns = SIZES
lead = (batches,) if batches else ()
a, b = (OnDevice(np.ones((*lead, size, k), np.int8)) for size in (m, n))
sums = OnDevice(np.zeros((*lead, m, n), np.int32))
for call in range(2):
    f.into({"y": sums}, a=a, b=b)
    assert driver["maps"] == 2 * (call + 1) and driver["launches"] == call + 1, driver["launches"]
    for side, (array, size, box) in enumerate(((a, m, rows), (b, n, columns))):
        want = {
            "type": 0,  # bytes
            "rank": 3 if batches else 2,
            "address": array.address,
            "sizes": [k, size, batches],
            "pitches": [k, size * k if batches else 0],
            "box": [128, box, 1 if batches else 0],
            "steps": [1, 1, 1 if batches else 0],
            "interleave": 0,
            "swizzle": 3,  # of 128 bytes
            "promotion": 3,  # to 256 bytes
            "fill": 0,  # zeros outside
        }
        assert driver.map(2 * call + side) == want, (side, driver.map(2 * call + side), want)
driver["fail_map"] = 1
message = refusal(lambda: f.into({"y": sums}, a=a, b=b))
assert f"function `{NAME}`: tensor map of {m} rows of {k} bytes in boxes of {rows} by 128 elements" in message, message
assert "(arrays and rows must start at multiples of 16 bytes)" in message
assert driver["launches"] == 2
driver["fail_map"] = 0
f.into({"y": sums}, a=a, b=b)
assert driver["launches"] == 3
"""


@pytest.mark.parametrize(("target", "plan", "sizes", "batches"), CASES)
def test_maps_are_the_operands(folder: Path, tmp_path: Path, target: str, plan: str, sizes: tuple[int, int, int], batches: int) -> None:
    """Address, sizes, pitch, box and swizzle of each side, such as the driver's manual allows; nothing is launched without them."""
    case = Case("batched" if batches else "s8", *sizes, batches=batches, plan=plan)
    (tmp_path / "kernels.mlir").write_text(BUILDERS[case.kind](case))
    (tmp_path / "libfake_cuda.so").symlink_to(folder / "libfake_cuda.so")
    rows, columns = map(int, plan.split("_")[1].split("x")[:2])
    known = f"NAME, SIZES = {case.name!r}, {(*sizes, batches, rows, columns)}\n"
    prologue = PROLOGUE.replace("load(sys.argv[1])", f"load(sys.argv[1], entry={case.name!r})").replace("sm_80", target)
    architecture = target.removeprefix("sm_").removesuffix("a")
    python(tmp_path, prologue + known + CALL, FAKE_CUDA=f"architecture={architecture},any_kernel=1")
