"""What the machine can do at most: `limits.py assemble`, then, on the GPU, `limits.py run`: one JSON object a line."""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import time
import zipfile
from ctypes import byref, c_int, c_size_t, c_uint, c_uint64, c_ulonglong, c_void_p
from pathlib import Path

import numpy as np
from device import CudaError, Device
from families.descriptors import descriptor
from ptx import registers

HERE = Path(__file__).parent
STEP = 1056 * 256 * 16  # bytes the grid of reads() touches with one load a thread


def loop(body: str, words: int, accumulators: int, threads: int, shared: int = 0, ahead: str = "") -> str:
    """A kernel that runs `body` p_count times; %r<words> hold numbers of all kinds, %c<accumulators> start at zero; block 0 tells its cycles."""
    fill = f"""
  shl.b32 %t0, %lane, 2;
FILL:
  add.u32 %t1, %base, %t0;
  mul.lo.u32 %t2, %t0, 0x9E3779B1;
  xor.b32 %t2, %t2, %seed;
  st.shared.b32 [%t1], %t2;
  add.u32 %t0, %t0, {4 * threads};
  setp.lt.u32 %p0, %t0, {shared};
  @%p0 bra FILL;
  fence.proxy.async;"""
    start = [f"  mad.lo.u32 %r{k}, %lane, {0x9E3779B1 + 2 * k * 0x3C6EF35F & 0xFFFFFFFF}, %seed;" for k in range(words)]
    zero = [f"  mov.b32 %c{k}, 0;" for k in range(accumulators)]
    total = "\n".join(f"  xor.b32 %t0, %t0, %c{k};" for k in range(accumulators))
    return f""".version 8.8
.target sm_90a
.address_size 64
.extern .shared .align 1024 .b8 image[];
.visible .entry run(.param .u64 p_out, .param .u64 p_in, .param .u32 p_count, .param .u32 p_seed)
.maxntid {threads}
{{
  .reg .b32 %r<{words + 1}>, %c<{accumulators + 1}>, %t<16>, %n, %seed, %lane, %base;
  .reg .b64 %q<24>; .reg .pred %p<4>;
  mov.u32 %lane, %tid.x;
  mov.u32 %base, image;
  ld.param.u32 %seed, [p_seed];
  ld.param.u32 %n, [p_count];
{fill if shared else ""}
{chr(10).join(start + zero)}
{ahead}
  bar.sync 0;
  mov.u64 %q0, %clock64;
LOOP:
{body}
  add.s32 %n, %n, -1;
  setp.gt.s32 %p1, %n, 0;
  @%p1 bra LOOP;
  bar.sync 0;
  mov.u64 %q1, %clock64;
  sub.u64 %q1, %q1, %q0;
  mov.b32 %t0, 0;
{total}
  ld.param.u64 %q2, [p_out];
  mov.u32 %t1, %ctaid.x;
  or.b32 %t1, %t1, %lane;
  setp.eq.u32 %p2, %t1, 0;
  @%p2 st.global.b64 [%q2], %q1;
  setp.eq.u32 %p3, %t0, 0x12345678;
  @%p3 st.global.b32 [%q2+8], %t0;
  ret;
}}
"""


def warp_mma(form: str, c: int = 4, chains: int = 8) -> str:
    """`chains` independent mma.sync of m16 a turn."""
    lines = []
    for i in range(chains):
        acc = registers("c", c * i, c)
        lines.append(f"  mma.sync.aligned.{form} {acc}, {registers('r', 4 * (i % 2), 4)}, {registers('r', 8 + 2 * (i % 4), 2)}, {acc};")
    return loop("\n".join(lines), 16, c * chains, 256)


