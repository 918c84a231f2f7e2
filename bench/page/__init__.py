"""docs/performance.md: its tables and plots, made from the raw results in bench/results.

`python -m bench.page` writes them anew, without measuring anything.
"""
