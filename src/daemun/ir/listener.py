"""Listeners: where requests come in, and which hosts each may answer for."""

import functools
from typing import Literal, NamedTuple

import msgspec

from daemun.ir.origin import Origin
from daemun.ir.tls import ClientValidation


class FrontendKey(NamedTuple):
    """A port of a proxy: one Envoy listener. `port` is the one that is bound."""

    proxy: str
    port: int

    @property
    def listener(self) -> str:
        """The name of the Envoy listener."""
        return f"port-{self.port}"


@functools.lru_cache(maxsize=4096)
def frontend_key(proxy: str, port: int) -> FrontendKey:
    """The key of a port. There are few ports and many routes, so one key is shared by all of them."""
    return FrontendKey(proxy, port)


class Listener(msgspec.Struct, frozen=True, gc=False):
    """One listener of a proxy, resolved. `hostname` is empty for any host.

    Several objects may bring listeners of the same `name`; `chain` is a name that no other listener of the proxy has.
    `port` is the port that the API says, which redirects speak of; what is bound may differ. `clients` says how the
    certificates of clients are checked; None when they are not asked for any.
    """

    name: str
    chain: str
    origin: Origin
    port: int
    protocol: Literal["HTTP", "HTTPS"]
    hostname: str = ""
    secrets: tuple[str, ...] = ()
    clients: ClientValidation | None = None


class Frontend(msgspec.Struct, frozen=True, gc=False):
    """All listeners that share a port. They are all HTTP or all HTTPS, and their hostnames differ."""

    addresses: tuple[str, ...]
    listeners: tuple[Listener, ...]

    @property
    def tls(self) -> bool:
        """Whether TLS is terminated here."""
        return self.listeners[0].protocol == "HTTPS"


class HostKey(NamedTuple):
    """A virtual host: a hostname on a port. `chain` is that of the listener whose TLS it is behind, if any."""

    proxy: str
    port: int
    chain: str
    hostname: str

    @property
    def route_config(self) -> str:
        """The name of the RouteConfiguration that the virtual host belongs to."""
        return _route_config(self.port, self.chain)


@functools.lru_cache(maxsize=4096)
def _route_config(port: int, chain: str) -> str:
    return f"port-{port}/{chain}" if chain else f"port-{port}"
