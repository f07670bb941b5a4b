"""Passes that give the sites of a float model their names."""

from __future__ import annotations

NAMING = ("lowbit-normalize-linears", "lowbit-fold-batch-norm", "lowbit-name-sites")
NAMED = ",".join(NAMING)