def group_mma(form: str, tail: str = "", from_registers: bool = False) -> str:
    """Four steps of m64n256 along K in rows of 128 bytes, 128B swizzle: 8 wgmma a turn and group."""
    ahead = "  shr.u32 %t3, %base, 4;\n  cvt.u64.u32 %q10, %t3;\n  setp.eq.u32 %p2, %lane, %lane;\n"
    ahead += f"  add.u64 %q8, %q10, {descriptor(0, 16, 1024, '128B')};\n  add.u64 %q9, %q10, {descriptor(16384, 16, 1024, '128B')};\n"
    ahead += "".join(f"  add.u64 %q{11 + k}, %q8, {2 * k};\n  add.u64 %q{15 + k}, %q9, {2 * k};\n" for k in range(4))
    lines = ["  wgmma.fence.sync.aligned;"]
    for i in range(8):
        left = registers("r", 0, 4) if from_registers else f"%q{11 + i % 4}"
        lines.append(f"  wgmma.mma_async.sync.aligned.{form} {registers('c', 0, 128)}, {left}, %q{15 + i % 4}, %p2{tail};")
    lines.append("  wgmma.commit_group.sync.aligned;\n  wgmma.wait_group.sync.aligned 0;")
    return loop("\n".join(lines), 4, 128, 256, 16384 + 32768, ahead)


def dot_products() -> str:
    """dp4a, 16 chains, twice a turn."""
    return loop("\n".join(f"  dp4a.s32.s32 %c{i % 16}, %r{i % 8}, %r{8 + i % 4}, %c{i % 16};" for i in range(32)), 16, 16, 256)


def loads_of_matrices() -> str:
    """ldmatrix.x4 without bank conflicts: 512 bytes a warp."""
    ahead = "  and.b32 %t4, %lane, 31;\n  shl.b32 %t4, %t4, 4;\n  add.u32 %t4, %t4, %base;\n"
    lines = []
    for i in range(8):
        lines.append(f"  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {registers('t', 5, 4)}, [%t4+{512 * i}];")
        lines += [f"  xor.b32 %c{k}, %c{k}, %t{5 + k};" for k in range(4)]
    # The address changes as far as the assembler knows: it would load once for all turns.
    lines.append("  xor.b32 %t4, %t4, %r0;")
    return loop("\n".join(lines), 1, 4, 256, 4096, ahead + "  and.b32 %r0, %n, 0x40000000;\n")


def conflicts() -> str:
    """ldmatrix.x4 of one warp, rows %seed bytes apart."""
    ahead = "  mad.lo.u32 %t4, %lane, %seed, %base;\n"
    lines = []
    for _ in range(8):
        lines.append(f"  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {registers('t', 5, 4)}, [%t4];\n  xor.b32 %t4, %t4, %r0;")
        lines += [f"  add.u32 %c{k}, %c{k}, %t{5 + k};" for k in range(4)]
    return loop("\n".join(lines), 1, 4, 32, 16384, ahead + "  sub.u32 %r0, %r0, %r0;\n")


def reads(far: bool) -> str:
    """A grid of 1056 x 256 threads, 16 bytes a load: 8 loads a turn and on through memory, or the same 4 again and again."""
    ahead = "  mov.u32 %t3, %ctaid.x;\n  mad.lo.u32 %t3, %t3, 256, %lane;\n  ld.param.u64 %q3, [p_in];\n  mad.wide.u32 %q3, %t3, 16, %q3;\n"
    count, how, lines = (8, "global.L1::no_allocate", []) if far else (4, "relaxed.gpu.global", [])
    for i in range(count):
        lines.append(f"  add.u64 %q4, %q3, {STEP * i};\n  ld.{how}.v4.b32 {registers('r', 4 * i, 4)}, [%q4];")
    lines += [f"  xor.b32 %c{k % 4}, %c{k % 4}, %r{k};" for k in range(4 * count)]
    if far:
        lines.append(f"  add.u64 %q3, %q3, {count * STEP};")
    return loop("\n".join(lines), 32, 4, 256, 0, ahead)


WARP_FORMS = {  # form: operations of one mma
    "m16n8k32.row.col.s32.s8.s8.s32": 16 * 8 * 32 * 2, "m16n8k64.row.col.s32.s4.s4.s32": 16 * 8 * 64 * 2,
    "m16n8k32.row.col.s32.u8.s8.s32": 16 * 8 * 32 * 2, "m16n8k16.row.col.f32.f16.f16.f32": 16 * 8 * 16 * 2,
    "m16n8k32.row.col.f32.e4m3.e4m3.f32": 16 * 8 * 32 * 2,
    "m16n8k256.row.col.s32.b1.b1.s32.and.popc": 16 * 8 * 256 * 2, "m16n8k256.row.col.s32.b1.b1.s32.xor.popc": 16 * 8 * 256 * 2,
}  # fmt: skip
GROUP_FORMS = {  # form: (K of one wgmma, what follows the operands)
    "m64n256k32.s32.s8.s8": (32, ""), "m64n256k32.s32.u8.s8": (32, ""), "m64n256k256.s32.b1.b1.and.popc": (256, ""),
    "m64n256k16.f32.f16.f16": (16, ", 1, 1, 0, 0"), "m64n256k32.f32.e4m3.e4m3": (32, ", 1, 1"),
}  # fmt: skip


