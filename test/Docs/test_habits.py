"""The project's habits that a script can check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONCRETE = ("Format", "Observer", "Packing", "Target", "Estimator", "Parametrization")


def tracked(*patterns: str) -> list[Path]:
    """Files under version control (or new and not ignored) that match the patterns."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


def concrete_attributes() -> list[str]:
    """Names of the C++ classes of formats, observers, packings, targets, estimators and parametrizations, read from their definitions."""
    names = []
    for path in (ROOT / "include/lowbit/IR").glob("*.td"):
        kinds = "|".join(CONCRETE)
        names += [f"{name}Attr" for name in re.findall(rf'^def \w+ : Lowbit_(?:{kinds})<"(\w+)"', path.read_text(), re.MULTILINE)]
    return names


def test_no_file_is_too_long() -> None:
    long = [f"{path.relative_to(ROOT)}: {lines}" for path in tracked("include", "lib", "tools", "python", "test", "scripts")
            if path.suffix in {".cpp", ".h", ".td", ".py", ".mlir", ""} and (lines := len(path.read_text(errors="replace").splitlines())) > 600]
    assert not long, f"over 600 lines; cut them by idea: {long}"


def test_definitions_are_found() -> None:
    assert {"IntFormatAttr", "MinMaxObserverAttr", "PanelPackingAttr", "X86AVX2TargetAttr", "STEEstimatorAttr"} <= set(concrete_attributes())


@pytest.mark.parametrize("name", concrete_attributes())
def test_no_pass_names_a_concrete_policy(name: str) -> None:
    """Passes ask interfaces; the files that define an attribute are the only ones that name it."""
    passes = tracked("lib/Transforms", "lib/Conversion", "lib/PTQ", "lib/Precision", "lib/Training", "lib/Pipelines", "lib/Analysis", "lib/Execution")
    named = [str(path.relative_to(ROOT)) for path in passes if re.search(rf"\b{name}\b", path.read_text(errors="replace"))]
    assert not named, f"{named} name {name}; ask its interface instead"


def test_no_unfinished_words() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX)\b")
    found = [str(path.relative_to(ROOT)) for path in tracked("include", "lib", "tools", "python") if words.search(path.read_text(errors="replace"))]
    assert not found, f"{found} say that something is unfinished; finish it, or say so in the documents"


def test_ruff_has_no_findings() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "test", "python", "bench", "scripts"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_generated_documents_are_current() -> None:
    outcome = subprocess.run([ROOT / "scripts/docs", "--check"], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
