"""Larq Compute Engine, in a process of its own: TensorFlow, which converts its models, needs another numpy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Prepared
from bench.convolution import ConvCase
from bench.native import Unavailable


class WorkerCall:
    """A call that the worker makes and times when it is asked to; it waits for a line while others have their turns."""

    def __init__(self, python: Path, **model: Any) -> None:
        script = Path(__file__).resolve().parents[1] / "workers/larq_process.py"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(python), str(script)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.version = self._ask(model)

    def sample(self, batch: int, count: int) -> np.ndarray:
        """Measured by the worker, call by call."""
        return np.array(self._ask({"batch": batch, "count": count}))

    def _ask(self, question: dict[str, Any]) -> Any:
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise Unavailable("its process ended; see above")
        return json.loads(answer)

    def __del__(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def binary_convolution(case: ConvCase) -> Prepared:
    """f32 to f32: signs taken and packed, the convolution, and normalization a channel."""
    venv = Path(os.environ.get("LOWBIT_BENCH_LARQ_VENV", f"{sys.prefix}-larq"))
    python = venv / "bin/python"
    if not python.exists():
        raise Unavailable(f"there is no {python}")
    call = WorkerCall(python, size=case.size, channels=case.channels, outputs=case.outputs, window=case.window)
    return Prepared(call, 1, version=call.version, includes="packs, normalizes")
