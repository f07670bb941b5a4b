"""Models for demonstrations, tests and benchmarks, built from public weights."""
