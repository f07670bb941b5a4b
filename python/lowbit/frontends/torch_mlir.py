"""ONNX to linalg on tensors through torch-mlir, and to lowbit where a model is quantized (onnx_quantized/).

The result is MLIR text for MLIR 22: one function @main whose arguments and results carry the ONNX names in the
attribute `lowbit.name`; ops carry the names of the ONNX nodes as locations; constants of more than 64 elements are
resources named like the ONNX tensors. Only builtin, func, linalg, tensor, arith, math, cf and scf remain.

    python -m lowbit.frontends.torch_mlir model.onnx -o model.mlir [--dim batch=1]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lowbit.files import whole_file
from lowbit.frontends.errors import ImportFailure

_REQUIRED = ("onnx", "torch_mlir", "numpy")
_INSTALL = "pip install onnx numpy && pip install --no-deps torch-mlir"
_FAILED = 3


def import_onnx(
    path: str | os.PathLike[str] | bytes, *, dims: Mapping[str, int] | None = None, timeout: float = 600.0
) -> str:
    """Converts an ONNX file, or the bytes of one. Returns the MLIR text.

    dims: sizes for the named free dimensions of the inputs, {"batch": 1}. timeout: seconds before the converter is
    stopped. Raises ImportFailure for any file that is not a static model of operators that can be lowered, and
    ModuleNotFoundError if the converter is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="lowbit-import-") as folder:
        output = Path(folder) / "model.mlir"
        if isinstance(path, bytes):
            # In an empty folder of its own, where external data finds nothing.
            path, data = Path(folder) / "model.onnx", path
            path.write_bytes(data)
        _run_converter(Path(path), output, dims or {}, timeout)
        return output.read_text(encoding="utf-8")


@contextmanager
def import_onnx_apart(
    path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, timeout: float = 600.0
) -> Iterator[tuple[str, Path]]:
    """As import_onnx, with the weights in a file. Yields the text and the file's path, which ends with the block.

    The file takes as many bytes as the weights, in the folder for temporary files (TMPDIR); no more than one weight is
    in memory. constants_file.py says how the text refers to it.
    """
    with tempfile.TemporaryDirectory(prefix="lowbit-import-") as folder:
        output, constants = Path(folder) / "model.mlir", Path(folder) / "constants"
        _run_converter(Path(path), output, dims or {}, timeout, constants)
        yield output.read_text(encoding="utf-8"), constants


def import_onnx_to_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    dims: Mapping[str, int] | None = None,
    timeout: float = 600.0,
) -> None:
    """As import_onnx, into a file that appears whole or not at all."""
    with whole_file(output) as temporary:
        _run_converter(Path(path), temporary, dims or {}, timeout)


def _run_converter(
    path: Path, output: Path, dims: Mapping[str, int], timeout: float, constants: Path | None = None
) -> None:
    missing = [name for name in _REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(f"importing ONNX needs {', '.join(missing)}; run: {_INSTALL}")
    for name, size in dims.items():
        if type(size) is not int or size < 1:
            raise ImportFailure(
                f"dimension '{name}' has size {size!r}, expected a positive integer", location=str(path)
            )
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    command = [
        sys.executable,
        "-m",
        "lowbit.frontends.torch_mlir_worker",
        str(path),
        str(output),
        json.dumps(dict(dims)),
        *([str(constants)] if constants else []),
    ]
    try:
        done = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, errors="replace", timeout=timeout
        )
    except subprocess.TimeoutExpired as error:
        raise ImportFailure(f"the converter did not finish in {timeout:g} seconds", location=str(path)) from error
    if done.returncode == 0:
        return
    if done.returncode == _FAILED:
        failure = json.loads(done.stdout.splitlines()[-1])
        raise ImportFailure(failure["message"], location=failure["location"], hint=failure["hint"])
    raise _explain_crash(path, done)


def _explain_crash(path: Path, done: subprocess.CompletedProcess[str]) -> ImportFailure:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0:
        reason = f"the converter stopped with {signal.Signals(-done.returncode).name}"
    else:
        reason = f"the converter failed: {lines[-1] if lines else f'exit code {done.returncode}'}"
    hint = "the model uses an operator in a way the converter does not expect"
    return ImportFailure(reason, location=str(path), hint=hint)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lowbit.frontends.torch_mlir", description="Convert ONNX to linalg."
    )
    parser.add_argument("model", type=Path, help="the .onnx file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .mlir file to write")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="size of a free dimension")
    options = parser.parse_args(arguments)
    try:
        dims = dict(_parse_dim(text) for text in options.dim)
        import_onnx_to_file(options.model, options.output, dims=dims)
    except (ImportFailure, ModuleNotFoundError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parse_dim(text: str) -> tuple[str, int]:
    name, separator, size = text.partition("=")
    if not separator or not name or not size.isdigit():
        raise ImportFailure(f"--dim {text!r} is not of the form NAME=SIZE")
    return name, int(size)


if __name__ == "__main__":
    raise SystemExit(main())
