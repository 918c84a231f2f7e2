"""Listeners: where requests come in, and which hosts each may answer for."""

import functools
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.tls import ClientValidation, Handshake, Outside, bundle_name

Transport = Literal["tcp", "udp"]
ListenerProtocol = Literal["HTTP", "HTTPS", "TLS", "TCP", "UDP"]


def transport(protocol: str) -> Transport:
    """Whose ports a listener with this protocol has: those of UDP are not those of TCP."""
    return "udp" if protocol == "UDP" else "tcp"


ListenerKey = tuple[Ref, str]
"""A listener by its owner, a Gateway or a ListenerSet, and its name."""


class Socket(NamedTuple):
    """What only one process can have of an address."""

    port: int
    transport: Transport


class FrontendKey(NamedTuple):
    """A port of a proxy: an Envoy listener for each of its addresses. `port` is the one that is bound; UDP has ports of
    its own.

    Where connections of one port are told apart by more than server names, each `section` of it has hosts of its own.
    One that is `apart` is told apart by the address that connections are for, and is an Envoy listener of its own.
    """

    proxy: str
    port: int
    transport: Transport = "tcp"
    section: str = ""
    apart: bool = False

    @property
    def listener(self) -> str:
        """The name of the Envoy listener; where it has several, what all of their names begin with."""
        if self.apart:
            return f"port-{self.port}.{self.section}"
        return f"port-{self.port}" if self.transport == "tcp" else f"udp-port-{self.port}"


def port_name(listener: str) -> str:
    """The name of the port (`FrontendKey.listener`) of an Envoy listener with this name."""
    return listener.partition("@")[0]


def address_of(listener: str, usual: str) -> str:
    """The address of an Envoy listener with this name (`Frontend.listener_at`)."""
    return listener.partition("@")[2] or usual


def bound(addresses: tuple[str, ...]) -> list[str]:
    """Those of a port's addresses that are bound. One that `0.0.0.0` or `::` has already is not, once more."""

    def every(address: str) -> str:
        return "::" if ":" in address else "0.0.0.0"  # noqa: S104 - compared with, not bound

    return [one for one in addresses if one == every(one) or every(one) not in addresses]


@functools.lru_cache(maxsize=4096)
def frontend_key(proxy: str, port: int, transport: Transport = "tcp") -> FrontendKey:
    """The key of a port. There are few ports and many routes, so one key is shared by all of them."""
    return FrontendKey(proxy, port, transport)


class Listener(msgspec.Struct, frozen=True, gc=False):
    """One listener of a proxy, resolved. `hostname` is empty for any host.

    Several objects may bring listeners of the same `name`; `chain` is a name that no other listener of the proxy has.
    `port` is the port that the API says, which redirects speak of; what is bound may differ. Where a listener
    `terminates` TLS it needs `secrets`. `clients` says how the certificates of clients are checked; None when they are
    not asked for any. `handshake` is what else is said of TLS. With `outside` its certificates come from elsewhere.
    With `sources` only clients of these addresses come here (prefixes and their lengths).
    """

    name: str
    chain: str
    origin: Origin
    port: int
    protocol: ListenerProtocol
    hostname: str = ""
    secrets: tuple[str, ...] = ()
    clients: ClientValidation | None = None
    terminates: bool = False
    handshake: Handshake | None = None
    outside: Outside | None = None
    sources: tuple[tuple[str, int], ...] = ()

    @property
    def key(self) -> ListenerKey:
        """What tells it apart from all others."""
        return (self.origin.ref, self.name)

    @property
    def http(self) -> bool:
        """Whether requests come in here, rather than connections or datagrams of which nothing is known."""
        return self.protocol in {"HTTP", "HTTPS"}

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Everything that comes by SDS: its key pairs, and what the certificates of clients are checked with."""
        return (*self.secrets, bundle_name(self.clients.bundle)) if self.clients else self.secrets

    @property
    def through(self) -> bool:
        """Whether a connection passes with the TLS that client and backend agree on."""
        return self.protocol == "TLS" and not self.terminates


class Frontend(msgspec.Struct, frozen=True, gc=False):
    """All listeners that share a port: one for TCP or UDP, several with different hostnames for HTTP or with TLS.

    HTTPS and TLS can share a port, because both choose by the server name of the handshake. Of several sections of a
    port only the `head` says what there is once for all of them, such as whether one `inspects` handshakes. `origin` is
    the field that says the port, where that is not the first listener's.

    One that `captures` takes connections that were meant for other addresses, and were redirected to it. Each is handed
    to the one that is not `bound` and has just that address, or else goes on to where it was going.

    `usual` is the address whose Envoy listener has the name of the port; empty where there is no choice.
    """

    addresses: tuple[str, ...]
    listeners: tuple[Listener, ...]
    head: bool = True
    inspects: bool = False
    origin: Origin | None = None
    bound: bool = True
    captures: bool = False
    usual: str = ""

    def bound_as(self, key: FrontendKey) -> Iterator[tuple[str, str]]:
        """The Envoy listeners of the port: their names, and the address of each.

        One for all of them could not gain or lose any: Envoy updates no listener that shares an address with what it
        was, but not all of them. The name says the address and nothing else, so one that stays is not touched,
        whichever others there are.
        """
        for address in bound(self.addresses):
            yield self.listener_at(key, address), address

    def listener_at(self, key: FrontendKey, address: str) -> str:
        """The name of the Envoy listener with this address."""
        return f"{key.listener}@{address}" if self.usual and address != self.usual else key.listener

    @property
    def tls(self) -> bool:
        """Whether listeners are told apart by the server name of a TLS handshake."""
        return self.listeners[0].protocol in {"HTTPS", "TLS"}

    @property
    def http(self) -> tuple[Listener, ...]:
        """The listeners that take requests."""
        return tuple(listener for listener in self.listeners if listener.http)


class HostKey(NamedTuple):
    """A hostname on a port, empty for any: where requests come in (a virtual host), or streams (a server name)."""

    frontend: FrontendKey
    hostname: str
