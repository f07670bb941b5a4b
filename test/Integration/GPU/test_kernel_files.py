"""Kernels for machines that nothing here runs: whole models become files, or an error that says where."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import lowbit
import numpy as np
import pytest
from assembled import CHIPS, assemble_model
from rows import norm
from test_compiled import THREE_MAPS, codes_of_codes

FLOATS = """
func.func @main(%x: tensor<6x40xf32>, %w: tensor<6x40xf16>, %keep: tensor<6x40xi1>) -> (tensor<6x40xf16>, tensor<6xi64>, tensor<40x6xNARROW>) {
  %e = tensor.empty() : tensor<6x40xf32>
  %soft = linalg.softmax dimension(1) ins(%x : tensor<6x40xf32>) outs(%e : tensor<6x40xf32>) -> tensor<6x40xf32>
  %h = tensor.empty() : tensor<6x40xf16>
  %elementwise = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%soft, %w, %keep : tensor<6x40xf32>, tensor<6x40xf16>, tensor<6x40xi1>) outs(%h : tensor<6x40xf16>) {
  ^bb0(%s: f32, %half: f16, %k: i1, %o: f16):
    %wide = arith.extf %half : f16 to f32
    %root = math.sqrt %wide : f32
    %erf = math.erf %s : f32
    %tanh = math.tanh %root : f32
    %product = arith.mulf %erf, %tanh : f32
    %quotient = arith.divf %product, %root : f32
    %chosen = arith.select %k, %quotient, %s : f32
    %narrow = arith.truncf %chosen : f32 to f16
    linalg.yield %narrow : f16
  } -> tensor<6x40xf16>
  %zero = arith.constant 0 : i64
  %counts = tensor.empty() : tensor<6xi64>
  %none = linalg.fill ins(%zero : i64) outs(%counts : tensor<6xi64>) -> tensor<6xi64>
  %count = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%keep : tensor<6x40xi1>) outs(%none : tensor<6xi64>) {
  ^bb0(%k: i1, %sum: i64):
    %one = arith.extui %k : i1 to i64
    %more = arith.addi %sum, %one : i64
    linalg.yield %more : i64
  } -> tensor<6xi64>
  %b = tensor.empty() : tensor<40x6xNARROW>
  %turned = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%soft : tensor<6x40xf32>) outs(%b : tensor<40x6xNARROW>) {
  ^bb0(%s: f32, %o: NARROW):
    %narrow = arith.truncf %s : f32 to NARROW
    linalg.yield %narrow : NARROW
  } -> tensor<40x6xNARROW>
  return %elementwise, %count, %turned : tensor<6x40xf16>, tensor<6xi64>, tensor<40x6xNARROW>
}
"""

SIGNS = f"""
func.func @main(%a: tensor<5x100xf32>, %b: tensor<7x100xf32>) -> tensor<5x7xi32> {{
  %one = arith.constant dense<1.0> : tensor<f32>
  %p = lowbit.quantize %a, %one <#lowbit.binary> : (tensor<5x100xf32>, tensor<f32>) -> tensor<5x100x!lowbit.code<#lowbit.binary>>
  %q = lowbit.quantize %b, %one <#lowbit.binary> : (tensor<7x100xf32>, tensor<f32>) -> tensor<7x100x!lowbit.code<#lowbit.binary>>
  %init = tensor.empty() : tensor<5x7xi32>
  %r = lowbit.contract [{THREE_MAPS}] lhs(%p <#lowbit.binary> : tensor<5x100x!lowbit.code<#lowbit.binary>>)
    rhs(%q <#lowbit.binary> : tensor<7x100x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<5x7xi32>) -> tensor<5x7xi32>
  return %r : tensor<5x7xi32>
}}
"""

GROUPS = f"""
func.func @main(%a: tensor<2x64xf16>) -> tensor<2x8xf16> {{
  %w = arith.constant dense<-3> : tensor<8x64xi4>
  %s = arith.constant dense<0.5> : tensor<8x2xf16>
  %init = tensor.empty() : tensor<2x8xf16>
  %r = lowbit.contract [{THREE_MAPS}] lhs(%a : tensor<2x64xf16>)
    rhs(%w scales %s <#lowbit.int<4>, block = [1, 32], scale = f16> : tensor<8x64xi4>, tensor<8x2xf16>)
    outs(%init : tensor<2x8xf16>) -> tensor<2x8xf16>
  return %r : tensor<2x8xf16>
}}
"""

MODELS = {
    "codes": codes_of_codes(33, 70, 65),
    "floats": FLOATS.replace("NARROW", "f16"),
    "signs": SIGNS,
    "groups": GROUPS,
    "norm": norm(np.random.default_rng(0), 6, 40).text,
}


def export(text: str, folder: Path, target: str, suffix: str) -> bytes:
    (folder / "m.mlir").write_text(text)
    lowbit.load(folder / "m.mlir").export(folder / f"k{suffix}", target)
    return (folder / f"k{suffix}").read_bytes()


@pytest.mark.needs_ptxas
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("chip", CHIPS)
def test_nvptx(model: str, chip: str, tmp_path: Path) -> None:
    assert export(MODELS[model], tmp_path, f"nvptx:{chip}", ".cubin")[:4] == b"\x7fELF"
    assemble_model(lowbit.load(tmp_path / "m.mlir"), chip)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("chip", ["gfx90a", "gfx942"])
def test_amdgcn(model: str, chip: str, tmp_path: Path) -> None:
    text = export(MODELS[model], tmp_path, f"amdgcn:{chip}", ".s").decode()
    assert f"amdgcn-amd-amdhsa--{chip}" in text
    assert f".amdhsa_kernel {'rows' if model in ('floats', 'norm') else 'loops'}" in text
    assert ("v_mfma_i32_16x16x" in text) == (model in ("codes", "signs"))
    assert ("ds_bpermute_b32" in text) == (model in ("floats", "norm"))
    code = export(MODELS[model], tmp_path, f"amdgcn:{chip}", ".hsaco")
    assert code[:4] == b"\x7fELF"
    assert code[16:20] == bytes([3, 0, 224, 0]), "no shared object of an AMD GPU"


@pytest.mark.parametrize("model", MODELS)
def test_spirv(model: str, tmp_path: Path) -> None:
    text = export(MODELS[model], tmp_path, "spirv:opencl", ".spvasm").decode()
    assert ("PackedVectorFormat4x8Bit" in text) == (model == "codes")
    assert ("OpBitCount" in text) == (model == "signs")
    code = export(MODELS[model], tmp_path, "spirv:opencl", ".spv")
    assert code[:8] == bytes([3, 2, 0x23, 7, 0, 4, 1, 0]), "no module of SPIR-V 1.4"
    if validator := shutil.which("spirv-val"):
        subprocess.run([validator, "--target-env", "spv1.4", tmp_path / "k.spv"], check=True)


def test_bfloat16(tmp_path: Path) -> None:
    text = FLOATS.replace("NARROW", "bf16")
    assert b"amdhsa_kernel" in export(text, tmp_path, "amdgcn:gfx942", ".s")
    assert "BFloat16" not in export(text, tmp_path, "spirv:opencl", ".spvasm").decode()  # bits, and f32


def test_kernels_alone(tmp_path: Path) -> None:
    (tmp_path / "m.mlir").write_text(codes_of_codes(4, 8, 16))
    match = "expected `.s` or `.hsaco` .kernels alone: libraries have no run time for this machine"
    with pytest.raises(lowbit.Error, match=match):
        lowbit.load(tmp_path / "m.mlir").export(tmp_path / "m.so", "amdgcn:gfx942")
    with pytest.raises(lowbit.Error, match="target `amdgcn:gfx942` cannot run here: there is no run time for it"):
        lowbit.load(tmp_path / "m.mlir").compile("amdgcn:gfx942")
