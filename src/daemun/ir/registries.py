"""Registries beside Kubernetes, as they are configured, and what one fails to give."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from daemun.base.names import Ref

CONSUL = "consul"
"""The key of the Consul that Gloo's Settings name, and what the plug-in is called. Of a Registry it is its name."""

CONNECT = "connect"
"""The way in which Consul is asked for instances behind proxies of its mesh (`Lookup.how`): `connect+stale`."""


class Configured(msgspec.Struct, frozen=True, gc=False):
    """What a registry is opened with.

    `by` is the object that configures it, `type` the name of the plug-in, `config` what is written for it: typed
    already, or any mapping. `secret` is what the Secret holds that goes with it. A `guarded` one is asked at addresses
    only to which everybody may send requests. `catalogued`: somebody wants to know which services it has. `lent`:
    without a Secret it may be asked with Daemun's own credentials.
    """

    by: Ref
    type: str
    config: Any
    secret: Mapping[str, bytes] = MappingProxyType({})
    guarded: bool = True
    catalogued: bool = False
    lent: bool = False

    def __repr__(self) -> str:
        return f"<registry {self.type} of {self.by}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return []


class Trouble(NamedTuple):
    """What troubles are known by: of a registry as a whole, or with one `service` of it in a `place`."""

    registry: str
    service: str = ""
    place: str = ""