def kernels() -> dict[str, str]:
    """PTX by file name."""
    result = {f"mma.{form}": warp_mma(form) for form in WARP_FORMS}
    result |= {f"wgmma.{form}": group_mma(form, tail) for form, (_, tail) in GROUP_FORMS.items()}
    result["wgmma.a-registers"] = group_mma("m64n256k32.s32.s8.s8", from_registers=True)
    empty = ".version 8.8\n.target sm_90a\n.address_size 64\n.visible .entry run(.param .u64 p_out)\n{\n  ret;\n}\n"
    return result | {
        "dp4a": dot_products(),
        "ldmatrix": loads_of_matrices(),
        "read-far": reads(True),
        "read-near": reads(False),
        "conflicts": conflicts(),
        "empty": empty,
    }


def assemble(folder: Path, ptxas: str) -> None:
    """Cubins, and the C part where there is a compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in kernels().items():
        source = folder / f"limit.{name}.ptx"
        source.write_text(text)
        done = subprocess.run(
            [ptxas, "-arch=sm_90a", "-v", source, "-o", folder / f"limit.{name}.cubin"], capture_output=True, text=True, check=False
        )
        source.unlink()
        said = [line.strip() for line in done.stderr.splitlines() if any(word in line for word in ("rror", "arning", "registers", "spill"))]
        print(f"{name}: {' | '.join(said)}")
    subprocess.run(
        ["cc", "-O2", "-shared", "-fPIC", "-nostdlib", "-ffreestanding", HERE / "launches.c", "-o", folder / "launches.so"], check=True
    )


class Limits:
    """Measures on one device."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.device = folder, Device()
        self.processors = self.device.attribute(16)
        self.out = self.device.allocate(4096)

    def say(self, what: str, **values) -> None:
        """One line."""
        print(json.dumps({"what": what, "device": self.device.name, **values}), flush=True)

    def time(self, name: str, blocks: int, count: int, shared: int = 0, memory: int = 0) -> tuple[float, int]:
        """Shortest seconds and the cycles of block 0."""
        function = self.device.function((self.folder / f"limit.{name}.cubin").read_bytes(), "run", shared)
        arguments = [c_uint64(self.out.value), c_uint64(memory), c_uint(count), c_uint(0x2545F491)]
        seconds = self.device.seconds(lambda: self.device.launch(function, blocks, 256, shared, arguments), 4)
        return seconds, int(self.device.download(self.out, (1,), np.uint64)[0])

    def rates(self) -> None:
        """Arithmetic: operations a second; where a multiprocessor has one block, whose cycles are its own, also a cycle and multiprocessor."""
        for form, operations in WARP_FORMS.items():
            seconds, _ = self.time(f"mma.{form}", self.processors * 2, 8192)
            work = 8 * operations * 8 * 8192 * 2  # chains, warps, turns, blocks of a multiprocessor
            self.say(f"mma.sync.{form}", tops=work * self.processors / seconds / 1e12, milliseconds=seconds * 1e3)
        for form, (k, _) in GROUP_FORMS.items():
            seconds, cycles = self.time(f"wgmma.{form}", self.processors, 2048, 49152)
            work = 8 * 2 * 64 * 256 * k * 2 * 2048
            self.say(
                f"wgmma.{form}",
                tops=work * self.processors / seconds / 1e12,
                operations_per_cycle=work / cycles,
                milliseconds=seconds * 1e3,
            )
        seconds, cycles = self.time("wgmma.a-registers", self.processors, 2048, 49152)
        work = 8 * 2 * 64 * 256 * 32 * 2 * 2048
        self.say(
            "wgmma.m64n256k32.s32.s8.s8 A from registers", tops=work * self.processors / seconds / 1e12, operations_per_cycle=work / cycles
        )
        seconds, _ = self.time("dp4a", self.processors * 4, 4096)
        work = 32 * 256 * 4 * 8 * 4096
        self.say("dp4a", tops=work * self.processors / seconds / 1e12, milliseconds=seconds * 1e3)
        seconds, _ = self.time("ldmatrix", self.processors * 4, 4096, 4096)
        work = 8 * 512 * 8 * 4 * 4096
        self.say("ldmatrix.x4", terabytes_per_second=work * self.processors / seconds / 1e12)

    def conflicts(self) -> None:
        """Cycles of one ldmatrix.x4 by the distance of rows, against the model of 32 banks."""
        function = self.device.function((self.folder / "limit.conflicts.cubin").read_bytes())
        for pitch in (16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 256, 272, 384):
            self.device.launch(function, 1, 32, 16384, [c_uint64(self.out.value), c_uint64(0), c_uint(512), c_uint(pitch)])
            self.device.wait()
            cycles = int(self.device.download(self.out, (1,), np.uint64)[0]) / (512 * 8)
            self.say("ldmatrix.x4 of one warp", pitch=pitch, cycles=cycles)

    def accuracy(self) -> None:
        """Errors of approximations against float64, in units in the last place of the f32 result, over 2^21 inputs."""
        exact = {
            "ex2.approx.ftz.f32": (np.exp2, -126, 126),
            "lg2.approx.ftz.f32": (np.log2, 2**-20, 2**20),
            "tanh.approx.f32": (np.tanh, -9, 9),
        }
        exact |= {
            "rcp.approx.ftz.f32": (np.reciprocal, 1, 2),
            "rsqrt.approx.ftz.f32": (lambda x: x**-0.5, 1, 4),
            "sqrt.approx.ftz.f32": (np.sqrt, 1, 4),
        }
        archive = zipfile.ZipFile(self.folder / "scalar.zip")
        rng = np.random.default_rng(1)
        for name, (true, low, high) in exact.items():
            x = rng.uniform(low, high, 1 << 21).astype(np.float32)
            given, out = self.device.upload(x), self.device.allocate(x.nbytes)
            zero = c_uint64(0)
            self.device.launch(
                self.device.function(archive.read(name)),
                len(x) // 32,
                32,
                0,
                [c_uint64(given.value), c_uint64(out.value), zero, zero, zero, zero],
            )
            self.device.wait()
            want = true(x.astype(np.float64))
            got = self.device.download(out, x.shape, np.float32).astype(np.float64)
            error = np.abs(got - want)
            ulp = error / np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
            relative = error / np.maximum(np.abs(want), 1e-300)
            self.say(
                name,
                range=[low, high],
                max_ulp=float(ulp.max()),
                max_relative=float(relative.max()),
                max_absolute=float(error.max()),
                rightly_rounded=float((ulp <= 0.5).mean()),
            )

    def memory(self) -> None:
        """Reading far more than the L2 holds, and 17 MB again and again."""
        turns = (4 << 30) // (8 * STEP)
        far = self.device.allocate(4 << 30)
        self.device.call("cuMemsetD32_v2", far, c_uint(0x12340001), c_size_t((4 << 30) // 4))
        seconds, _ = self.time("read-far", 1056, turns, memory=far.value)
        self.say("read of device memory", terabytes_per_second=turns * 8 * STEP / seconds / 1e12, bytes=turns * 8 * STEP)
        seconds, _ = self.time("read-near", 1056, 200, memory=far.value)
        self.say("read of L2", terabytes_per_second=200 * 4 * STEP / seconds / 1e12, bytes=4 * STEP)
        half = c_size_t(2 << 30)
        seconds = self.device.seconds(
            lambda: self.device.call("cuMemcpyDtoDAsync_v2", far, c_uint64(far.value + (2 << 30)), half, c_void_p()), 3
        )
        self.say("copy in device memory, read plus written", terabytes_per_second=(4 << 30) / seconds / 1e12)
        self.device.free(far)

    def launches(self) -> None:
        """Seconds of a launch: in a row, each waited for, and as a graph of 100."""
        device, library = self.device, ctypes.CDLL(str(self.folder / "launches.so"))
        function = device.function((self.folder / "limit.empty.cubin").read_bytes())
        stream, graph, executable = c_void_p(), c_void_p(), c_void_p()
        device.call("cuStreamCreate", byref(stream), c_uint(1))
        argument = c_uint64(self.out.value)
        arguments = (c_void_p * 1)(ctypes.cast(ctypes.pointer(argument), c_void_p))
        names = ("cuLaunchKernel", "cuGraphLaunch", "cuStreamSynchronize")
        launch, launch_graph, wait = (ctypes.cast(getattr(device.cuda, name), c_void_p) for name in names)
        for name, count, each in (("launches in a row", 20000, 0), ("launch and wait", 5000, 1)):
            times = []
            for _ in range(3):
                begin = time.perf_counter()
                status = library.launch_many(launch, wait, function, stream, arguments, c_int(count), c_int(each))
                times.append((time.perf_counter() - begin) / count)
            self.say(name, microseconds=min(times) * 1e6, status=status)
        for nodes in (1, 100):
            device.call("cuStreamBeginCapture_v2", stream, c_int(1))
            status = library.launch_many(
                launch, ctypes.cast(library.nothing, c_void_p), function, stream, arguments, c_int(nodes), c_int(0)
            )
            device.call("cuStreamEndCapture", stream, byref(graph))
            device.call("cuGraphInstantiateWithFlags", byref(executable), graph, c_ulonglong(0))
            for name, count, each in (("in a row", 2000, 0), ("each waited for", 2000, 1)):
                times = []
                for _ in range(3):
                    begin = time.perf_counter()
                    status = library.launch_graphs(launch_graph, wait, executable, stream, c_int(count), c_int(each))
                    times.append((time.perf_counter() - begin) / count)
                self.say(
                    f"graph of {nodes}, {name}",
                    microseconds=min(times) * 1e6,
                    microseconds_per_node=min(times) * 1e6 / nodes,
                    status=status,
                )


def peers() -> None:
    """What PyTorch reaches."""
    import torch

    name = torch.cuda.get_device_name()

    def measure(what: str, operations: float, run) -> None:
        try:
            run()
            torch.cuda.synchronize()
            best = float("inf")
            for _ in range(10):
                start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                start.record()
                run()
                stop.record()
                stop.synchronize()
                best = min(best, start.elapsed_time(stop) / 1e3)
            print(
                json.dumps(
                    {"what": what, "device": name, "tops": operations / best / 1e12, "milliseconds": best * 1e3, "torch": torch.__version__}
                ),
                flush=True,
            )
        except Exception as error:  # noqa: BLE001 - a peer that cannot is a line, not an end
            print(json.dumps({"what": what, "device": name, "error": str(error)[:200]}), flush=True)

    for m, n, k in ((4096, 4096, 4096), (8192, 8192, 8192), (32, 4096, 4096), (128, 4096, 4096), (512, 4096, 4096), (2048, 4096, 4096)):
        a = torch.randint(-128, 128, (m, k), dtype=torch.int8, device="cuda")
        b = torch.randint(-128, 128, (n, k), dtype=torch.int8, device="cuda").t()
        x, y = torch.randn(m, k, dtype=torch.float16, device="cuda"), torch.randn(n, k, dtype=torch.float16, device="cuda").t()
        measure(f"torch._int_mm {m}x{n}x{k}", 2.0 * m * n * k, lambda a=a, b=b: torch._int_mm(a, b))
        measure(f"torch.matmul f16 {m}x{n}x{k}", 2.0 * m * n * k, lambda x=x, y=y: torch.matmul(x, y))
        one = torch.ones((), device="cuda")
        p, q = x.to(torch.float8_e4m3fn), y.to(torch.float8_e4m3fn)
        measure(
            f"torch._scaled_mm e4m3 {m}x{n}x{k}",
            2.0 * m * n * k,
            lambda p=p, q=q, one=one: torch._scaled_mm(p, q, scale_a=one, scale_b=one, out_dtype=torch.float16),
        )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["assemble", "run", "peers"])
    parser.add_argument("--folder", type=Path, default=HERE / "build")
    parser.add_argument("--ptxas", default=os.environ.get("PTXAS", "ptxas"))
    options = parser.parse_args()
    if options.what == "assemble":
        assemble(options.folder, options.ptxas)
        return 0
    if options.what == "peers":
        peers()
        return 0
    limits = Limits(options.folder)
    status = 0
    for part in (limits.rates, limits.memory, limits.launches, limits.conflicts, limits.accuracy):
        try:
            part()
        except (CudaError, OSError) as error:
            print(json.dumps({"what": part.__name__, "error": str(error)}), flush=True)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
