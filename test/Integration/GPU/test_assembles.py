"""Every plan of every kind of product assembles for each GPU that it is for, without spills: plans are those of the compiler's own tables."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest
from assembled import CHIPS, assemble, assemble_model, stems
from float8 import E4M3, E5M2
from lowbit.models import minilm
from products import Product, floats, grouped, matmul
from test_float8 import make_product as product_of_floats
from test_groups import make_product as product_of_groups
from test_images import CASES, product_of_windows
from test_levels import product as product_of_levels

pytestmark = pytest.mark.needs_ptxas

AMPERE = ("sm_80", "sm_89", "sm_90a", "sm_100", "sm_100a")
ADA = AMPERE[1:]
# Matrix units of bytes; lanes take them everywhere.
UNITS = {
    "sm_75": {"mma_m8n8k16"},
    "sm_80": {"mma_sync"},
    "sm_89": {"mma_sync"},
    "sm_90a": {"mma_sync", "wgmma"},
    "sm_100": {"mma_sync"},
    "sm_100a": {"mma_sync", "tcgen05"},
}
SIGNS = [(True, True), (False, True), (True, False), (False, False)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("chip", CHIPS)
def test_bytes(chip: str, tmp_path: Path) -> None:
    """The longest epilogue; batches, whose pointers are registers, too; rows at multiples of four bytes, which only lanes take."""
    products = [
        matmul(rng(), (64, 64, 64), "codes", signs=SIGNS[CHIPS.index(chip) % 4]),
        matmul(rng(), (3, 64, 64, 64), "reals", signs=SIGNS[(CHIPS.index(chip) + 1) % 4]),
        matmul(rng(), (64, 64, 20), "sums"),
    ]
    assert stems(assemble(products, chip, tmp_path)) == UNITS[chip] | {"dp4a"}


@pytest.mark.parametrize("chip", CHIPS)
def test_bits(chip: str, tmp_path: Path) -> None:
    units = {unit for unit in UNITS[chip] if unit in ("mma_sync", "wgmma") and "sm_100" not in chip}
    assert stems(assemble([matmul(rng(), (64, 64, 64), "reals", bits=True)], chip, tmp_path)) == units | {"popc"}


@pytest.mark.parametrize("chip", CHIPS)
def test_words(chip: str, tmp_path: Path) -> None:
    """f32, of which each side may lie along the reduction or along its rows."""
    transposed = ["", "lhs", "rhs", "lhs rhs"]
    products = [floats(rng(), (64, 64, 64), "relu", transposed[(CHIPS.index(chip) + more) % 4]) for more in (0, 1)]
    assert stems(assemble(products, chip, tmp_path)) == {"fma"}


@pytest.mark.parametrize("chip", ADA)
def test_float8(chip: str, tmp_path: Path) -> None:
    by = "wgmma" if chip == "sm_90a" else "mma_sync"
    kernels = assemble([product_of_floats(rng(), (64, 64, 32), (E4M3, E5M2), "f16", True, by)], chip, tmp_path)
    assert by in stems(kernels)


@pytest.mark.parametrize("chip", AMPERE)
def test_images(chip: str, tmp_path: Path) -> None:
    """Windows of an image read where they lie, of bytes and of bits."""
    products = [product_of_windows(rng(), CASES[1], "codes")]
    if chip in AMPERE[:3]:
        products.append(product_of_windows(rng(), CASES[0], "sums", bits=True))
    assert stems(assemble(products, chip, tmp_path)) == {"mma_sync"}


@pytest.mark.parametrize("chip", AMPERE)
def test_groups(chip: str, tmp_path: Path) -> None:
    """Scales along the reduction: groups that are several steps, one, and parts of one, with the most scales there are."""
    by = "wgmma" if chip == "sm_90a" else "mma_sync"
    kinds = [("i8", group) for group in (32, 128, 256)] + [("mixed", group) for group in (32, 64, 128, 256) if chip != "sm_80"]
    products = [product_of_groups(rng(), (64, 64, 2 * group), group, kind, ("f32", "f32"), by) for kind, group in kinds]
    assert by in stems(assemble(products, chip, tmp_path))


NUMBERS = [(4, 128, np.float16), (2, 64, np.float16), (2, 0, np.float16), (2, 0, np.int8), (4, 128, np.int8)]


def with_left(product: Product, element: str) -> Product:
    """By activations of another type; what they are is not looked at."""
    product.types["lhs"] = element
    return product


@pytest.mark.parametrize("chip", AMPERE)
def test_numbers(chip: str, tmp_path: Path) -> None:
    """Weights of few bits, by activations of each type; columns for one and two tiles a block, and for more blocks than multiprocessors."""
    products = []
    for columns in (64, 4096, 4400):
        for rows in (1, 8, 16):
            for width, group, lhs in NUMBERS:
                products.append(grouped(rng(), (rows, columns, 256), group, width=width, lhs=lhs))
            products += [with_left(grouped(rng(), (rows, columns, 256), 128), element) for element in ("bf16", "f32")]
        # Several groups a step, with zero points: most registers.
        for rows in (1, 16):
            products += [grouped(rng(), (rows, columns, 256), group, zeros=True, width=width) for width, group in ((2, 32), (4, 16))]
    assert stems(assemble(products, chip, tmp_path)) == {"lanes"}


@pytest.mark.parametrize("chip", AMPERE)
@pytest.mark.parametrize("lhs", ["f16", "bf16", "f32"])
def test_levels(chip: str, lhs: str, tmp_path: Path) -> None:
    """Codes that stand for reals."""
    shapes = [(1, 4096), (8, 64), (8, 4400)] + [(16, 64), (16, 4400)] * (lhs != "f32")  # f32 has 8 rows at most
    if chip == "sm_90a":
        shapes = [(rows, columns) for rows in (1, 8, 16)[: 2 if lhs == "f32" else 3] for columns in (64, 4096, 4400)]
    products = [product_of_levels(kind, (*shape, 256), lhs) for kind in ("mxfp4", "nvfp4", "nf4") for shape in shapes]
    assert stems(assemble(products, chip, tmp_path)) == {"lanes"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> lowbit.Module:
    """A sentence encoder, eight sentences at a time, in codes of eight bits."""
    path = tmp_path_factory.mktemp("encoder") / "minilm.onnx"
    path.write_bytes(minilm.build_minilm(8, 128).SerializeToString())
    return lowbit.load(path).quantize("w8a8-dynamic")


@pytest.mark.parametrize("chip", CHIPS)
def test_a_whole_model(chip: str, encoder: lowbit.Module) -> None:
    kernels = assemble_model(encoder, chip)
    assert {name.split("_")[0] for name in kernels} >= {"matmul", "rows", "loops"}
