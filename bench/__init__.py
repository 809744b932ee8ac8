"""Side-by-side benchmarks: each compares two ways in one run and writes JSON to bench/results."""

import mm_perception  # noqa: F401 - before torch, which reads what it sets
