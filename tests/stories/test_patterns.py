"""Deployment patterns without a cluster, as their pages say. In a cluster: tests/cluster/test_patterns.py."""

from support import pages

WITHOUT = "Without a cluster"


def test_simple_ingress() -> None:
    pages.alone("patterns/simple-ingress.md", WITHOUT)


def test_sharded() -> None:
    pages.alone("patterns/sharded.md", WITHOUT)
