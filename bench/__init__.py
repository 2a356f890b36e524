"""Benchmarks: measured figures, written to `bench/results/`, each with the machine and the spread."""
