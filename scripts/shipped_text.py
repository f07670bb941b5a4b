"""English sentences from the documentation that Python and Debian ship: unlabelled text to learn from, on every machine without a download.

Docstrings of the standard library and of the packages beside this one, Python's reference manual, manual pages, Perl's documentation and
/usr/share/doc. What a machine lacks is left out; two machines with the same packages give the same sentences in the same order.
"""

from __future__ import annotations

import ast
import gzip
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

DEBIAN_DOC = re.compile(r"(readme|news|faq|todo|copyright|changelog|guide)", re.IGNORECASE)
PERL_DOC = re.compile(r"^=\w.*?(?=^=cut|\Z)", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"[_/\\(){}<>=*&]")


def gather(most: int = 60000, seed: int = 0) -> list[str]:
    """Sentences, each once, in an order of `seed`; of each source at most `most`."""
    order, chosen = np.random.default_rng(seed), dict[str, None]()
    for source in (_manual(), _docstrings("stdlib"), _docstrings("purelib"), _debian_docs(), _perl(), _manual_pages()):
        found = list(dict.fromkeys(sentence for text in source for sentence in _sentences(text)))
        chosen.update(dict.fromkeys(found[i] for i in order.permutation(len(found))[:most]))
    sentences = list(chosen)
    return [sentences[i] for i in order.permutation(len(sentences))]


def _sentences(text: str) -> Iterator[str]:
    """Sentences of 5 to 40 words that are English rather than code."""
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(paragraph.split())):
            letters = sum(c.isalpha() or c == " " for c in sentence)
            if not re.match(r"[A-Z][a-z].*[.!?]$", sentence) or CODE.search(sentence):
                continue
            if 5 <= len(sentence.split()) <= 40 and letters > 0.94 * len(sentence):
                yield sentence


def _manual() -> Iterator[str]:
    yield from (topics[key] for key in sorted(topics))


def _docstrings(scheme: str) -> Iterator[str]:
    for path in _files(sysconfig.get_paths()[scheme], "*.py"):
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                yield ast.get_docstring(node) or ""


def _debian_docs() -> Iterator[str]:
    for path in _files("/usr/share/doc", "*"):
        if DEBIAN_DOC.match(path.name):
            yield _read(path)


def _perl() -> Iterator[str]:
    for folder in ("/usr/share/perl", "/usr/share/perl5"):
        for path in _files(folder, "*.p[mo]*"):
            yield "\n\n".join(PERL_DOC.findall(_read(path)))


def _manual_pages() -> Iterator[str]:
    for path in _files("/usr/share/man", "*.gz"):
        lines = _read(path).splitlines()
        yield "\n".join("" if line.startswith((".", "'")) else re.sub(r"\\f.|\\", "", line) for line in lines)


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in Path(folder).rglob(pattern) if path.is_file() and not path.is_symlink())


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8", "ignore")
    except (OSError, EOFError, gzip.BadGzipFile):
        return ""
