"""mma.sync of floats; the inputs are chosen to show in which order and precision products are added."""

import numpy as np
from ptx import Instruction, registers

from families.number_codes import FORMATS, probes


def place(a: np.ndarray, b: np.ndarray, c: np.ndarray, half: bool) -> np.ndarray:
    """Matrices to the registers of 32 lanes, by the tables of the PTX manual (the integer records check these tables)."""
    a = a.view(np.uint8).reshape(16, -1).view(np.uint32)  # words of a row
    b = b.view(np.uint8).reshape(8, -1).view(np.uint32)
    group, lane = np.arange(32) // 4, np.arange(32) % 4
    words = [a[group + 8 * row, lane + column] for column in range(0, a.shape[1], 4) for row in (0, 1)]
    words += [b[group, lane + column] for column in range(0, b.shape[1], 4)]
    if half:
        with np.errstate(over="ignore", invalid="ignore"):
            c = c.astype(np.float16).view(np.uint32)
        words += [c[group + 8 * row, lane] for row in (0, 1)]
    else:
        c = c.view(np.uint32)
        words += [c[group + 8 * row, 2 * lane + column] for row in (0, 1) for column in (0, 1)]
    return np.stack(words, 1)


def mma(shape: str, left: str, right: str, result: str = "f32") -> Instruction:
    """One form."""
    k, half = int(shape.split("k")[1]), result == "f16"
    size = k * FORMATS[left][3] // 16
    a, b, c = 2 * size, size, 2 if half else 4

    def inputs(rng: np.random.Generator) -> dict:
        return {"in": np.stack([place(*probe, half) for probe in probes(left, right, 16, 8, k, rng)])}

    text = (
        f"  mma.sync.aligned.{shape}.row.col.{result}.{left}.{right}.{result} "
        f"{registers('o', 0, c)}, {registers('i', 0, a)}, {registers('i', a, b)}, {registers('i', a + b, c)};"
    )
    return Instruction(f"mma.{shape}.{result}.{left}.{right}", text, a + b + c, c, inputs, notes={"words": [a, b, c]})


def instructions() -> list[Instruction]:
    """All float forms up to sm_90."""
    result = []
    for kind in ("f32", "f16"):
        result += [mma(shape, "f16", "f16", kind) for shape in ("m16n8k16", "m16n8k8")]
    result += [mma(shape, "bf16", "bf16") for shape in ("m16n8k16", "m16n8k8")]
    result += [mma(shape, "tf32", "tf32") for shape in ("m16n8k8", "m16n8k4")]
    result += [mma("m16n8k32", left, right) for left in ("e4m3", "e5m2") for right in ("e4m3", "e5m2")]
    result += [mma("m16n8k16", "e4m3", "e4m3"), mma("m16n8k32", "e4m3", "e4m3", "f16")]
    return result
