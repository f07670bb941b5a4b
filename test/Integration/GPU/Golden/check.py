"""A quick look whether a recording makes sense, before the machine goes away: `check.py FOLDER`."""

import json
import sys
from pathlib import Path

import numpy as np


class Recording:
    """One family; `record["name"]["out"]` is an array."""

    def __init__(self, path: Path) -> None:
        self.data = np.load(path)
        self.index = json.loads(self.data["index"].tobytes())

    def __getitem__(self, name: str) -> dict:
        entry = self.index[name]
        return {key: self.data[value] if isinstance(value, str) and value in self.data.files else value for key, value in entry.items()}


def warp_mma(record: dict) -> bool:
    """mma.sync m16n8k32 of signed bytes, wrapping."""
    words, lane = record["in"], np.arange(32)
    group, place, cases = lane // 4, lane % 4, len(record["in"])
    a, b, c = np.zeros((cases, 16, 8), np.uint32), np.zeros((cases, 8, 8), np.uint32), np.zeros((cases, 16, 8), np.uint32)
    for r in range(4):
        a[:, group + 8 * (r % 2), place + 4 * (r // 2)] = words[..., r]
        c[:, group + 8 * (r // 2), 2 * place + r % 2] = words[..., 6 + r]
    for r in range(2):
        b[:, group, place + 4 * r] = words[..., 4 + r]
    want = a.view(np.int8).astype(np.int64) @ b.view(np.int8).astype(np.int64).transpose(0, 2, 1) + c.view(np.int32)
    got = np.stack([want[:, group + 8 * (r // 2), 2 * place + r % 2] for r in range(4)], 2)
    return bool((got.astype(np.uint32) == record["out"]).all())


def group_mma(record: dict) -> bool:
    """wgmma m64n8k32 of signed bytes: the first two cases, without swizzle; the second does not add."""
    thread = np.arange(128)
    row, column = 16 * (thread // 32) + thread % 32 // 4, 2 * (thread % 4)
    right = []
    for case in (0, 1):
        image = record["shared"][record["shared_index"][case]].view(np.int8).astype(np.int64)
        a = image[:2048].reshape(8, 2, 8, 16).transpose(0, 2, 1, 3).reshape(64, 32)
        b = image[12288 : 12288 + 256].reshape(1, 2, 8, 16).transpose(0, 2, 1, 3).reshape(8, 32)
        want = a @ b.T
        got = np.stack([want[row + 8 * (r // 2), column + r % 2] for r in range(4)], 1)
        got += record["in"][case, :, 9:].view(np.int32) * (case == 0)
        right.append((got.astype(np.uint32) == record["out"][case]).all())
    return all(right)


def main() -> int:
    """Prints a line a check."""
    folder, wrong = Path(sys.argv[1]), 0
    checks = [("integer_mma", "mma.m16n8k32.s8.s8", warp_mma), ("warpgroup_mma", "wgmma.m64n8k32.s8.s8", group_mma)]
    checks += [
        ("copies", name, lambda r: bool((r["out"][..., 0] == 1).all()))
        for name in ("cp.async.bulk.load", "tensor.load.2d.u8.128B", "tensor.load.2d.u8.multicast")
    ]
    for family, name, check in checks:
        try:
            good = check(Recording(folder / f"{family}.npz")[name])
        except (OSError, KeyError) as error:
            good = f"not recorded ({error!r})"
        wrong += good is not True
        print(f"check {name}: {good}")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
