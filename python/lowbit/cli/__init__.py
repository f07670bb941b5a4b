"""The command `lowbit`. Errors go to stderr with a location; the exit code is then 1 and no output is half-written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from lowbit import __version__
from lowbit.cli import compile_commands, inspect_commands, model_commands, run_commands, search_commands, train_commands
from lowbit.errors import Error


class _Parser(argparse.ArgumentParser):
    """Ends with 1, as every other error does."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: error: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = _Parser(prog="lowbit", description="Quantize models, run them, and see what it costs.")
    parser.add_argument("--version", action="version", version=f"lowbit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for module in (model_commands, run_commands, compile_commands, inspect_commands, search_commands, train_commands):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        parsed.run(parsed)
        sys.stdout.flush()
        return 0
    except Error as failure:
        where = f"{failure.location}: " if failure.location and failure.location not in failure.message else ""
        print(f"lowbit {parsed.command}: error: {where}{failure.message}", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as failure:
        path = f"{failure.filename}: " if failure.filename else ""
        print(f"lowbit {parsed.command}: error: {path}{failure.strerror or failure}", file=sys.stderr)
    except MemoryError:
        print(f"lowbit {parsed.command}: error: out of memory", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
