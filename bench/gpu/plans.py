"""What may be asked for on each architecture: the plans of the compiler's own tables, by what they multiply."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

from bench.gpu.cases import FEW_BITS, FLOATS
from bench.gpu.mixed import ROWS

QUANT_OPT = Path(__file__).resolve().parents[2] / "build/bin/quant-opt"
TARGETS = ("sm_75", "sm_80", "sm_89", "sm_90a", "sm_100a")
# What sides and sums are of, and what else is said of a product.
_BYTES = ("i8", "i32", "")
_SIDES = {"float8": ("f8E4M3FN", "f32", ""), "binary": ("i8", "i32", "{bits}"), **dict.fromkeys(FLOATS, ("f32", "f32", ""))}
_LANES = ("dp4a_", "popc_")


@cache
def list_plans(side: str, sums: str, attributes: str, target: str) -> tuple[str, ...]:
    """All plans that a product has, as the compiler launches them one after another; none where it has none."""
    text = f"""func.func @f(%a: memref<64x64x{side}>, %b: memref<64x64x{side}>, %c: memref<64x64x{sums}>) {{
  lowbit.matmul lhs(%a : memref<64x64x{side}>) rhs(%b : memref<64x64x{side}>) outs(%c : memref<64x64x{sums}>) {{
  ^bb0(%sum: {sums}):
    lowbit.yield %sum : {sums}
  }} {attributes}
  return
}}"""
    command = [QUANT_OPT, "-", f"--lowbit-launch-matmuls=target=nvptx:{target} every-plan"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode and "has no schedule on" not in done.stderr:
        raise RuntimeError(f"plans cannot be listed: {done.stderr}")
    return tuple(re.findall(r"gpu\.func @matmul_(\w+)\(", done.stdout))


def get_plans(kind: str, target: str) -> tuple[str, ...] | None:
    """Those that a product may ask for: none for kinds that are planned by their sizes alone, None where the target has no kernel for the kind."""
    if kind in FEW_BITS:
        return None if target == "sm_75" else ()
    if kind == "long" or kind in ROWS:
        return ()
    plans = list_plans(*_SIDES.get(kind, _BYTES), target)
    if kind == "float8":
        # Which unit adds such products up is decided before there is a kernel.
        return tuple(plan for plan in plans if plan.startswith("wgmma")) or plans or None
    # Where a matrix unit has cp.async it takes the product, whose rows may be windows: lanes take none of those.
    units = tuple(plan for plan in plans if not plan.startswith(_LANES))
    return units if units and target != "sm_75" else plans
