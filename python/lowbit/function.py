"""Compiled functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lowbit import _native
from lowbit.arrays import are_on_device, bind, new_output, to_native
from lowbit.device_array import DeviceArray, on_device
from lowbit.elements import view_named
from lowbit.errors import Error


class Timing(NamedTuple):
    """Seconds a call, measured in compiled code's own loop."""

    median: float
    minimum: float


def _writable(name: str, value: Any) -> Any:
    """An array that results can be written into where it lies."""
    device = on_device(name, value)
    if device is not None:
        if device.read_only:
            raise Error(f"output `{name}` can only be read; expected an array to write into")
        return device
    if not isinstance(value, np.ndarray) or not value.flags.c_contiguous or not value.flags.writeable:
        raise Error(f"output `{name}` is no contiguous, writable array of numpy or of a GPU; expected one to write into")
    return value


class BoundFunction:
    """A function with its arrays: what is in `inputs` now is read, and `outputs` are written over, at every call. One call at a time.

    On a GPU, inputs that the function updates are copied there once and stay: `pull` brings them back as they are now, `push` takes there what was
    changed here. On the host both do nothing.
    """

    def __init__(self, program: _native.BoundProgram, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> None:
        self._program, self.inputs, self.outputs = program, inputs, outputs

    def __call__(self) -> dict[str, np.ndarray]:
        """Calls it; returns `outputs`."""
        self._program.run()
        return self.outputs

    def push(self) -> None:
        """Takes what is in the inputs that calls update to the GPU."""
        self._program.push()

    def pull(self) -> None:
        """Brings the inputs that calls update back from the GPU."""
        self._program.pull()

    @property
    def function(self) -> int:
        """Address of a C function `void (*)(void **)`: what it is handed is at `context`. Valid as long as this object."""
        return self._program.function

    @property
    def context(self) -> int:
        """Address of what `function` is handed."""
        return self._program.context


class Function:
    """A function compiled for a machine. Calls copy nothing, may come from several threads, and do not hold Python's lock."""

    def __init__(self, program: _native.Program) -> None:
        self._program = program
        self._entry = program.entry

    @property
    def inputs(self) -> list[_native.Port]:
        """What it takes: name, shape, dtype, type."""
        return list(self._entry.inputs)

    def other(self, name: str) -> Function:
        """Another public function of the module, which was compiled with this one."""
        return Function(self._program.other(name))

    def __call__(self, *args: Any, **inputs: Any) -> dict[str, Any]:
        """Calls it with arrays by name (or in order); returns {output name: array}: numpy's, or `DeviceArray`s where all inputs are in a GPU's
        memory.
        """
        arrays = bind(self._entry.inputs, args, inputs)
        outputs = self._new_outputs(arrays)
        self._program.run(arrays, outputs)
        return self._name_outputs(outputs)

    def _new_outputs(self, arrays: Sequence[np.ndarray | DeviceArray]) -> list[np.ndarray | DeviceArray]:
        """Where the inputs are."""
        program = self._program if self._program.has_gpu_memory and are_on_device(arrays) else None
        return [new_output(port, program) for port in self._entry.outputs]

    def _name_outputs(self, outputs: Sequence[np.ndarray | DeviceArray]) -> dict[str, Any]:
        return {
            port.name: array if isinstance(array, DeviceArray) else view_named(port.type, array)
            for port, array in zip(self._entry.outputs, outputs, strict=True)
        }

    def to_device(self, array: Any) -> DeviceArray:
        """A copy of an array of the host's in the memory of the GPU that it runs on, to call it with."""
        host = to_native("array", array)
        if isinstance(host, DeviceArray):
            return host
        return DeviceArray.allocate(self._program, host.shape, str(host.dtype)).fill_from(host)

    def into(self, outputs: Mapping[str, Any], /, *args: Any, **inputs: Any) -> None:
        """Calls it with results written into arrays of the caller's, by name; for a GPU's target they may be in its memory, as inputs may."""
        names = [port.name for port in self._entry.outputs]
        if sorted(outputs) != sorted(names):
            raise Error(f"outputs {', '.join(map(repr, sorted(outputs))) or 'none'} given; expected {', '.join(map(repr, names))}")
        arrays = bind(self._entry.inputs, args, inputs)
        places = [_writable(name, outputs[name]) for name in names]
        self._program.run(arrays, places)

    def bind(self, *args: Any, **inputs: Any) -> BoundFunction:
        """A call with these arrays, checked once. A call through it costs a tenth of a microsecond; the arrays are used in place."""
        arrays = bind(self._entry.inputs, args, inputs)
        outputs = self._new_outputs(arrays)
        program = self._program.bind(arrays, outputs)
        return BoundFunction(
            program,
            {port.name: array for port, array in zip(self._entry.inputs, arrays, strict=True)},
            self._name_outputs(outputs),
        )

    def benchmark(self, inputs: Mapping[str, Any], repeat: int = 20) -> Timing:
        """Median and minimum of `repeat` calls, after one to warm up."""
        if repeat < 1:
            raise Error(f"repeat is {repeat}; expected at least 1")
        outputs = [new_output(port) for port in self._entry.outputs]
        return Timing(*self._program.benchmark(bind(self._entry.inputs, (), inputs), outputs, repeat))
