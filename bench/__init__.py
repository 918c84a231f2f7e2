"""Benchmarks: `make bench` runs them all, `python -m bench NAME...` some. Ratios in one run count, not milliseconds."""
