"""Records what instructions of a GPU do: `record.py assemble`, then, on the GPU, `record.py run OUT` (see README.md)."""

import argparse
import hashlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from ctypes import c_ubyte, c_uint64
from pathlib import Path

import numpy as np
from device import CudaError, Device
from ptx import Instruction, kernel

HERE = Path(__file__).parent
FAMILIES = ["scalar", "warp", "matrix", "integer_mma", "float_mma", "barriers", "copies", "warpgroup_mma"]
UNRECORDED = ["tensor_memory"]  # for another GPU, an sm_100a: `--families tensor_memory`


def load(family: str) -> list[Instruction]:
    """The instructions of a family; names are unique."""
    result = importlib.import_module(f"families.{family}").instructions()
    assert len({i.name for i in result}) == len(result), family
    return result


def inputs_of(instruction: Instruction) -> dict:
    """Inputs, the same each time; forms of one shape get the same numbers, so that they are stored once."""
    return kept(instruction, instruction.inputs(np.random.default_rng(zlib.crc32(b"lowbit"))))


def kept(instruction: Instruction, record: dict) -> dict:
    """The cases of `instruction.keep`, with no image that none of them uses."""
    if instruction.keep is None:
        return record
    result = dict(record)
    for key in ("in", "out", "shared_index", "memory_index", "shared_out", "memory_out", "maps"):
        if key in record:
            result[key] = [record[key][n] for n in instruction.keep] if key == "maps" else record[key][instruction.keep]
    for kind in ("shared", "memory"):
        if kind in record:
            used, index = np.unique(result[f"{kind}_index"], return_inverse=True)
            result[kind], result[f"{kind}_index"] = record[kind][used], index
    return result


