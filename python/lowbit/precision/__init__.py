"""Mixed precision: which site gets how many bits (docs/mixed-precision.md)."""
