"""Lowbit and what else there is, measured side by side. `scripts/bench --help` says how to call it."""
