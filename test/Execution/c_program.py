"""A C program around a compiled function: arrays in from files, arrays out to files. Inputs without axes are numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import lowbit
import numpy as np

CFLAGS = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-O1"]

PROGRAM = """
#include "{header}"
#include <stdio.h>
#include <stdlib.h>

static void transfer(const char *path, const char *mode, void *data, size_t bytes) {{
  FILE *file = fopen(path, mode);
  size_t done = file ? (mode[0] == 'r' ? fread(data, 1, bytes, file) : fwrite(data, 1, bytes, file)) : 0;
  if (!file || done != bytes || fclose(file)) {{
    perror(path);
    exit(1);
  }}
}}

{declarations}
#ifdef {workspace}
static char space[{workspace} + 64];
#define LAST , space + (64 - (uintptr_t)space % 64)
#else
#define LAST
#endif

int main(void) {{
{reads}  {symbol}({arguments} LAST);
{writes}  return 0;
}}
"""


def c_type(dtype: str, mlir_type: str) -> str:
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
    declarations, reads, writes, arguments = "", "", "", []
    for port, is_input in [(p, True) for p in module.inputs] + [(p, False) for p in module.outputs]:
        name = f"p{len(arguments)}"
        count = int(np.prod(port.shape, dtype=int))
        declarations += f"static {c_type(port.dtype, port.type)} {name}[{count}];\n"
        if is_input:
            reads += f'  transfer("{port.name}.bin", "rb", {name}, sizeof {name});\n'
        else:
            writes += f'  transfer("{port.name}.bin", "wb", {name}, sizeof {name});\n'
        arguments.append(f"*{name}" if is_input and not port.shape else name)
    path = folder / "main.c"
    path.write_text(
        PROGRAM.format(
            header=header,
            declarations=declarations,
            workspace=f"{symbol.upper()}_WORKSPACE_BYTES",
            reads=reads,
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
