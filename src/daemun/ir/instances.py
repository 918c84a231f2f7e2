"""Services of registries beside Kubernetes: what is looked up, and the instances that are found.

A registry is asked for just those services that something in use refers to; what it says is one value per `Lookup`.
"""

from typing import NamedTuple


class Lookup(NamedTuple):
    """A service as a registry is asked for it.

    `place` is a data center, a space or a region; empty: the registry's own. `how` is what the registry itself knows of
    ways to be asked (Consul's consistency modes).
    """

    registry: str
    service: str
    place: str = ""
    how: str = ""

    @property
    def key(self) -> str:
        """What troubles with it are known by."""
        return "/".join(self)


class Instance(NamedTuple):
    """One instance that takes requests. `address` is an IP address or a hostname, `weight` its share among others."""

    address: str
    port: int
    tags: tuple[str, ...] = ()
    weight: int = 1


Instances = tuple[Instance, ...]
"""The instances of a service, sorted; empty when the registry says that there are none."""
