"""From a float model and a recipe to compiled functions that train it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lowbit.arrays import write_arrays
from lowbit.errors import Error
from lowbit.function import Function
from lowbit.module import Module, _recipe_text
from lowbit.naming import NAMED
from lowbit.statistics import Statistics


def _options(**values: Any) -> str:
    """Options of a pass as a pipeline's text; empty ones are left out."""

    def quote(value: str) -> str:
        return f'"{value}"' if any(c in value for c in " ,{}<>=") else value

    texts = []
    for name, value in values.items():
        if value in ("", None) or (isinstance(value, (list, tuple)) and not value):
            continue
        text = ",".join(value) if isinstance(value, (list, tuple)) else str(value)
        texts.append(f"{name.replace('_', '-')}={quote(text)}")
    return "{" + " ".join(texts) + "}" if texts else ""


@dataclass(frozen=True)
class Plan:
    """A model that can be trained.

    forward: takes the parameters, then the model's inputs. initial: the parameters' first values, by name. quantizes: whether a recipe does.
    training: what a step computes, where that differs from `forward`. derives: whether other parameters than those of `forward` are trained.
    normalizes: whether steps use the statistics of their batch.
    """

    forward: Module
    initial: dict[str, np.ndarray]
    quantizes: bool
    training: Module
    derives: bool = False
    normalizes: bool = False

    @cached_property
    def _derived(self) -> Function | None:
        return Module(self.training._native, "derived").compile() if self.derives else None

    def derive(self, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Parameters as `forward` takes them: of a weight that is parametrized, what is rounded in its place, and its scale; of a layer that
        is normalized, the weight and bias that batch norm is folded into."""
        if self._derived is None:
            return dict(parameters)
        inputs = {port.name: parameters[port.name] for port in self._derived.inputs}
        return {**parameters, **{name: array.copy() for name, array in self._derived(**inputs).items()}}

    def add_gradients(
        self,
        *,
        loss: str,
        teacher: Module | None = None,
        terms: Iterable[str] = (),
        labels: float = 1.0,
        rematerialize: str = "cost",
        budget: int = 0,
    ) -> Module:
        """The function that gives the loss and its gradients: docs/Passes.md, `lowbit-distill` for `teacher`, `terms` and `labels`,
        `lowbit-differentiate` for `rematerialize` and `budget`, in bytes."""
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            distill = ""
            if teacher is not None:
                path = os.path.join(folder, "teacher.mlir")
                teacher.transform(NAMED).save(path)
                distill = f"lowbit-distill{_options(file=path, terms=list(terms), labels=labels)},"
            reverse = f"lowbit-differentiate{_options(function='loss', rematerialize=rematerialize, budget=budget)}"
            pipeline = f"lowbit-unfold-convolutions,lowbit-add-loss{_options(loss=loss)},{distill}{reverse}"
            return Module(self.training.transform(pipeline)._native, "loss_gradients")

    def get_projections(self, gradients: Module) -> dict[str, np.ndarray]:
        """First values of the matrices between a student's and its teacher's widths, by name; gradients: of `add_gradients`."""
        initial = Module(gradients._native, "initial")
        if all(port.name in self.initial for port in initial.outputs):
            return {}
        return {name: value.copy() for name, value in initial.compile("reference")().items() if name not in self.initial}

    def compile_step(
        self,
        gradients: Module,
        *,
        optimizer: str,
        scale_rate: float,
        clip: float,
        target: str = "host",
        threads: int = 1,
        summed: bool = False,
        rates: Iterable[str] = (),
    ) -> Function:
        """The function that takes one step: docs/Passes.md, `lowbit-add-optimizer`; gradients: of `add_gradients`."""
        added = _options(optimizer=optimizer, scale_rate=scale_rate, clip=clip, summed=str(summed).lower(), rates=list(rates))
        alone = "symbol-privatize{exclude=training_step},symbol-dce"  # what is not called is not compiled
        native = gradients._native.transform(f"lowbit-add-optimizer{added},{alone},canonicalize,cse")
        return Module(native, "training_step").compile(target, threads)

    def compile_loss(self, *, loss: str, target: str = "host", threads: int = 1) -> Function:
        """The function that takes the parameters, the inputs and `labels`, and gives the loss and the model's results."""
        return Module(self.forward.transform(f"lowbit-add-loss{_options(loss=loss)}")._native, "loss").compile(target, threads)

    def finish(self, parameters: Mapping[str, np.ndarray]) -> Module:
        """The model with these parameters, computing on codes where the recipe says so."""
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            path = os.path.join(folder, "parameters.npz")
            write_arrays(path, self.derive(parameters))
            name = "lowbit-finish-training" if self.quantizes else "lowbit-bind-parameters"
            return self.forward.transform(f"{name}{{values={path}}}")


def prepare(
    module: Module,
    recipe: str | os.PathLike[str] | Mapping[str, Any] | None,
    stats: Statistics | None = None,
    *,
    estimator: str = "lsq",
    parameters: Iterable[str] = (),
    soften: Iterable[str] = (),
    parametrization: Iterable[str] = (),
    stochastic: Iterable[str] = (),
    range_average: float = 0.0,
    batch_norm: bool = False,
    momentum: float = 0.1,
) -> Plan:
    """Makes the float constants of `module` parameters, and quantizes by `recipe` with a gradient (None: floats are trained).

    estimator: what the derivative of rounding is taken for: of several, `approx_sign,lsq`, the first that fits a format. parameters: patterns
    of what is trained; all by default.
    soften: patterns of sites whose roundings are parameters, `SITE.rounding`, instead of their weights.

    parametrization, stochastic, range_average: as `fit` takes them; passes of the same names do it. batch_norm: layers that batch norm was
    folded into are normalized by their batch, whose share in running averages is `momentum` (`lowbit-train-batch-norm`).
    """
    parametrization = list(parametrization)
    passes = _get_passes(parametrization, list(stochastic), range_average)
    if passes and recipe is None:
        raise Error("parametrization, stochastic and range_average are of what is rounded, but there is no recipe; give one")
    if recipe is None:
        names = _options(parameters=list(parameters))
        forward = module.transform(f"{NAMED},lowbit-extract-parameters{names}")
    else:
        with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
            text, path = _recipe_text(recipe), Path(folder, "recipe.json")
            if text.lstrip().startswith("{"):
                path.write_text(text)
                text = str(path)
            statistics = ""
            if stats is not None:
                statistics = os.path.join(folder, "statistics.json")
                stats.save(statistics)
            options = _options(
                recipe=text, stats=statistics, estimator=estimator.split(","), parameters=list(parameters), soften=list(soften)
            )
            forward = module.transform(f"lowbit-prepare-training{options}")
    normalizes = batch_norm and "lowbit.batch_norm" in forward._native.print(True)
    if normalizes:
        passes = [f"lowbit-train-batch-norm{_options(momentum=momentum)}", *passes]
    training = forward.transform(",".join(passes)) if passes else forward
    initial = Module(training._native, "initial").compile("reference")()
    first = {name: np.array(value) for name, value in initial.items()}
    return Plan(forward, first, recipe is not None, training, normalizes or bool(parametrization), normalizes)


def _get_passes(parametrization: list[str], stochastic: list[str], range_average: float) -> list[str]:
    """The passes that make a step's function of a model, in their order."""
    if not 0 <= range_average < 1:
        raise Error(f"range_average is {range_average}; expected a decay from 0, for none, to below 1, such as 0.99")
    passes = []
    if parametrization:
        passes.append(f"lowbit-parametrize-weights{_options(rules=parametrization)}")
    if range_average:
        passes.append(f"lowbit-average-ranges{_options(decay=range_average)}")
    if stochastic:
        passes.append(f"lowbit-add-dither{_options(values=stochastic)}")
    return passes
