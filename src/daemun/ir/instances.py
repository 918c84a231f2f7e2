"""Services of registries beside Kubernetes: what is looked up, and the instances that are found.

A registry is asked for just those services that something in use refers to; what it says is one value per `Lookup`.
"""

from typing import NamedTuple


class Lookup(NamedTuple):
    """A service as a registry is asked for it.

    `registry` is the key of a registry that is configured (`ir.registries`). `place` is a data center, a space or a
    region; empty: the registry's own. `how` is what the registry itself knows of ways to be asked (Consul's consistency
    modes).
    """

    registry: str
    service: str
    place: str = ""
    how: str = ""


class Instance(NamedTuple):
    """One instance that takes requests. `address` is an IP address or a hostname, `weight` its share among others."""

    address: str
    port: int
    tags: tuple[str, ...] = ()
    weight: int = 1


Instances = tuple[Instance, ...]
"""The instances of a service, sorted; empty when the registry says that there are none."""


class Entry(NamedTuple):
    """A service that a registry has, as its catalogue tells of it. `tags` are all that any instance has."""

    service: str
    place: str = ""
    tags: tuple[str, ...] = ()


Catalogue = frozenset[Entry]
"""All services of a registry."""
