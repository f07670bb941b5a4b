"""The kernels of a compiled model on the simulator, one at a time."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from products import BIN


class Lowered:
    """What becomes of a file for `target`: its kernels, and the text of their launches."""

    def __init__(self, source: Path, target: str) -> None:
        passes = [
            f"--lowbit-compile=target={target}",
            "--mlir-print-ir-after=lowbit-verify-gpu",
            "--mlir-disable-threading",
            "-o",
            "/dev/null",
        ]
        text = subprocess.run([BIN / "quant-opt", source, *passes], check=True, capture_output=True, text=True).stderr
        begin, end = text.index("  gpu.module"), text.index("  func.func")
        self.kernels, self.text, self.host = source.with_name("kernels.mlir"), text, text[end:]
        self.kernels.write_text("module {\n" + text[begin:end] + "}\n")

    def run(self, kernel: str, arguments: list[str], *options: str) -> subprocess.CompletedProcess[str]:
        """As it is launched."""
        constants = dict(re.findall(r"(%\S+) = arith.constant (-?\d+) : ", self.text))
        pattern = rf"@kernels::@{kernel} blocks in \((.*?),.* threads in \((.*?),[^)]*\)(?:\s+dynamic_shared_memory_size (%\w+))?"
        names = re.search(pattern, self.host).groups(default="%c0")
        numbers = [constants.get(name, re.sub(r"\D", "", name.split("_")[0])) for name in names]
        settings = [f"--kernel={kernel}", f"--grid={numbers[0]}", f"--block={numbers[1]}", f"--shared={numbers[2]}"]
        command = [BIN / "gpu-sim-run", self.kernels, *arguments, *settings, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)
