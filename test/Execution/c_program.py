"""A C program around a compiled function: arrays in from files, arrays out to files. Inputs without axes are numbers.

Arrays lie at the end of pages whose neighbours cannot be touched, aligned as their elements ask and no more; inputs cannot be written.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import lowbit
import numpy as np

CFLAGS = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-O1"]

PROGRAM = """
#define _GNU_SOURCE
#include "{header}"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void require(int holds, const char *what) {{
  if (!holds) {{
    perror(what);
    exit(1);
  }}
}}

/* Memory of `bytes` whose neighbours cannot be touched: its end is that of a page, down to `alignment`. */
static void *allocate(size_t bytes, size_t alignment) {{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page * page;
  char *memory = mmap(NULL, pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED && mprotect(memory + page, pages, PROT_READ | PROT_WRITE) == 0, "mmap");
  return memory + page + (pages - bytes) / alignment * alignment;
}}

/* Reads a file into memory that then can only be read. */
static void *load(const char *path, size_t bytes, size_t alignment) {{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *data = allocate(bytes, alignment), *first = (char *)((uintptr_t)data / page * page);
  FILE *file = fopen(path, "rb");
  require(file && fread(data, 1, bytes, file) == bytes && fclose(file) == 0, path);
  require(mprotect(first, (size_t)(data + bytes - first), PROT_READ) == 0, "mprotect");
  return data;
}}

static void save(const char *path, const void *data, size_t bytes) {{
  FILE *file = fopen(path, "wb");
  require(file && fwrite(data, 1, bytes, file) == bytes && fclose(file) == 0, path);
}}

#ifdef {workspace}
#define LAST , allocate({workspace}, 64)
#else
#define LAST
#endif

int main(void) {{
{declarations}  {symbol}({arguments} LAST);
{writes}  return 0;
}}
"""


def c_type(dtype: str) -> str:
    """What the header calls an element."""
    if dtype in ("float32", "float64"):
        return {"float32": "float", "float64": "double"}[dtype]
    if dtype == "bool":
        return "bool"
    if dtype.startswith(("float", "V")):
        return f"uint{8 * np.dtype(dtype).itemsize}_t"
    return f"{dtype}_t"


def write_program(folder: Path, header: str, symbol: str, module: lowbit.Module) -> Path:
    """main.c: reads `x.bin` for an input x, calls `symbol`, writes `y.bin` for an output y."""
    declarations, writes, arguments = "", "", []
    for port, is_input in [(p, True) for p in module.inputs] + [(p, False) for p in module.outputs]:
        name, element = f"p{len(arguments)}", c_type(port.dtype)
        size = f"{int(np.prod(port.shape, dtype=int))} * sizeof({element}), sizeof({element})"
        if is_input:
            declarations += f'  const {element} *{name} = load("{port.name}.bin", {size});\n'
        else:
            declarations += f"  {element} *{name} = allocate({size});\n"
            writes += f'  save("{port.name}.bin", {name}, {size.rpartition(",")[0]});\n'
        arguments.append(f"*{name}" if is_input and not port.shape else name)
    path = folder / "main.c"
    path.write_text(
        PROGRAM.format(
            header=header,
            declarations=declarations,
            workspace=f"{symbol.upper()}_WORKSPACE_BYTES",
            symbol=symbol,
            arguments=", ".join(arguments),
            writes=writes,
        )
    )
    return path


def build(folder: Path, *arguments: str, compiler: Sequence[str] = ("clang-22", "-std=c99")) -> None:
    """Compiles and links in `folder`."""
    outcome = subprocess.run([*compiler, *CFLAGS, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def call(folder: Path, command: Sequence[str], module: lowbit.Module, inputs: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Runs the program; the bytes of each output."""
    for name, array in inputs.items():
        (folder / f"{name}.bin").write_bytes(np.ascontiguousarray(array).tobytes())
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, f"exit {outcome.returncode}: {outcome.stderr}"
    return {port.name: (folder / f"{port.name}.bin").read_bytes() for port in module.outputs}