def assemble(folder: Path, ptxas: str, families: list[str]) -> None:
    """Every kernel to a cubin of its own; what the assembler refuses is said and left out."""
    folder.mkdir(parents=True, exist_ok=True)

    def one(instruction: Instruction) -> tuple[str, bytes | None, str]:
        with tempfile.TemporaryDirectory() as scratch:
            source, target = Path(scratch, "k.ptx"), Path(scratch, "k.cubin")
            source.write_text(kernel(instruction))
            done = subprocess.run(
                [ptxas, f"-arch={instruction.target}", "-v", source, "-o", target], capture_output=True, text=True, check=False
            )
            return instruction.name, target.read_bytes() if done.returncode == 0 else None, done.stderr + done.stdout

    for family in families:
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(one, load(family)))
        with zipfile.ZipFile(folder / f"{family}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, cubin, said in results:
                if cubin is None:
                    print(f"{family}: {name} does not assemble: {said.strip().splitlines()[:2]}")
                else:
                    archive.writestr(name, cubin)
                    for line in said.splitlines():
                        if "warning" in line.lower() or ("spill" in line and not line.strip().endswith("0 bytes spill loads")):
                            print(f"{family}: {name}: {line.strip()}")
        print(f"{family}: {sum(r[1] is not None for r in results)} of {len(results)} kernels")


def run_one(device: Device | None, instruction: Instruction, cubin: bytes) -> tuple[dict, dict]:
    """Runs all cases, one a block; (inputs, outputs). Without a device the outputs are zeros, to try everything around it."""
    i, given = instruction, inputs_of(instruction)
    cases = len(given["in"])
    assert given["in"].shape == (cases, i.threads, i.registers_in) and given["in"].dtype == np.uint32, (i.name, given["in"].shape)
    images = {}
    for kind, size in (("shared", i.shared), ("memory", i.memory)):
        image = given.get(kind, np.zeros((1, size), np.uint8))
        assert image.shape[1] == size and image.dtype == np.uint8, (i.name, kind, image.shape)
        images[kind] = image[given.get(f"{kind}_index", np.zeros(cases, int))]
        assert len(images[kind]) == cases, i.name
    out = {"out": np.zeros((cases, i.threads, i.registers_out), np.uint32)}
    if device:
        memory = device.upload(images["memory"])
        maps = [device.tensor_map(memory.value + n * i.memory, **m) for n, m in enumerate(given.get("maps", []))]
        buffers = [
            device.upload(given["in"]), device.allocate(out["out"].nbytes), device.upload(images["shared"]),
            device.allocate(images["shared"].nbytes), memory, device.upload(np.array(maps, np.uint8)),
        ]  # fmt: skip
        arguments = [c_uint64(b.value) for b in buffers]
        if maps and i.maps_where == "parameters":
            arguments[5] = (c_ubyte * (128 * cases)).from_buffer_copy(np.array(maps, np.uint8).tobytes())
        device.launch(device.function(cubin), cases, i.threads, i.shared, arguments)
        device.wait()
        out["out"] = device.download(buffers[1], out["out"].shape, np.uint32)
        images["shared"] = device.download(buffers[3], images["shared"].shape, np.uint8)
        images["memory"] = device.download(memory, images["memory"].shape, np.uint8)
        for buffer in buffers:
            device.free(buffer)
    for kind, keep in (("shared", i.keep_shared), ("memory", i.keep_memory)):
        if keep:
            out[f"{kind}_out"] = images[kind]
    return given, out


def store(path: Path, records: dict[str, dict]) -> None:
    """One .npz: arrays under the hash of their bytes, so that equal ones are stored once, and an index in JSON."""
    arrays, index = {}, {}
    for name, record in records.items():
        entry = index[name] = {}
        for key, value in record.items():
            if isinstance(value, np.ndarray):
                value = np.ascontiguousarray(value.astype(np.uint16) if key.endswith("_index") else value)
                digest = hashlib.sha256(value.tobytes() + repr((value.shape, value.dtype)).encode()).hexdigest()[:12]
                arrays[digest] = value
                entry[key] = digest
            else:
                entry[key] = value
    np.savez_compressed(path, index=np.frombuffer(json.dumps(index).encode(), np.uint8), **arrays)


def run_family(folder: Path, out: Path, family: str, skip: list[int], dry: bool) -> int:
    """Runs and stores a family but for the numbers in `skip`; 3 when an instruction broke the context, its number in a file."""
    device = None if dry else Device()
    records = {}
    archive = zipfile.ZipFile(folder / f"{family}.zip")
    present = set(archive.namelist())
    for number, instruction in enumerate(load(family)):
        (out / f"{family}.at").write_text(str(number))
        if number in skip or instruction.name not in present:
            print(f"{family} {number} {instruction.name}: skipped ({'failed' if number in skip else 'not assembled'})", flush=True)
            continue
        try:
            given, results = run_one(device, instruction, archive.read(instruction.name))
        except CudaError as error:
            print(f"{family} {number} {instruction.name}: FAILED: {error}", flush=True)
            try:
                device.wait()
                continue
            except CudaError:
                return 3
        if results["out"].size and not results["out"].any() and not dry:
            print(f"{family} {number} {instruction.name}: every output is zero", flush=True)
        record = {"threads": instruction.threads, "text": instruction.text, **instruction.notes}
        records[instruction.name] = {**record, **given, **results}
    store(out / f"{family}.npz", records)
    print(f"{family}: {len(records)} instructions recorded, {(out / f'{family}.npz').stat().st_size} bytes", flush=True)
    return 0


def run(folder: Path, out: Path, families: list[str], dry: bool) -> None:
    """Each family in a process of its own, started again without an instruction that broke the context or hung."""
    out.mkdir(parents=True, exist_ok=True)
    for family in families:
        skip, started, at = [], time.time(), out / f"{family}.at"
        while time.time() - started < 40:
            command = [sys.executable, __file__, "family", str(out), "--folder", str(folder), "--families", family]
            try:
                status = subprocess.run([*command, *["--dry"] * dry, "--skip", *map(str, skip)], timeout=20, check=False).returncode
            except subprocess.TimeoutExpired:
                status = "timeout"
            if status == 0 or not at.exists() or int(at.read_text()) in skip:
                break
            skip.append(int(at.read_text()))
            print(f"{family}: again without {skip} (status {status})", flush=True)
        at.unlink(missing_ok=True)
        print(f"{family}: {time.time() - started:.1f} s", flush=True)


def compare(first: Path, second: Path, families: list[str]) -> int:
    """Names what two recordings do not agree on: results that depend on the machine or on chance."""
    different = 0
    for family in families:
        with np.load(first / f"{family}.npz") as a, np.load(second / f"{family}.npz") as b:
            left, right = (json.loads(data["index"].tobytes()) for data in (a, b))
            for name in sorted(left.keys() | right.keys()):
                if left.get(name) == right.get(name):
                    continue
                different += 1
                keys = [key for key in left.get(name, {}) if left[name][key] != right.get(name, {}).get(key)]
                print(
                    f"{family} {name} differs: {[(key, int((a[left[name][key]] != b[right[name][key]]).sum())) for key in keys if name in right]}"
                )
    print(f"{different} instructions differ")
    return different > 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["assemble", "run", "family", "compare"])
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("other", nargs="?", type=Path)
    parser.add_argument("--folder", type=Path, default=HERE / "build", help="where the cubins are")
    parser.add_argument("--ptxas", default=os.environ.get("PTXAS", "ptxas"))
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    parser.add_argument("--skip", nargs="*", type=int, default=[])
    parser.add_argument("--dry", action="store_true", help="no GPU: every output is zero")
    options = parser.parse_args()
    if options.what == "assemble":
        assemble(options.folder, options.ptxas, options.families)
    elif options.what == "compare":
        return compare(options.out, options.other, options.families)
    elif options.what == "run":
        run(options.folder, options.out, options.families, options.dry)
    else:
        return run_family(options.folder, options.out, options.families[0], options.skip, options.dry)
    return 0


if __name__ == "__main__":
    sys.exit(main())
