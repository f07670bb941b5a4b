"""The one exception that every importer raises for a model it cannot bring in."""

from __future__ import annotations


class ImportFailure(Exception):
    """A model could not be imported.

    message: what is wrong, with expected against actual where there is such a pair.
    location: the file, and within it the node, tensor or input concerned; printed first.
    hint: what to do next; may be empty.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "") -> None:
        self.message, self.location, self.hint = message, location, hint
        text = f"{location}: {message}" if location else message
        super().__init__(f"{text}; {hint}" if hint else text)


def describe_node(op_type: str, name: str, domain: str = "") -> str:
    """A node as error messages print it: node 'encoder.query' (MatMul)."""
    kind = f"{domain}.{op_type}" if domain else op_type
    return f"node '{name}' ({kind})" if name else f"unnamed node ({kind})"
