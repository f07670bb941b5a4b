"""One file per family of instructions; each has `instructions()`."""
