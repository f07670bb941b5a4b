"""Fake quantization and its gradients as kernels, in the simulator: bit for bit what loops give, over tails, ties and values beyond the range."""

from __future__ import annotations

from pathlib import Path

import lowbit
import numpy as np
import pytest

# Rows of less than a warp, of one more than that, of whole vectors, and rows for several warps.
SHAPES = [(3, 7), (4, 33), (17, 64), (1, 2049)]
# A format, and which elements share a scale: all, a row, a column.
SCHEMES = [
    ("int<8>", None),
    ("int<4>", (1, 0)),
    ("uint<4>", None),
    ("int<3>", (0, 1)),
    ("float<f8E4M3FN>", (1, 0)),
]
# Each on another architecture: with matrix units and copies of rows, and without.
TARGETS = {"lsq": ("gpu-sim", "reference:sm_90a"), "ste": ("gpu-sim:sm_75", "reference:sm_75")}


def write(folder: Path, shape: tuple[int, int], text_format: str, block: tuple[int, int] | None, estimator: str) -> tuple[int, ...]:
    """The model; the shape of its scales."""
    scales = () if block is None else tuple(1 if length == 0 else size // length for size, length in zip(shape, block, strict=True))
    kind = f"tensor<{shape[0]}x{shape[1]}xf32>"
    scale = f"tensor<{''.join(f'{size}x' for size in scales)}f32>"
    scheme = f"<#lowbit.{text_format}{'' if block is None else f', block = {list(block)}'}>"
    (folder / "m.mlir").write_text(f"""
func.func @main(%x: {kind} {{lowbit.name = "x"}}, %s: {scale} {{lowbit.name = "s"}}, %d: {kind} {{lowbit.name = "d"}})
    -> ({kind} {{lowbit.name = "y"}}, {kind} {{lowbit.name = "dx"}}, {scale} {{lowbit.name = "ds"}}) {{
  %y = lowbit.fake_quant %x, %s {scheme} : ({kind}, {scale}) -> {kind} by #lowbit.{estimator}
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %d {scheme} : ({kind}, {scale}, {kind}) -> ({kind}, {scale}) by #lowbit.{estimator}
  return %y, %dx, %ds : {kind}, {kind}, {scale}
}}""")
    return scales


def draw(shape: tuple[int, int], scales: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Scales that are powers of two and others; elements between codes and in their middle, beyond the range, tiny, infinite, of both signs of zero."""
    rng = np.random.default_rng(sum(shape))
    s = np.where(rng.random(scales) < 0.5, 2.0 ** rng.integers(-4, 3, scales), rng.uniform(0.01, 2, scales)).astype(np.float32)
    x = rng.normal(0, 4, shape) * rng.choice([1, 30], shape)
    ties = (np.rint(x) + 0.5) * np.broadcast_to(s, shape)
    x = np.where(rng.random(shape) < 0.4, ties, x).astype(np.float32)
    special = np.float32([0.0, -0.0, np.inf, -np.inf, 1e-42, -1e-42, 3e38, -3e38])
    if x.size > 100:
        x.flat[rng.choice(x.size, len(special), replace=False)] = special
    return {"x": x, "s": s, "d": rng.normal(size=shape).astype(np.float32)}


@pytest.mark.parametrize("estimator", TARGETS)
@pytest.mark.parametrize(("text_format", "block"), SCHEMES)
def test_bits(tmp_path: Path, text_format: str, block: tuple[int, int] | None, estimator: str) -> None:
    """What is rounded, and its gradient, is that of the host; gradients of scales are sums, in the order of the kernels."""
    for shape in SHAPES:
        arrays = draw(shape, write(tmp_path, shape, text_format, block, estimator))
        model = lowbit.load(tmp_path / "m.mlir")
        target, reference = TARGETS[estimator]
        found, want, host = (model.compile(name)(**arrays) for name in (target, reference, "reference"))
        for name in ("y", "dx", "ds"):
            assert found[name].tobytes() == want[name].tobytes(), (shape, name)
        for name in ("y", "dx"):
            assert found[name].tobytes() == host[name].tobytes(), (shape, name)
