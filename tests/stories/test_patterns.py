"""Deployment patterns without a cluster, as their pages say. In a cluster: tests/cluster/test_patterns.py."""

from support import pages
from support.redises import need

WITHOUT = "Without a cluster"


def test_simple_ingress() -> None:
    pages.alone("patterns/simple-ingress.md", WITHOUT)


def test_sharded() -> None:
    pages.alone("patterns/sharded.md", WITHOUT)


def test_central_ingress() -> None:
    pages.alone("patterns/central-ingress.md", WITHOUT)


def test_haproxy() -> None:
    need("haproxy", "haproxy")
    pages.alone("patterns/haproxy.md", WITHOUT)


def test_aws() -> None:
    pages.alone("patterns/aws.md", WITHOUT)
