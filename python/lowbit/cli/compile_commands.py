"""compile."""

from __future__ import annotations

import argparse

from lowbit.cli.options import add_dims, add_machine, check_output, load_model, parse_dims


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command that makes files for other programs."""
    compiler = commands.add_parser("compile", help="make an object or a shared library for a C program")
    compiler.add_argument("model", metavar="MODEL")
    compiler.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="m.o",
        help="an object (.o) or a shared library (.so); for a GPU a library, or its kernels (.ptx, .cubin; .s, .hsaco; .spvasm, .spv)",
    )
    compiler.add_argument("--header", metavar="m.h", help="write a C header")
    add_machine(compiler)
    add_dims(compiler)
    compiler.set_defaults(run=_compile)


def _compile(options: argparse.Namespace) -> None:
    for path in (options.output, options.header):
        if path:
            check_output(path)
    model = load_model(options.model, parse_dims(options.dim), entry=None)
    model.export(options.output, options.target, options.threads, header=options.header)
