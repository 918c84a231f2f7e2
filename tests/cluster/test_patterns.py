"""Deployment patterns in a cluster, as their pages say. Without one: tests/stories/test_patterns.py."""

from collections.abc import Iterator

import pytest

from support.checks import pages
from support.servers.redises import need

from . import crds, daemun_image
from .cluster import Cluster
from .commands import CHART, helm, kubectl

pytestmark = pytest.mark.timeout(400)

_SYSTEM = "daemun-patterns-system"
_NAMESPACES = ("ingress", "shop", "red", "blue", "edge", "aws", "office")
_IN_A_CLUSTER = "In a cluster"


@pytest.fixture(scope="module", autouse=True)
def daemun(cluster: Cluster) -> Iterator[None]:
    """Daemun, as docs/kubernetes.md installs it."""
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    values = ("--set", "proxies.accessLog=true,global.extensions.rateLimit.enabled=true,mesh.enabled=true")
    helm("install", "-n", _SYSTEM, "daemun", str(CHART), "--create-namespace", *values, "--wait")
    yield
    helm("uninstall", "-n", _SYSTEM, "daemun")
    kubectl("delete", "namespace", _SYSTEM)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """The next one has namespaces of the same names."""
    yield
    kubectl("delete", "namespace", *_NAMESPACES, "--ignore-not-found")


@pytest.mark.parametrize("page", ["simple-ingress", "sharded", "central-ingress", "aws", "mesh"])
def test_a_page(page: str) -> None:
    pages.run(f"patterns/{page}.md", _IN_A_CLUSTER)


def test_haproxy() -> None:
    need("haproxy", "haproxy")
    pages.run("patterns/haproxy.md", _IN_A_CLUSTER)
