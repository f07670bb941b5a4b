"""Models: loaded, calibrated, quantized, saved and compiled."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lowbit import _native
from lowbit.distributed import Request, calibrate, in_order, record, split
from lowbit.errors import Error
from lowbit.function import Function
from lowbit.progress import progress as show_progress
from lowbit.statistics import Statistics

if TYPE_CHECKING:
    from lowbit.layers import SideBySide


@dataclass(frozen=True)
class Port:
    """An input or output. Sizes that are known only at run time are None; dtype is what numpy calls the elements' storage."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    type: str


@dataclass(frozen=True)
class Site:
    """An op that can be quantized, or of which one wants to know why not (`reason`)."""

    name: str
    kind: str
    op: str
    quantizable: bool
    quantized: bool
    reason: str


def load(path: str | os.PathLike[str], *, dims: Mapping[str, int] | None = None, entry: str | None = "main") -> Module:
    """Loads .onnx, or MLIR as text or bytecode. dims: sizes for free dimensions of an ONNX model, {"batch": 1}.

    entry: the function that is called; None for a module that is only to be exported.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        if dims:
            raise Error("`dims` applies to ONNX models", str(path))
        return Module(_native.Model.load(os.fspath(path)), entry)
    from lowbit.frontends import ImportFailure, import_onnx_apart

    try:
        with import_onnx_apart(path, dims=dims) as (text, constants):
            return Module(_native.Model.parse(text, str(path), str(constants)), entry)
    except ImportFailure as failure:
        raise Error(str(failure), failure.location) from failure
    except ModuleNotFoundError as failure:
        raise Error(f"{failure}; importing ONNX needs `pip install lowbit[onnx]`", str(path)) from failure


class Module:
    """A model. It never changes: quantize returns a new one."""

    def __init__(self, native: _native.Model, entry: str | None = "main", stats: Statistics | None = None) -> None:
        self._native, self._entry, self._stats = native, entry or "main", stats
        if entry is not None:
            self._info  # one that is not there is reported now  # noqa: B018

    @cached_property
    def _info(self) -> _native.Entry:
        return self._native.entry(self._entry)

    @property
    def inputs(self) -> list[Port]:
        """What the function takes."""
        return [_port(port) for port in self._info.inputs]

    @property
    def outputs(self) -> list[Port]:
        """What it gives."""
        return [_port(port) for port in self._info.outputs]

    @property
    def sites(self) -> list[Site]:
        """What can be quantized, and what has been."""
        return [Site(**row) for row in json.loads(self._native.describe_sites())]

    @property
    def nbytes(self) -> int:
        """Bytes of the model's constants, codes packed to their width."""
        return self._native.nbytes

    def calibrate(
        self,
        batches: Iterable[Mapping[str, Any]],
        observer: str | None = None,
        executor: Executor | None = None,
        progress: bool = True,
        *,
        axes: str = "auto",
        sites: Iterable[str] = (),
        moments: Iterable[str] = (),
        mask: str | None = None,
        recipe: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> Statistics:
        """Runs the model over `batches` ({input name: array}) and records its sites (docs/calibration.md).

        observer: such as "minmax" or "percentile<99.9>"; by default what `recipe` asks for. executor: runs batches side by side: a pool
        of threads (compiled code does not hold Python's lock) or of processes, or a cluster's. axes: what keeps statistics of its own, "tensor", "channel" or "token".
        sites: patterns of the sites to record; all by default. moments: those that keep second moments, besides those that the algorithms
        of `recipe` need. mask: an input whose zeros mark rows that do not count, such as padding.
        """
        request = Request(observer or "", axes, tuple(sites), tuple(moments), mask or "", _recipe_text(recipe), self._entry, threads)
        shown = show_progress(batches, "calibrating", progress)
        # Shards are contiguous, of one size, and merged in order: the result depends neither on who is first nor on how many there are.
        if executor is None:
            run = request.prepare(self._native)
            results = (record(run, shard) for shard in split(shown))
        elif isinstance(executor, ThreadPoolExecutor):
            run = request.prepare(self._native)
            results = in_order(executor, run, split(shown))
        else:
            results = calibrate(self._native, request, shown, executor)
        total = None
        for result in results:
            if total is None:
                total = result
            else:
                total._native.merge(result._native)  # in place: second moments of a large model are gigabytes
        if total is None:
            raise Error("calibration has no data; expected at least one batch")
        return total

    def quantize(self, recipe: str | os.PathLike[str] | Mapping[str, Any], stats: Statistics | None = None) -> Module:
        """A new model by `recipe`: a name, a path, or a document. Static activations need `stats`."""
        if stats is None:
            return Module(self._native.quantize(_recipe_text(recipe), ""), self._entry)
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            path = os.path.join(folder, "statistics.json")
            stats.save(path)
            native = self._native.quantize(_recipe_text(recipe), path)
        return Module(native, self._entry, stats)

    def transform(self, pipeline: str) -> Module:
        """A new model, by a pass pipeline as quant-opt takes it."""
        return Module(self._native.transform(pipeline), self._entry, self._stats)

    def compile(self, target: str = "host", threads: int = 1) -> Function:
        """Compiles for a machine: `host`, `reference`, or a target's name."""
        if threads < 1:
            raise Error(f"threads is {threads}; expected at least 1")
        return Function(self._native.compile(target, threads, self._entry))

    def export(
        self, path: str | os.PathLike[str], target: str = "host", threads: int = 1, *, header: str | os.PathLike[str] | None = None
    ) -> None:
        """Writes an object (`m.o`) or a shared library (`m.so`) for C programs, and a C header (docs/embedding.md). All or nothing.

        Every public function of the model is in it, called by the file's stem and its own name: `m_main`.
        """
        if threads < 1:
            raise Error(f"threads is {threads}; expected at least 1")
        self._native.compile_to_file(target, threads, os.fspath(path), os.fspath(header) if header else "")

    def save(self, path: str | os.PathLike[str], *, text: bool = False) -> None:
        """Writes MLIR bytecode (or text), whole or not at all."""
        self._native.save(os.fspath(path), text)

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        stats: Statistics | None = None,
        beside: SideBySide | None = None,
        following: Callable[[str], str] | None = None,
        target: str | None = None,
    ) -> dict[str, Any]:
        """What quantization did to each site, as a document, and written to `path`: one HTML file, or JSON where it ends so.

        stats: of the calibration, for ranges of activations; those that quantize was given by default. beside: what `compare_layers` has found of
        the float model and this one. following: gives the command to try next for the site that loses the most. target: a GPU, whose launches
        become part of the document.
        """
        from lowbit.report import complete, write_report

        stats = stats or self._stats
        document = json.loads(self._native.report(stats._native if stats else None))
        complete(document, beside, following)
        if target is not None:
            document["gpu"] = self.list_launches(target)
        if path is not None:
            write_report(document, path)
        return document

    def list_launches(self, target: str = "nvptx:sm_90a") -> dict[str, Any]:
        """What a call launches on the GPU `target`, in order; no GPU is needed.

        `launches` holds for each its `kernel`, `site` (of a product), `blocks`, `threads` of a block, `shared_bytes`, and the buffers that it
        `reads` and `writes`, each with its `type` and the `bytes` that are touched at least once; `bytes_read` and `bytes_written` are the
        sums of a launch, and of all. Where kernels are assembled here (by ptxas), also the `registers` of a thread, its `stack_bytes`, and
        `spill_bytes`, which its code stores and loads for want of registers.
        """
        document: dict[str, Any] = json.loads(self._native.list_launches(target))
        return document

    def __str__(self) -> str:
        return self._native.print(True)


def _port(port: _native.Port) -> Port:
    return Port(port.name, tuple(None if size < 0 else size for size in port.shape), port.dtype, port.type)


def _recipe_text(recipe: str | os.PathLike[str] | Mapping[str, Any] | None) -> str:
    if recipe is None:
        return ""
    if isinstance(recipe, Mapping):
        try:
            return json.dumps(recipe, allow_nan=False)
        except (TypeError, ValueError) as failure:
            raise Error(f"recipe is no JSON document: {failure}") from failure
    return os.fspath(recipe)
