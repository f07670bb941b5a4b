"""Files of sensitivity: what each scheme would lose and cost at each site."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lowbit.errors import Error
from lowbit.files import whole_file
from lowbit.module import Module
from lowbit.naming import NAMED
from lowbit.precision.checks import check_sensitivity, read_json
from lowbit.statistics import Statistics


class Sensitivity:
    """A document as `lowbit-analyze-sensitivity` writes it; the compiler checks it whenever it selects."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sensitivity:
        """Reads a file."""
        return cls(check_sensitivity(read_json(path), os.fspath(path)))

    @property
    def text(self) -> str:
        """The file: one line a site's candidate; the same document, the same text."""
        head = {key: value for key, value in self.document.items() if key != "sites"}
        rows = []
        for site in self.document["sites"]:
            candidates = ",\n  ".join(json.dumps(candidate) for candidate in site["candidates"])
            fields = json.dumps({key: value for key, value in site.items() if key != "candidates"})
            rows.append(f'{fields[:-1]}, "candidates": [\n  {candidates}]}}')
        return json.dumps(head)[:-1] + ', "sites": [\n' + ",\n".join(rows) + "]}\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        with whole_file(path) as temporary:
            temporary.write_text(self.text, encoding="utf-8")

    @property
    def sites(self) -> list[dict[str, Any]]:
        """One entry a site."""
        return self.document["sites"]

    @property
    def schemes(self) -> dict[str, dict[str, Any]]:
        """Schemes by name, as a rule of a recipe has them."""
        return {scheme["name"]: {key: value for key, value in scheme.items() if key != "name"} for scheme in self.document["schemes"]}

    def candidates(self, site: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Of a site, by the scheme's name."""
        return {candidate["scheme"]: candidate for candidate in site["candidates"]}

    def recipe(self, sites: Mapping[str, str], name: str) -> dict[str, Any]:
        """A recipe that gives each site of `sites` its scheme; all others are left to the space's rules."""
        rules = [{"match": escape(site), **self.rule(scheme)} for site, scheme in sites.items()]
        document: dict[str, Any] = {"version": 1, "name": name}
        if self.document["algorithms"]:
            document["algorithms"] = self.document["algorithms"]
        return {**document, "rules": rules + self.document["rules"]}

    def rule(self, scheme: str) -> dict[str, Any]:
        """What a rule says of sites with that scheme."""
        keys = self.schemes[scheme]
        if "float" not in keys:
            return keys
        return {"keep": "chosen by its sensitivity", **({} if keys["float"] == "f32" else keys)}


def escape(site: str) -> str:
    """A pattern that matches this site alone."""
    return "".join("\\" + letter if letter in "*?[]{}\\^!" else letter for letter in site)


def analyze(model: Module, space: Mapping[str, Any], stats: Statistics | None, where: str = "space") -> Sensitivity:
    """Losses from second moments, without a run: the energy of each output's error as a part of the output's. Without `stats`, of weights.

    where: what messages call the space, such as its file.
    """
    with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
        paths = {name: os.path.join(folder, f"{name}.json") for name in ("space", "stats", "sensitivity")}
        Path(paths["space"]).write_text(json.dumps(space), encoding="utf-8")
        options = f"space={paths['space']} output={paths['sensitivity']}"
        if stats is not None:
            stats.save(paths["stats"])
            options += f" stats={paths['stats']}"
        # Where the bias takes up the mean error, it is no loss.
        if any(algorithm in ("bias-correction", {"use": "bias-correction"}) for algorithm in space["algorithms"]):
            options += " centered=true"
        with _naming(paths["space"], where):
            model.transform(f"{NAMED},lowbit-analyze-sensitivity{{{options}}}")
        return Sensitivity.load(paths["sensitivity"])


def select(
    model: Module,
    sensitivity: Sensitivity,
    budgets: Mapping[str, str | float],
    *,
    keep: list[str] | tuple[str, ...] = (),
    together: list[str] | tuple[str, ...] = (),
    mode: str = "exact",
    name: str = "mixed",
) -> tuple[str, dict[str, Any]]:
    """The recipe's text and the summary of what is chosen: loss, bound, costs, and each site's scheme."""
    with tempfile.TemporaryDirectory(prefix="lowbit-") as folder:
        paths = {part: os.path.join(folder, f"{part}.json") for part in ("sensitivity", "recipe", "summary")}
        sensitivity.save(paths["sensitivity"])
        options = [f"sensitivity={paths['sensitivity']}", f"output={paths['recipe']}", f"summary={paths['summary']}"]
        options += [f"mode={mode}", f"name={quote(name)}", "apply=false"]
        options += [f"{what}={limit}" for what, limit in budgets.items()]
        for option, texts in (("keep", keep), ("together", together)):
            if texts:
                options.append(f"{option}={{{','.join(map(quote, texts))}}}")
        with _naming(paths["sensitivity"], "sensitivity"):
            model.transform(f"{NAMED},lowbit-select-precision{{{' '.join(options)}}}")
        return Path(paths["recipe"]).read_text(encoding="utf-8"), json.loads(Path(paths["summary"]).read_text(encoding="utf-8"))


@contextmanager
def _naming(temporary: str, name: str) -> Iterator[None]:
    """Messages about a file that a user has never seen name what it was made of."""
    try:
        yield
    except Error as failure:
        raise Error(failure.message.replace(temporary, name), failure.location.replace(temporary, name)) from None


def quote(text: str) -> str:
    """As a value among a pass's options."""
    if '"' in text and "'" in text:
        raise Error(f"`{text}` has both kinds of quotes, which no option of a pass can say")
    mark = "'" if '"' in text else '"'
    return f"{mark}{text}{mark}"
