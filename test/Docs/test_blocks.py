"""Every block marked `mlir` in the op, pass and how-to documents parses, so that documents cannot rot.

In a pass's document `// ==>` separates the IR before from the IR after; both parse. A block that is only a sketch (with `…`) is
marked `text` or left unmarked.
"""

import re
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUANT_OPT = ROOT / "build/bin/quant-opt"
SOURCES = [*ROOT.glob("include/lowbit/**/*.td"), *ROOT.glob("docs/**/*.md"), ROOT / "README.md"]


def blocks() -> list:
    """Every part of every block, named by its file and line."""
    found = []
    for path in sorted(SOURCES):
        text = path.read_text()
        for match in re.finditer(r"^( *)```mlir\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 2
            for part, piece in enumerate(re.split(r"^ *// ==>.*\n", textwrap.dedent(match.group(2)), flags=re.MULTILINE)):
                found.append(pytest.param(piece, id=f"{path.relative_to(ROOT)}:{line}:{part}"))
    return found


@pytest.mark.parametrize("block", blocks())
def test_block_parses(block: str) -> None:
    outcome = subprocess.run([QUANT_OPT, "--verify-roundtrip", "-"], input=block, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
