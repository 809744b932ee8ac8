"""Side-by-side benchmarks: each compares two ways in one run and writes JSON to bench/results."""
