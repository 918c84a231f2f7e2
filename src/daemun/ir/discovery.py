"""Upstreams that are made of what is discovered: which there should be, and what is to be done about them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from daemun.base.names import Name

BY = "discovered_by"
"""The label that says who made an Upstream; whoever removes it has the Upstream for themselves."""


class Claim(NamedTuple):
    """A service that an Upstream is made of: who has it, and what it is called there. `part` tells several apart."""

    registry: str
    service: str
    part: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """An Upstream that there should be: by this name, made `by` this discoverer, with these fields. All others are
    whoever's who sets them.
    """

    name: Name
    by: str
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Order(msgspec.Struct, frozen=True):
    """What is to be done about one Upstream. One of these: `make` it as a whole, `change` these fields (RFC 7386) of
    the one that there is, or let go of it, which is somebody else's or made of what is gone.

    Where Upstreams are files, all that is let go of is removed; in a cluster what was made is only with `delete`, which
    is the uid of it.
    """

    make: Mapping[str, Any] | None = None
    change: Mapping[str, Any] | None = None
    delete: str = ""
