"""What kernels take: registers and spills as the assembler says them, in launches and in reports; absent, and said to be, without one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import lowbit
import ptxas
import pytest

MODEL = """
func.func @main(%a: tensor<16x64xi8>, %b: tensor<32x64xi8>) -> tensor<32x16xi32> {
  %init = tensor.empty() : tensor<16x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.int<8>> : tensor<16x64xi8>) rhs(%b <#lowbit.int<8>> : tensor<32x64xi8>)
    outs(%init : tensor<16x32xi32>) -> tensor<16x32xi32>
  %e = tensor.empty() : tensor<32x16xi32>
  %turned = linalg.transpose ins(%r : tensor<16x32xi32>) outs(%e : tensor<32x16xi32>) permutation = [1, 0]
  return %turned : tensor<32x16xi32>
}
"""
KEYS = {"registers", "spill_bytes", "stack_bytes"}
# An assembler that says of every kernel that it spills.
FAKE = """#!/bin/sh
while [ $# -gt 1 ]; do case $1 in -o) output=$2; shift;; esac; shift; done
printf made > $output
for kernel in $(sed -n 's/^.visible .entry \\([a-z0-9_]*\\)(.*/\\1/p' $1); do
  echo "ptxas info    : Compiling entry function '$kernel' for 'sm_80'"
  echo "ptxas info    : Function properties for $kernel"
  echo "    24 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads"
  echo "ptxas info    : Used 40 registers, used 1 barriers, 24 bytes cumulative stack size, 400 bytes cmem[0]"
done
"""


@pytest.fixture
def model(tmp_path: Path) -> lowbit.Module:
    (tmp_path / "m.mlir").write_text(MODEL)
    return lowbit.load(tmp_path / "m.mlir")


def fake(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "ptxas").write_text(FAKE)
    (folder / "ptxas").chmod(0o755)
    return folder / "ptxas"


@pytest.mark.needs_ptxas
def test_numbers_are_the_assemblers(model: lowbit.Module, tmp_path: Path) -> None:
    model.export(tmp_path / "k.ptx", "nvptx:sm_90a")
    command = [ptxas.find(), "-v", "-arch=sm_90a", tmp_path / "k.ptx", "-o", tmp_path / "k.cubin"]
    log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    names, registers = re.findall(r"entry function '(\w+)'", log), map(int, re.findall(r"Used (\d+) registers", log))
    assert log.count("0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads") == len(names) == 2
    launches = model.list_launches("nvptx:sm_90a")["launches"]
    assert {launch["kernel"]: launch["registers"] for launch in launches} == dict(zip(names, registers))
    assert {(launch["spill_bytes"], launch["stack_bytes"]) for launch in launches} == {(0, 0)}


def test_spills_are_stores_and_loads(model: lowbit.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWBIT_PTXAS", str(fake(tmp_path / "named")))
    document = model.report(tmp_path / "r.html", target="nvptx:sm_80")
    found = [{key: launch[key] for key in KEYS} for launch in document["gpu"]["launches"]]
    assert found == [{"registers": 40, "spill_bytes": 20, "stack_bytes": 24}] * 2
    page = (tmp_path / "r.html").read_text()
    assert re.search(r"registers.*spill bytes.*stack bytes.*bytes read", page, re.DOTALL)
    assert page.count('<td class="number">40</td><td class="number">20</td><td class="number">24</td>') == 2
    assert "no assembler" not in page


def test_without_an_assembler(model: lowbit.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOWBIT_PTXAS", "none")
    launches = model.report(tmp_path / "r.html", target="nvptx:sm_80")["gpu"]["launches"]
    assert len(launches) == 2
    assert not any(KEYS & launch.keys() for launch in launches)
    page = (tmp_path / "r.html").read_text()
    assert "What registers kernels take and spill is not known: no assembler for them is here." in page
    assert "spill bytes" not in page


def test_other_machines(model: lowbit.Module) -> None:
    """AMD's notes come with LLVM's assembly; of SPIR-V only a driver knows."""
    for launch in model.list_launches("amdgcn:gfx942")["launches"]:
        assert launch["registers"] > 0 and launch["spill_bytes"] == 0
    assert not any(KEYS & launch.keys() for launch in model.list_launches("spirv:opencl")["launches"])


def test_an_assembler_that_refuses(model: lowbit.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake(tmp_path / "refuses")
    program.write_text("#!/bin/sh\necho no such architecture\nexit 3\n")
    monkeypatch.setenv("LOWBIT_PTXAS", str(program))
    with pytest.raises(lowbit.Error, match="refuses the kernels: no such architecture"):
        model.list_launches("nvptx:sm_80")


@pytest.mark.parametrize("place", ["path", "package", "older package"])
def test_where_one_is_found(place: str, model: lowbit.Module, tmp_path: Path) -> None:
    """In the search path, or in a package beside this one, before CUDA's usual place."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "lowbit").symlink_to(Path(lowbit.__file__).parent)
    folder = {"path": tmp_path / "bin", "package": packages / "nvidia/cu13/bin", "older package": packages / "nvidia/cuda_nvcc/bin"}[place]
    fake(folder)
    environment = {name: value for name, value in os.environ.items() if name != "LOWBIT_PTXAS"}
    environment |= {"PATH": f"{folder}:/usr/bin:/bin" if place == "path" else "/usr/bin:/bin", "PYTHONPATH": str(packages)}
    code = f"import json, lowbit; print(json.dumps(lowbit.load({str(tmp_path / 'm.mlir')!r}).list_launches('nvptx:sm_80')))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert {launch["spill_bytes"] for launch in json.loads(done.stdout)["launches"]} == {20}


@pytest.mark.parametrize("place", ["path", "package"])
def test_tests_look_there_too(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ("bin" if place == "path" else "lib/python3.11/site-packages/nvidia/cu13/bin")
    program = fake(folder)
    monkeypatch.delenv("LOWBIT_PTXAS")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if place == "path" else "/usr/bin:/bin")
    assert ptxas.find(str(tmp_path / "bin/python")) == str(program)
    monkeypatch.setenv("LOWBIT_PTXAS", "none")
    assert ptxas.find() is None


@pytest.mark.parametrize(("required", "outcome"), [("", "1 skipped"), ("1", "1 error")])
def test_a_missing_one_is_never_overlooked(required: str, outcome: str, tmp_path: Path) -> None:
    """Where it is required, as in continuous integration, what needs it fails."""
    tests = Path(ptxas.__file__).parent
    for name in ("conftest.py", "ptxas.py"):
        (tmp_path / name).write_text((tests / name).read_text())
    (tmp_path / "test_needs.py").write_text("import pytest\n\n\n@pytest.mark.needs_ptxas\ndef test_it() -> None:\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", tmp_path, tmp_path]
    environment = {**os.environ, "LOWBIT_PTXAS": "none", "LOWBIT_REQUIRE_PTXAS": required}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert outcome in done.stdout.splitlines()[-1], done.stdout
