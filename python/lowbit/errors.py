"""The exception that the package raises for everything that is wrong with a model, a recipe, data or a call."""

from __future__ import annotations


class Error(Exception):
    """What is wrong, with expected against found, and what to do next.

    location: where in a file or model, `m.mlir:3:5` or the name of a node; empty when there is no such place.
    """

    def __init__(self, message: str, location: str = "") -> None:
        super().__init__(message)
        self.message, self.location = message, location
