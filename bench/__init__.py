"""Benchmarks: `make bench` runs them all, `python -m bench NAME...` some. Ratios in one run count, not milliseconds.

There is a folder for each question: what a change costs the `engine`, and until a `folder` serves it; what a request
costs on the `dataplane`; what `servers` decide in a second; `certificates`; `discovery`; and what is asked of `peers`
too. `results` are the raw ones, of which `page` makes docs/performance.md.
"""
