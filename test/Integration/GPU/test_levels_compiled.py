"""Contractions with weights of four bits that stand for reals, compiled: kernels of the simulator and the reference agree to the bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest
from levels import sparse
from products import BIN

MAPS = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>"
CODEBOOK = "codebook<[-3.0, -1.5, -0.5, 0.0, 1.0, 2.5]>"


def hexadecimal(array: np.ndarray) -> str:
    """As a dense constant has it."""
    return f'dense<"0x{array.tobytes().hex().upper()}">'


class Case:
    """Arguments and text of a contraction [5, 192] by [21, 192]."""

    m, n, k = 5, 21, 192

    def __init__(
        self, name: str, weights: str, group: int, scale: str, lhs: str = "", zeros: str = "", low: int = 0, high: int = 15
    ) -> None:
        self.rng = np.random.default_rng(len(name))
        self.name, self.weights, self.group, self.scale, self.lhs, self.zeros = name, weights, group, scale, lhs, zeros
        self.stored: np.ndarray | None = None
        self.codes = self.rng.permutation(np.arange(self.n * self.k) % (high + 1 - low) + low).reshape(self.n, self.k).astype(np.uint8)

    def scales(self) -> np.ndarray:
        shape = (self.n, self.k // self.group if self.group else 1)
        if self.scale == "f8E8M0FNU":
            return self.rng.choice(
                np.array([0, 1, 120, 127, 130, 252, 254, 255], np.uint8), shape, p=[0.02, 0.02, 0.3, 0.3, 0.3, 0.02, 0.02, 0.02]
            )
        if self.scale == "f8E4M3FN":
            return np.where(self.rng.random(shape) < 0.01, 127, self.rng.integers(0, 127, shape)).astype(np.uint8)
        return self.rng.uniform(0.01, 0.1, shape).astype({"f16": np.float16, "f32": np.float32}[self.scale])

    def function(self) -> str:
        m, n, k = self.m, self.n, self.k
        scales = self.scales()
        groups, block = scales.shape[1], self.group or 0
        packed = (self.codes[:, 0::2] | self.codes[:, 1::2] << 4).astype(np.uint8)
        code = {"float<f4E2M1FN>": "f4E2M1FN", "uint<4>": "i4"}.get(self.weights, f"!lowbit.code<#lowbit.{self.weights}>")
        element = {np.uint8: self.scale}.get(scales.dtype.type, self.scale)
        scheme = f"#lowbit.{self.weights}, block = [1, {block}], scale = {self.scale}" + (", zero = i8" if self.zeros else "")
        left, arguments, types = (
            f"lhs(%a : tensor<{m}x{k}x{self.lhs or 'i8'}>)",
            f'%a: tensor<{m}x{k}x{self.lhs or "i8"}> {{lowbit.name = "a"}}',
            "",
        )
        if not self.lhs:
            left = f"lhs(%a scales %rows zeros %shifts <#lowbit.int<8>, block = [1, 0], zero = i8> : tensor<{m}x{k}xi8>, tensor<{m}x1xf32>, tensor<{m}x1xi8>)"
            arguments += f', %rows: tensor<{m}x1xf32> {{lowbit.name = "rows"}}, %shifts: tensor<{m}x1xi8> {{lowbit.name = "shifts"}}'
        right, constant = "", ""
        if scales.dtype == np.uint8:  # as an argument, where NaN may be
            self.stored = scales
            arguments += f', %s: tensor<{n}x{groups}x{element}> {{lowbit.name = "s"}}'
        else:
            constant = f"  %s = arith.constant {hexadecimal(scales)} : tensor<{n}x{groups}x{element}>\n"
        if self.zeros:
            shifts = self.rng.integers(0, 16, scales.shape).astype(np.int8)
            constant += f"  %z = arith.constant {hexadecimal(shifts)} : tensor<{n}x{groups}xi8>\n"
            right, types = "zeros %z ", f", tensor<{n}x{groups}xi8>"
        return f"""func.func @main({arguments}) -> (tensor<{m}x{n}xf32> {{lowbit.name = "y"}}) {{
  %p = arith.constant {hexadecimal(packed)} : tensor<{n}x{k // 2}xi8>
  %w = lowbit.unpack %p : tensor<{n}x{k // 2}xi8> -> tensor<{n}x{k}x{code}> of #lowbit.{self.weights} as #lowbit.row_major
{constant}  %init = tensor.empty() : tensor<{m}x{n}xf32>
  %r = lowbit.contract [{MAPS}] {left}
    rhs(%w scales %s {right}<{scheme}> : tensor<{n}x{k}x{code}>, tensor<{n}x{groups}x{element}>{types})
    outs(%init : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  return %r : tensor<{m}x{n}xf32>
}}
"""

    def arguments(self) -> dict[str, np.ndarray]:
        if not self.lhs:
            return {
                "a": self.rng.integers(-128, 128, (self.m, self.k)).astype(np.int8),
                "rows": self.rng.uniform(0.01, 0.1, (self.m, 1)).astype(np.float32),
                "shifts": self.rng.integers(-128, 128, (self.m, 1)).astype(np.int8),
            }
        if self.weights == "codebook<nf4>":
            return {"a": sparse(self.rng, (self.m, self.k), self.group).astype(np.float16)}
        if self.lhs == "f32":  # of more digits than any half has, and dots of less than 2^24
            a = self.rng.integers(-(2**14), 2**14, (self.m, self.k)).astype(np.float32)
            a[0, 0], a[1, 40], a[2, 70] = np.inf, np.nan, np.array(0x7F800001, np.uint32).view(np.float32)
            return {"a": a} | ({} if self.stored is None else {"s": self.stored})
        return {"a": self.rng.integers(-8, 9, (self.m, self.k)).astype(np.float16)} | ({} if self.stored is None else {"s": self.stored})


CASES = [
    Case("mxfp4", "float<f4E2M1FN>", 32, "f8E8M0FNU", "f16"),
    Case("nvfp4", "float<f4E2M1FN>", 16, "f8E4M3FN", "f16"),
    Case("nf4", "codebook<nf4>", 64, "f16", "f16"),
    Case("mxfp4 by f32", "float<f4E2M1FN>", 32, "f8E8M0FNU", "f32"),
    Case("numbers by f32", "uint<4>", 32, "f16", "f32", zeros="i8"),
    # Codes that there are none of count as the last one.
    Case("few levels", CODEBOOK, 0, "f32", "f16", high=7),
    Case("codes by levels", CODEBOOK, 32, "f16", high=5),
    Case("codes by zero points", "uint<4>", 64, "f32", zeros="i8"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contractions(case: Case, tmp_path: Path) -> None:
    source = tmp_path / "m.mlir"
    source.write_text(case.function())
    formed = subprocess.run(
        [BIN / "quant-opt", source, "--lowbit-form-matmuls=target=gpu-sim"], check=True, capture_output=True, text=True
    ).stdout
    assert "lowbit.grouped_matmul" in formed
    model = lowbit.load(source)
    simulated, reference = model.compile("gpu-sim"), model.compile("reference")
    arguments = case.arguments()
    want = reference(**arguments)["y"]
    np.testing.assert_array_equal(simulated(**arguments)["y"], want)
    assert (want != 0).any()
