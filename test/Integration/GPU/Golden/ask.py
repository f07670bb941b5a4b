"""Asks the machine what is legal: each question of families/copies.py in a process of its own, with its maps in several places."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from device import CudaError, Device
from families.copies import questions
from ptx import Instruction, kernel
from record import HERE, run_one

ARCHIVE = HERE / "build" / "questions.zip"


def asked() -> dict[str, Instruction]:
    """Every question; the first load and the first store with their maps in every place."""
    result = {}
    for question in questions():
        for where in ("parameters", "global", "fence"):
            if where == "parameters" or question.name in ("tensor.load.x0", "tensor.load.x8", "tensor.store.x0.y1"):
                result[f"{question.name} {where}"] = dataclasses.replace(question, maps_where=where)
    return result


def assemble(ptxas: str) -> None:
    """All questions to cubins."""
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as scratch:
        for name, question in asked().items():
            source, target = Path(scratch, "k.ptx"), Path(scratch, "k.cubin")
            source.write_text(kernel(question))
            subprocess.run([ptxas, "-arch=sm_90a", source, "-o", target], check=True)
            archive.writestr(name, target.read_bytes())


def one(name: str) -> None:
    """Runs one question and says in JSON what came of it."""
    answer = {"question": name, "ok": True}
    try:
        device = Device()
        run_one(device, asked()[name], zipfile.ZipFile(ARCHIVE).read(name))
    except CudaError as error:
        answer |= {"ok": False, "error": str(error)}
    print(json.dumps(answer), flush=True)


def main() -> None:
    """`ask.py assemble`, `ask.py` or `ask.py QUESTION`."""
    if sys.argv[1:] == ["assemble"]:
        assemble(os.environ.get("PTXAS", "ptxas"))
    elif sys.argv[1:]:
        one(sys.argv[1])
    else:

        def ask(name: str) -> None:
            try:
                done = subprocess.run([sys.executable, __file__, name], timeout=15, capture_output=True, text=True, check=False)
                print(done.stdout.strip() or json.dumps({"question": name, "ok": False, "error": done.stderr[-400:]}), flush=True)
            except subprocess.TimeoutExpired:
                print(json.dumps({"question": name, "ok": False, "error": "timeout"}), flush=True)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, asked()))


if __name__ == "__main__":
    main()
