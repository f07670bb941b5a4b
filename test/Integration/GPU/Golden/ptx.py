"""One instruction becomes one kernel: load registers and shared memory, run the instruction once, store everything."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

PARAMETERS = ["in", "out", "shared", "shared_out", "memory", "maps"]


@dataclass
class Instruction:
    """What to run: PTX text between registers %i0… and %o0…, and a function that makes the inputs.

    The text may use %base (address of the shared image), %memory (global image), %map (tensor map), %lane, and the
    scratch registers %t (32 bit), %q8 and up (64 bit), %h (16 bit) and %p (predicates).
    Inputs: "in" of (cases, threads, registers); "shared" and "memory" of (images, bytes), with "shared_index" and
    "memory_index" naming the image of each case where there is not one a case; "maps", a list of tensor map descriptions.
    """

    name: str
    text: str
    registers_in: int
    registers_out: int
    inputs: Callable[[np.random.Generator], dict]
    threads: int = 32
    shared: int = 0
    keep_shared: bool = False
    memory: int = 0
    keep_memory: bool = False
    directives: str = ""
    target: str = "sm_90a"
    maps: int = 0  # how many tensor maps: one a case
    maps_where: str = "parameters"
    keep: list[int] | None = None  # the cases that are recorded, where all would take too much room
    notes: dict = field(default_factory=dict)


def registers(kind: str, first: int, count: int) -> str:
    """`{%i0,%i1}`: a PTX list of registers."""
    return "{" + ",".join(f"%{kind}{first + i}" for i in range(count)) + "}"


def copy_loop(label: str, source: str, target: str, size: int, threads: int) -> str:
    """Copies `size` bytes word by word with all threads; `source` and `target` are load and store up to the address."""
    shared, memory = "%t1", "%q1"
    read = memory if "global" in source else shared
    write = memory if "global" in target else shared
    return f"""
  shl.b32 %t0, %lane, 2;
{label}:
  setp.ge.u32 %p0, %t0, {size};
  @%p0 bra {label}_END;
  add.u32 %t1, %base, %t0;
  cvt.u64.u32 %q1, %t0;
  add.u64 %q1, %q0, %q1;
  {source} %t2, [{read}];
  {target} [{write}], %t2;
  add.u32 %t0, %t0, {4 * threads};
  bra {label};
{label}_END:"""


def map_address(where: str) -> str:
    """Sets %map to the tensor map of this case: in parameters, or in global memory, with a fence where `where` is "fence"."""
    if where == "parameters":
        load = "  mov.b64 %map, p_maps;\n  cvta.param.u64 %map, %map;"
    else:
        load = "  ld.param.u64 %map, [p_maps];"
    load += "\n  mad.wide.u32 %map, %case, 128, %map;"
    if where == "fence":
        load += "\n  fence.proxy.tensormap::generic.acquire.gpu [%map], 128;"
    return load


def kernel(instruction: Instruction) -> str:
    """The whole PTX module."""
    i = instruction
    assert i.shared % 16 == 0 and i.memory % 16 == 0, i.name
    kinds = {"maps": f".align 128 .b8 p_maps[{128 * i.maps}]"} if i.maps and i.maps_where == "parameters" else {}
    parameters = ",\n".join(f"  .param {kinds.get(name, f'.u64 p_{name}')}" for name in PARAMETERS)
    lines = [
        f".version 8.8\n.target {i.target}\n.address_size 64",
        ".extern .shared .align 1024 .b8 image[];",
        f".visible .entry run(\n{parameters})\n.reqntid {i.threads} {i.directives}\n{{",
        f"  .reg .b32 %i<{i.registers_in + 1}>, %o<{i.registers_out + 1}>, %t<32>, %base, %lane, %case;",
        "  .reg .b64 %q<24>, %memory, %map;\n  .reg .b16 %h<16>;\n  .reg .pred %p<8>;",
        "  mov.u32 %lane, %tid.x;\n  mov.u32 %case, %ctaid.x;\n  mov.u32 %base, image;",
        f"  ld.param.u64 %memory, [p_memory];\n  mad.wide.u32 %memory, %case, {i.memory}, %memory;",
        map_address(i.maps_where) if i.maps else "",
    ]
    if i.shared:
        lines.append(f"  ld.param.u64 %q0, [p_shared];\n  mad.wide.u32 %q0, %case, {i.shared}, %q0;")
        lines.append(copy_loop("FILL", "ld.global.b32", "st.shared.b32", i.shared, i.threads))
        lines.append("  fence.proxy.async;")
    lines.append("  bar.sync 0;")
    lines.append(
        f"  ld.param.u64 %q2, [p_in];\n  mad.lo.u32 %t3, %case, {i.threads}, %lane;\n  mad.wide.u32 %q2, %t3, {4 * i.registers_in}, %q2;"
    )
    lines += [f"  ld.global.b32 %i{k}, [%q2+{4 * k}];" for k in range(i.registers_in)]
    lines += [f"  mov.b32 %o{k}, 0;" for k in range(i.registers_out)]
    lines.append("  bar.sync 0;\n" + i.text + "\n  bar.sync 0;")
    lines.append(
        f"  ld.param.u64 %q2, [p_out];\n  mad.lo.u32 %t3, %case, {i.threads}, %lane;\n  mad.wide.u32 %q2, %t3, {4 * i.registers_out}, %q2;"
    )
    lines += [f"  st.global.b32 [%q2+{4 * k}], %o{k};" for k in range(i.registers_out)]
    if i.keep_shared:
        lines.append(f"  ld.param.u64 %q0, [p_shared_out];\n  mad.wide.u32 %q0, %case, {i.shared}, %q0;")
        lines.append(copy_loop("DRAIN", "ld.shared.b32", "st.global.b32", i.shared, i.threads))
    lines.append("  ret;\n}")
    return "\n".join(lines) + "\n"
