"""What a benchmark has to know of a gateway, whoever's it is."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Peer:
    """A gateway: how it gets into a cluster, and how its pods are found. Another one is one more of these."""

    name: str
    version: str
    gateway_class: str
    deployment: str
    """Of its control plane, as the API's path."""
    control_plane: tuple[str, str]
    """The namespace and the label selector of its control plane's pods."""
    proxies: tuple[str, str]
    """The same of a Gateway's proxies; with {namespace} and {name} of the Gateway."""
    install: Callable[[Cluster, dict[str, str]], None]
    """Puts it into the cluster, inside of which this process is."""
