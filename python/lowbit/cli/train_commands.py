"""train."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from lowbit import qat
from lowbit.arrays import read_arrays
from lowbit.cli.options import add_dims, check_distinct, check_output, check_report, count, load_model, parse_dims, positive
from lowbit.cli.workers import add_workers, check_workers, open_executor
from lowbit.errors import Error
from lowbit.statistics import Statistics


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command that trains."""
    train = commands.add_parser(
        "train",
        help="train a model as a recipe quantizes it",
        description="Trains MODEL with the recipe's rounding in its forward pass, and saves the model that computes on codes. The batch of a "
        "step is that of MODEL's inputs (--dim batch=64 for ONNX). What was trained is what runs.",
    )
    train.add_argument("model", metavar="MODEL")
    train.add_argument("--data", required=True, metavar="train.npz", help="an array of rows for each input, and `labels`")
    train.add_argument("--recipe", help="a recipe's name, or a file; floats are trained without one")
    train.add_argument("-o", "--output", required=True, metavar="q.mlir", help="the trained model; written whole or not at all")
    _add_course(train)
    teacher = train.add_argument_group("a teacher")
    teacher.add_argument(
        "--teacher", metavar="T", help="a model of the same inputs, such as MODEL in float, that is learned from besides labels"
    )
    teacher.add_argument(
        "--term",
        action="append",
        default=[],
        metavar="WHAT=LOSS*WEIGHT",
        help="what is compared with the teacher: `result`, or a pattern of sites and nodes; by default result=divergence<temperature = 2.0>*1.0",
    )
    teacher.add_argument("--labels-weight", type=float, default=1.0, metavar="W", help="how much --loss counts beside the teacher")
    kept = train.add_argument_group("validation and checkpoints")
    kept.add_argument("--valid", metavar="v.npz", help="data as --data, for loss and accuracy after each epoch")
    kept.add_argument(
        "--patience",
        type=count,
        default=0,
        metavar="N",
        help="stop after N epochs without a lower loss on --valid, with the parameters of the lowest",
    )
    kept.add_argument("--checkpoint", metavar="c.npz", help="keep what a training needs to go on, after each epoch")
    kept.add_argument("--every", type=count, default=0, metavar="STEPS", help="write --checkpoint within epochs too")
    kept.add_argument("--resume", action="store_true", help="go on from --checkpoint; the result has the same bits as without a pause")
    train.add_argument("--stats", metavar="s.json", help="statistics of a calibration; by default one on --data is made")
    train.add_argument("--report", metavar="r.html", help="write a report, .html or .json")
    train.add_argument("--text", action="store_true", help="write text, not bytecode")
    train.add_argument("--threads", type=positive, default=1, help="threads that share a step; any number gives the same bits")
    train.add_argument("--target", default="host", help="what steps are compiled for: host, or a target's name, such as nvptx:sm_90a")
    train.add_argument(
        "--budget",
        type=count,
        default=0,
        metavar="BYTES",
        help="the most of a step's forward pass that is kept for its backward pass; 0: as is fastest",
    )
    add_workers(train)
    add_dims(train)
    train.set_defaults(run=_train)


def _add_course(train: argparse.ArgumentParser) -> None:
    course = train.add_argument_group("the course of training")
    course.add_argument("--loss", default="cross_entropy", help="cross_entropy (labels are classes), squared_error, cosine, …")
    course.add_argument("--epochs", type=count, default=10, metavar="N")
    course.add_argument("--rate", type=float, default=1e-3, help="the highest learning rate; 0.001 by default")
    course.add_argument("--schedule", default="cosine", help="of the rate: cosine, linear or constant")
    course.add_argument("--warmup", type=count, default=0, metavar="STEPS", help="steps over which the rate rises")
    course.add_argument(
        "--average", type=float, default=0.0, metavar="DECAY", help="take an average of parameters over steps, such as 0.99"
    )
    course.add_argument("--optimizer", default="adam", help="adam, adam<decay = 0.01>, lamb<decay = 0.01>, sgd<momentum = 0.9>")
    course.add_argument("--scale-rate", type=float, default=0.1, help="rate of scales, as a share; 0.1 by default")
    course.add_argument(
        "--rates",
        action="append",
        default=[],
        metavar="PATTERN=FACTOR",
        help="factor of some parameters' rate, such as fc1.*=0.1; 0: they stay",
    )
    course.add_argument("--clip", type=float, default=0.0, metavar="NORM", help="longest gradient; 0: any")
    course.add_argument(
        "--estimator", default="lsq", help="derivative of rounding: lsq, ste, pact, or approx_sign,lsq: the first that fits"
    )
    course.add_argument(
        "--parametrization",
        action="append",
        default=[],
        metavar="[PATTERN=]RULE",
        help="what is rounded in place of weights: twn, ttq, xnor, dorefa; of some, fc*.weight=twn",
    )
    course.add_argument(
        "--stochastic", action="append", default=[], metavar="PATTERN", help="round stochastically in training, such as *.weight"
    )
    course.add_argument(
        "--range-average",
        type=float,
        default=0.0,
        metavar="DECAY",
        help="average ranges of activations instead of training scales, such as 0.99",
    )
    course.add_argument(
        "--freeze-batch-norm",
        type=count,
        metavar="N",
        help="after N epochs batch norm takes running averages in place of its batch; by default never, 0: it is folded from the start",
    )
    course.add_argument(
        "--momentum", type=float, default=0.1, metavar="SHARE", help="of a batch in the averages of batch norm; 0.1 by default"
    )
    course.add_argument("--parameters", action="append", default=[], metavar="PATTERN", help="train only these, such as fc1.*")
    course.add_argument("--seed", type=count, default=0, help="of the order of rows; the same seed gives the same bits")


