"""Options and checks that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from lowbit.errors import Error
from lowbit.module import Module, load


def positive(text: str) -> int:
    """A count of at least one."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"`{text}`; expected a number of at least 1")
    return value


def count(text: str) -> int:
    """A number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}`; expected a number of at least 0")
    return int(text)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """What to compile for."""
    parser.add_argument("--target", default="host", help="host, reference, or a target's name")
    parser.add_argument("--threads", type=positive, default=1, help="threads that share the work")


def add_dims(parser: argparse.ArgumentParser) -> None:
    """Sizes for an ONNX model's free dimensions."""
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="size of a free dimension of an ONNX model")


def parse_dims(texts: list[str]) -> dict[str, int]:
    """{"batch": 1} from ["batch=1"]."""
    dims = {}
    for text in texts:
        name, separator, size = text.rpartition("=")
        if not separator or not name or not size.isdigit() or int(size) < 1:
            raise Error(f"--dim {text}: expected NAME=SIZE, such as batch=1")
        dims[name] = int(size)
    return dims


def load_model(path: str, dims: dict[str, int] | None = None, entry: str | None = "main") -> Module:
    """As lowbit.load; a file that is not there is an error that names it."""
    if not Path(path).is_file():
        raise Error(f"{path}: no such file")
    return load(path, dims=dims, entry=entry)


def check_distinct(paths: list[str]) -> None:
    """Refuses to write two outputs to one place."""
    places = [Path(path).resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise Error(f"{path}: two outputs are to be written there; give each a name of its own")


def check_output(path: str) -> None:
    """Refuses a place that nothing can be written to before the work begins."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise Error(f"{path}: folder `{folder}` does not exist")
    if Path(path).is_dir():
        raise Error(f"{path}: is a folder; expected the name of a file")


def check_report(path: str | None) -> None:
    """Refuses a report of another kind before the work begins."""
    if path and not path.endswith((".html", ".htm", ".json")):
        raise Error(f"{path}: a report is .html or .json")
