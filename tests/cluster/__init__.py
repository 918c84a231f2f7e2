"""A real Kubernetes on this machine, without Docker: what `make cluster` starts and the tests use.

`api.py` is an API server alone, ready in seconds. `cluster.py` is the whole: a node, pods, Services, DNS. Every part
has one file. Nothing here is product code, and no program is downloaded as a binary: all are built from Go modules
pinned below `tools/`, once, into the user's cache (`tools.py`).
"""