def _train(options: argparse.Namespace) -> None:
    outputs = [path for path in (options.output, options.report, options.checkpoint) if path]
    for path in outputs:
        check_output(path)
    check_distinct(outputs)
    _check(options)
    model = load_model(options.model, parse_dims(options.dim))
    data = read_arrays(options.data)
    stats = Statistics.load(options.stats) if options.stats else None
    with warnings.catch_warnings(), open_executor(options) as (executor, shards):
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: print(f"lowbit train: note: {message}", file=sys.stderr)
        trained = qat.fit(
            model,
            data,
            options.recipe,
            stats=stats,
            epochs=options.epochs,
            loss=options.loss,
            optimizer=options.optimizer,
            rate=options.rate,
            schedule=options.schedule,
            warmup=options.warmup,
            average=options.average,
            scale_rate=options.scale_rate,
            rates=_parse_rates(options.rates),
            clip=options.clip,
            estimator=options.estimator,
            parametrization=options.parametrization,
            stochastic=options.stochastic,
            range_average=options.range_average,
            freeze_batch_norm=options.freeze_batch_norm,
            momentum=options.momentum,
            parameters=options.parameters,
            seed=options.seed,
            valid=read_arrays(options.valid) if options.valid else None,
            patience=options.patience,
            checkpoint=options.checkpoint,
            every=options.every,
            resume=options.resume,
            report=_reporter(options.epochs),
            threads=options.threads,
            target=options.target,
            budget=options.budget,
            executor=executor,
            shards=shards,
            **_teach(options),
        )
    trained.module.save(options.output, text=options.text)
    if options.report:
        trained.module.report(options.report, stats=stats)
    last = trained.best
    said = f", {_describe(last)}" if last else ""
    print(f"{options.output}: {trained.module.nbytes:,} bytes of constants (float: {model.nbytes:,}){said}", file=sys.stderr)


def _teach(options: argparse.Namespace) -> dict[str, Any]:
    if not options.teacher:
        return {}
    dims = parse_dims(options.dim) if options.teacher.endswith(".onnx") else {}
    given = {"teacher": load_model(options.teacher, dims), "labels": options.labels_weight}
    return {**given, "terms": options.term} if options.term else given


def _parse_rates(texts: list[str]) -> dict[str, float]:
    rates = {}
    for text in texts:
        pattern, _, factor = text.rpartition("=")
        try:
            rates[pattern] = float(factor)
        except ValueError:
            pattern = ""
        if not pattern:
            raise Error(f"--rates {text}; expected PATTERN=FACTOR, such as fc1.*=0.1")
    return rates


def _check(options: argparse.Namespace) -> None:
    check_report(options.report)
    check_workers(options)
    if options.stats and not options.recipe:
        raise Error("--stats needs --recipe")
    if options.patience and not options.valid:
        raise Error("--patience needs --valid, whose loss is watched")
    if (options.term or options.labels_weight != 1) and not options.teacher:
        raise Error("--term and --labels-weight need --teacher")
    for name in ("resume", "every"):
        if getattr(options, name) and not options.checkpoint:
            raise Error(f"--{name} needs --checkpoint")


def _describe(epoch: qat.Epoch) -> str:
    text = f"loss {epoch.loss:.4f}"
    if epoch.valid is not None:
        text += f", valid {epoch.valid:.4f}"
    return text if epoch.metric is None else f"{text}, accuracy {epoch.metric:.2f} %"


def _reporter(epochs: int) -> Callable[[qat.Epoch], None]:
    """Prints a line for each epoch."""
    began = time.monotonic()

    def report(epoch: qat.Epoch) -> None:
        nonlocal began
        seconds, began = time.monotonic() - began, time.monotonic()
        print(f"epoch {epoch.number}/{epochs}: {_describe(epoch)} ({seconds:.1f} s)", file=sys.stderr, flush=True)

    return report
