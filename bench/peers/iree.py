"""IREE: modules compiled for this machine once and kept under the output folder, called through its virtual machine."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import numpy as np

from bench.compare import Prepared
from bench.matmul import Int8Case
from bench.ours import literal, tensor
from bench.timing import PythonCall

FLAGS = (
    "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu",
    "--iree-llvmcpu-target-cpu=host",
    "--iree-opt-level=O3",
)
# Which is faster depends on the size; the faster of both is kept.
CONFIGURATIONS = {"plain": (), "data tiling": ("--iree-opt-data-tiling",)}


def int8_matmul(case: Int8Case) -> Prepared:
    """Codes to 32-bit sums: a matmul for s8; u8 activations as the generic that there is no named op for."""
    sign = "extsi" if case.signed else "extui"
    lhs, rhs, out = tensor(case.lhs), tensor(case.rhs), f"tensor<{case.m}x{case.n}xi32>"
    product = f"linalg.matmul ins(%a, %b : {lhs}, {rhs}) outs(%init : {out}) -> {out}"
    if not case.signed:
        maps = "affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>"
        product = f"""linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b : {lhs}, {rhs}) outs(%init : {out}) {{
  ^bb0(%x: i8, %y: i8, %sum: i32):
    %wide_x = arith.{sign} %x : i8 to i32
    %wide_y = arith.extsi %y : i8 to i32
    %product = arith.muli %wide_x, %wide_y : i32
    %next = arith.addi %sum, %product : i32
    linalg.yield %next : i32
  }} -> {out}"""
    text = f"""func.func @main(%a: {lhs}) -> {out} {{
  %b = arith.constant {literal(case.rhs)} : {rhs}
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : {out}
  %init = linalg.fill ins(%zero : i32) outs(%empty : {out}) -> {out}
  %r = {product}
  return %r : {out}
}}
"""
    name = f"int8-{'s8' if case.signed else 'u8'}-{case.m}x{case.n}x{case.k}"
    ready = [_prepare(text, f"{name}-{label}", flags, case.lhs) for label, flags in CONFIGURATIONS.items()]
    times = [float(prepared.call.sample(1, 3).min()) for prepared in ready]
    best = int(np.argmin(times))
    ready[best].detail = list(CONFIGURATIONS)[best]
    return ready[best]


def _prepare(text: str, name: str, flags: tuple[str, ...], lhs: np.ndarray) -> Prepared:
    import iree.compiler
    from iree import runtime

    path = Path(os.environ["LOWBIT_BENCH_OUTPUT"]) / "iree" / f"{name.replace(' ', '-')}.vmfb"
    if not path.exists():
        print(f"iree: compiling {path.name}, which is kept", file=sys.stderr, flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(iree.compiler.compile_str(text, extra_args=[*FLAGS, *flags]))
    config = runtime.Config("local-sync")
    module = runtime.VmModule.copy_buffer(config.vm_instance, path.read_bytes())
    context = runtime.VmContext(config.vm_instance, [runtime.create_hal_module(config.vm_instance, config.device), module])
    function = module.lookup_function("main")
    array = runtime.asdevicearray(config.device, lhs)
    arguments, results = runtime.VmVariantList(1), []
    arguments.push_ref(array._buffer_view)

    def call() -> None:
        results[:] = [runtime.VmVariantList(1)]
        context.invoke(function, arguments, results[0])

    def result() -> np.ndarray:
        view = results[0].get_as_object(0, runtime.HalBufferView)
        return runtime.DeviceArray(config.device, view, implicit_host_transfer=True).to_host()

    version = importlib.metadata.version("iree-base-compiler")
    return Prepared(PythonCall(call, (config, array)), 8, result, version, "product only")
