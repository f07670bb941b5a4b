"""Products of bytes and of 8-bit floats with scales that change along the reduction: dots of groups, then reals in the order of groups, to the bit."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import float8
import lowbit
import ml_dtypes
import numpy as np
import pytest
from float8 import E4M3, E5M2
from levels import multiply_add, random_scales, scale_values
from mutants import check_banks, check_mutants
from products import Epilogue, Product, simulate

SIDES = {"i8": (np.int8, np.int8), "u8": (np.uint8, np.int8), "e4m3": (E4M3, E4M3), "mixed": (E5M2, E4M3)}


def random_side(rng: np.random.Generator, shape: tuple[int, int], kind: type, extreme: bool = False) -> np.ndarray:
    if kind in (E4M3, E5M2):
        return float8.random_codes(rng, shape, kind, whole=False)
    info = np.iinfo(kind)
    return rng.choice([info.min, info.max], shape).astype(kind) if extreme else rng.integers(info.min, info.max + 1, shape).astype(kind)


def grouped_sums(a: np.ndarray, b: np.ndarray, left: np.ndarray | None, right: np.ndarray | None, group: int, by: str) -> np.ndarray:
    """`left` [M, K / group] and `right` [K / group, N] in f64, or none; floats are added up as `by` does."""
    total = np.zeros((len(a), len(b)), np.float32)
    for index in range(a.shape[1] // group):
        part = slice(index * group, (index + 1) * group)
        if a.dtype.kind in "iu":
            dot = (a[:, part].astype(np.int64) @ b[:, part].astype(np.int64).T).astype(np.float32)
        else:
            dot = (float8.warpgroup_sums if by == "wgmma" else float8.warp_sums)(a[:, part], b[:, part])
        factor = None if left is None else left[:, index, None].astype(np.float32)
        if right is not None:
            dot, factor = (dot if factor is None else dot * factor), right[None, index].astype(np.float32)
        total = multiply_add(dot, factor, total)
    return total


def make_product(
    rng: np.random.Generator, shape: tuple[int, int, int], group: int, kind: str, scales: tuple[str, str], by: str, extreme: bool = False
) -> Product:
    """scales: the types of those of lhs and of rhs; empty where there are none."""
    m, n, k = shape
    a, b = (random_side(rng, (size, k), number, extreme) for size, number in zip((m, n), SIDES[kind]))
    sides, types, reals = {"lhs": a, "rhs": b}, {}, []
    for name, element, size in zip(("lhs_scales", "rhs_scales"), scales, ((m, k // group), (k // group, n))):
        reals.append(None)
        if element:
            sides[name], types[name] = random_scales(rng, size, element), element
            reals[-1] = scale_values(sides[name], element)
    sums = grouped_sums(a, b, *reals, group, by)
    row = rng.uniform(0.5, 1.5, (m, 1)).astype(np.float32)
    body = "%real = arith.mulf %sum, %row : f32\n    lowbit.yield %real : f32"
    epilogue = Epilogue({"row": row}, body, sums * row) if m % 2 else Epilogue({}, "lowbit.yield %sum : f32", sums)
    attributes = "{lhs_unsigned}" if kind == "u8" else ""
    return Product("lowbit.matmul", sides, epilogue, [m, n, k, k, k], "f32", attributes, clauses={"after": f"group {group}"}, types=types)


# Groups that are several steps of a tile, one, and parts of one; tails of rows, columns, steps and groups of a step.
CASES = [
    ("nvptx:sm_80", "mma_sync_16x64x128x6", (19, 70, 288), 32, "i8", ("f32", "f32")),
    ("nvptx:sm_80", "mma_sync_128x128x64x5", (133, 139, 640), 128, "u8", ("", "f16")),
    ("nvptx:sm_80", "mma_sync_64x64x64x5", (67, 71, 192), 64, "i8", ("bf16", "")),
    ("nvptx:sm_80", "mma_sync_16x32x128x8", (5, 40, 2560), 512, "i8", ("f32", "f8E8M0FNU")),
    ("nvptx:sm_89", "mma_sync_32x64x128x4", (33, 66, 704), 64, "e4m3", ("f8E8M0FNU", "f8E8M0FNU")),
    ("nvptx:sm_89", "mma_sync_64x64x64x5", (65, 130, 640), 128, "mixed", ("f32", "f32")),
    ("nvptx:sm_89", "mma_sync_32x128x64x5", (3, 129, 96), 32, "e4m3", ("f32", "f8E4M3FN")),
    ("nvptx:sm_90a", "wgmma_128x128x128x6", (131, 134, 1024), 128, "e4m3", ("f32", "f32")),
    ("nvptx:sm_90a", "wgmma_64x64x128x12", (67, 71, 3584), 256, "mixed", ("f32", "")),
    ("nvptx:sm_90a", "wgmma_16x64x128x12", (17, 98, 2080), 32, "i8", ("f8E8M0FNU", "f8E8M0FNU")),
    ("nvptx:sm_90a", "wgmma_64x32x128x16", (65, 35, 4096), 1024, "i8", ("", "f16")),
    ("nvptx:sm_90a", "wgmma_32x64x128x12", (35, 66, 192), 64, "e4m3", ("f8E8M0FNU", "f32")),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_kernels(case: int, tmp_path: Path) -> None:
    target, plan, shape, group, kind, scales = CASES[case]
    product = make_product(np.random.default_rng(case), shape, group, kind, scales, plan.split("_")[0], extreme=case % 2 == 1)
    outcome = simulate(product, tmp_path, f"--order={['ring', 'random', 'reverse'][case % 3]}", "--counts", plan=plan, target=target)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert (check_banks(outcome) > 0) == plan.startswith("mma")


# The order of more than eight rows of tiles, the place of a second consumer, and fences where nothing but products touches accumulators.
WARPGROUPS = {
    "arith.shrui: the constant is one less": 2,
    "arith.muli: half the stride": 3,
    "nvvm.wgmma.fence.aligned: is not there": 3,
}


@pytest.mark.parametrize(
    ("target", "plan", "shape", "group", "same"),
    [
        ("nvptx:sm_80", "mma_sync_16x32x128x8", (147, 38, 672), 32, {}),
        ("nvptx:sm_80", "mma_sync_16x32x128x8", (147, 38, 2560), 512, {}),
        ("nvptx:sm_90a", "wgmma_16x64x128x12", (20, 70, 3872), 32, WARPGROUPS),
    ],
)
def test_mutants(target: str, plan: str, shape: tuple[int, int, int], group: int, same: dict[str, int], tmp_path: Path) -> None:
    product = make_product(np.random.default_rng(0), shape, group, "i8", ("f32", "f32"), plan.split("_")[0])
    check_mutants(partial(simulate, product, tmp_path, plan=plan, target=target), same)


Form = tuple[tuple[int, int, int], list[tuple[tuple[int, int], str]], int]


def contractions(forms: dict[str, Form], number: str, codes: str) -> str:
    """A function of all of them; arguments and results begin with their names."""
    arguments, results, body = [], [], []
    maps = ", ".join(f"affine_map<(m, n, k) -> ({axes})>" for axes in ("m, k", "n, k", "m, n"))
    for name, ((m, n, k), sides, _) in forms.items():
        operands = []
        for side, (block, scale), rows in zip("ab", sides, (m, n)):
            shape = "x".join(str(size) for size in scales_shape((rows, k), block))
            types = f"tensor<{rows}x{k}x{codes}>", f"tensor<{shape}x{scale}>"
            names = f"{name}_{side}", f"{name}_s{side}"
            arguments += [f'%{one}: {kind} {{lowbit.name = "{one}"}}' for one, kind in zip(names, types)]
            operands.append(f"(%{names[0]} scales %{names[1]} <{number}, block = {list(block)}, scale = {scale}> : {', '.join(types)})")
        results.append((f"%{name}", f"tensor<{m}x{n}xf32>", name))
        body.append(f"""  %{name}_init = tensor.empty() : tensor<{m}x{n}xf32>
  %{name} = lowbit.contract [{maps}] lhs{operands[0]} rhs{operands[1]} outs(%{name}_init : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
""")
    types = ", ".join(f'{kind} {{lowbit.name = "{name}"}}' for _, kind, name in results)
    values, plain = (", ".join(result[i] for result in results) for i in (0, 1))
    return f"func.func @main({', '.join(arguments)}) -> ({types}) {{\n{''.join(body)}  return {values} : {plain}\n}}\n"


def scales_shape(shape: tuple[int, int], block: tuple[int, int]) -> tuple[int, ...]:
    return tuple(1 if share == 0 else size // share for size, share in zip(shape, block))


# 1 x 128 of activations by 128 x 128 of weights; MX's 32 on both sides; weights alone, by rows of activations.
FORMS: dict[str, Form] = {
    "blocks": ((37, 256, 384), [((1, 128), "f32"), ((128, 128), "f32")], 128),
    "mx": ((5, 66, 160), [((1, 32), "f8E8M0FNU"), ((1, 32), "f8E8M0FNU")], 32),
    "weights": ((20, 48, 512), [((1, 0), "f32"), ((1, 256), "bf16")], 256),
}
NARROW = {"f8E8M0FNU": ml_dtypes.float8_e8m0fnu, "bf16": ml_dtypes.bfloat16}


def spread(bits: np.ndarray, kind: str, shape: tuple[int, int]) -> np.ndarray:
    """Scales of blocks as one for each of `shape`, in f64."""
    real = scale_values(bits, kind)
    return np.repeat(np.repeat(real, shape[0] // real.shape[0], 0), shape[1] // real.shape[1], 1)


@pytest.mark.parametrize("element", [np.int8, E4M3], ids=["i8", "e4m3"])
def test_contractions(element: type, tmp_path: Path) -> None:
    """Bytes are the reference's; floats those of the unit that the target has."""
    is_byte = element is np.int8
    (tmp_path / "m.mlir").write_text(
        contractions(FORMS, *(("#lowbit.int<8>", "i8") if is_byte else ("#lowbit.float<f8E4M3FN>", "f8E4M3FN")))
    )
    rng, model = np.random.default_rng(0), lowbit.load(tmp_path / "m.mlir")
    inputs, scales = {}, {}
    for name, ((m, n, k), sides, group) in FORMS.items():
        for side, (block, kind), rows in zip("ab", sides, (m, n)):
            inputs[f"{name}_{side}"] = random_side(rng, (rows, k), element)
            bits = random_scales(rng, scales_shape((rows, k), block), kind)
            scales[name, side] = spread(bits, kind, (rows, k // group))
            inputs[f"{name}_s{side}"] = bits.view(NARROW[kind]) if kind in NARROW else bits
    targets = (
        {"gpu-sim": "wgmma", "gpu-sim:sm_80": "", "reference": "", "reference:sm_80": ""}
        if is_byte
        else {"gpu-sim": "wgmma", "gpu-sim:sm_89": "mma.sync", "reference:sm_90a": "wgmma"}
    )
    for target, by in targets.items():
        found = model.compile(target)(**inputs)
        for name, (_, _, group) in FORMS.items():
            a, b, left, right = inputs[f"{name}_a"], inputs[f"{name}_b"], scales[name, "a"], scales[name, "b"].T
            changes = name != "weights"
            want = grouped_sums(a, b, left if changes else None, right, group, by)
            want = want if changes else want * left[:, :1].astype(np.float32)
            np.testing.assert_array_equal(found[name], want, err_msg=f"{name} {target}")
