"""Kernels through ptxas, many in one module: what each takes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import lowbit
from products import BIN, Product

CHIPS = ("sm_75", "sm_80", "sm_89", "sm_90a", "sm_100", "sm_100a")


@dataclass(frozen=True)
class Resources:
    """Of a thread of a kernel."""

    registers: int
    spill_bytes: int
    stack_bytes: int


def assemble(products: Iterable[Product], chip: str, folder: Path) -> dict[str, Resources]:
    """Kernels of every plan there is for the products, by their names, none of which may spill or have a stack."""
    source = folder / "products.mlir"
    source.write_text("\n".join(product.text().replace("@f(", f"@f{number}(") for number, product in enumerate(products)))
    passes = [
        f"lowbit-launch-matmuls{{target=nvptx:{chip} every-plan=true}}",
        "canonicalize",
        "gpu.module(lowbit-settle-floats,lowbit-round-by-addition)",
        f"lowbit-verify-gpu{{target=nvptx:{chip}}}",
        f"lowbit-lower-kernels{{target=nvptx:{chip}}}",
        "lowbit-lower-launches",
        "lowbit-serialize-kernels",
    ]
    done = subprocess.run(
        [BIN / "quant-opt", source, f"--pass-pipeline=builtin.module({','.join(passes)})"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # Attributes follow the name of the global with the bytes, and are in order of their names.
    text = done.stdout[done.stdout.index("lowbit.resources = {") :]
    found = re.findall(r"(\w+) = \{registers = (\d+) : i64, spill_bytes = (\d+) : i64, stack_bytes = (\d+) : i64\}", text)
    kernels = {name: Resources(*map(int, numbers)) for name, *numbers in found}
    wrong = {
        name: kernel for name, kernel in kernels.items() if kernel.spill_bytes or kernel.stack_bytes or not 0 < kernel.registers <= 255
    }
    assert not wrong, wrong
    assert len(kernels) == done.stdout.count(" = {registers = ")
    return kernels


def assemble_model(model: lowbit.Module, chip: str) -> set[str]:
    """Names of the kernels of all launches, of which none may spill or have a stack."""
    launches = model.list_launches(f"nvptx:{chip}")["launches"]
    wrong = [launch for launch in launches if launch["spill_bytes"] or launch["stack_bytes"] or not 0 < launch["registers"] <= 255]
    assert not wrong, wrong
    return {launch["kernel"] for launch in launches}


def stems(kernels: Iterable[str]) -> set[str]:
    """Schedules that kernels are of: `matmul_wgmma_64x64x128x12_3` is of `wgmma`."""
    return {re.fullmatch(r"(?:matmul_)?(\D\w*?)_\d+x\w+", name)[1] for name in kernels}
