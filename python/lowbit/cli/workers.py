"""Who computes the parts of a step: processes of this machine, or a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from lowbit.cli.options import count
from lowbit.errors import Error


def add_workers(command: argparse.ArgumentParser) -> None:
    """Adds --workers, --dask and --shards."""
    group = command.add_argument_group("workers")
    group.add_argument("--workers", type=count, default=0, metavar="N", help="N processes compute the gradients of the parts of a step")
    group.add_argument("--dask", metavar="ADDRESS", help="the workers of this Dask scheduler do, such as tcp://host:8786")
    group.add_argument(
        "--shards", type=count, default=0, metavar="N", help="parts of a step, each of MODEL's batch; by default as many as --workers"
    )


def check_workers(options: argparse.Namespace) -> None:
    """Refuses options that do not go together."""
    if options.workers and options.dask:
        raise Error("--workers are processes of this machine, and --dask has workers of its own; expected one of them")
    if options.shards and not (options.workers or options.dask):
        raise Error(f"--shards {options.shards}, but nobody computes them; give --workers or --dask")
    if options.dask and not options.shards:
        raise Error("--dask needs --shards: the result depends on how many parts a step has, and not on how many workers there are")


@contextmanager
def open_executor(options: argparse.Namespace) -> Iterator[tuple[Executor | None, int]]:
    """The executor (None: this process does all) and the number of parts of a step."""
    if options.dask:
        try:
            from distributed import Client
        except ImportError as failure:
            raise Error(f"{failure}; --dask needs `pip install lowbit[dask]`") from failure
        try:
            client = Client(options.dask)
        except (OSError, ValueError) as failure:
            raise Error(f"--dask {options.dask}: {failure}; expected the address of a scheduler, such as tcp://host:8786") from failure
        with client:
            yield client.get_executor(), options.shards
    elif options.workers:
        # A new interpreter for each: what threads of this one hold is not copied.
        with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
            yield pool, options.shards or options.workers
    else:
        yield None, 1
