"""Which listener of a port has which hosts: what routes and streams read of a port.

They read it host by host, so that a listener more on the port is no change to those whose hosts it does not have.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from daemun.flow import Collection, Reader
from daemun.gatewayapi.hostnames import parents
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener
from daemun.ir.origin import Origin


class Surface(NamedTuple):
    """What the routes of a port have in common: the port that the API says, and whether it is behind TLS."""

    port: int
    tls: bool


class HostOwner(NamedTuple):
    """The listener of a hostname, and the field that says the hostname. Of a port with `requests` or with streams.

    `tls`: listeners of the port are told apart by the server name of a TLS handshake. Then requests for the hostname
    may come over the connections of others; only those of `handshakes` are taken, by the hostnames of their listeners,
    or all if that is empty.
    """

    listener: Listener
    origin: Origin
    requests: bool
    tls: bool
    handshakes: tuple[str, ...] = ()


def surface_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[FrontendKey, Surface]]:
    """From a port to what its routes have in common."""
    yield key, Surface(frontend.listeners[0].port, frontend.tls)


def owner_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a port to the listeners of its hostnames."""
    requests, shared = bool(frontend.http), frontend.tls and len(frontend.listeners) > 1
    for listener in frontend.listeners:
        handshakes = (listener.hostname,) if shared else ()
        origin = _hostname_of(listener.origin)
        yield HostKey(key, listener.hostname), HostOwner(listener, origin, requests, frontend.tls, handshakes)


@functools.lru_cache(maxsize=4096)
def _hostname_of(listener: Origin) -> Origin:
    """The field that a listener's virtual hosts come from, one for all of them."""
    return Origin(listener.ref, f"{listener.where}.hostname")


def with_requests(key: HostKey, owner: HostOwner) -> Iterator[HostKey]:
    """The hosts that have a virtual host even without routes; with those of streams, whose requests are misdirected."""
    if owner.requests:
        yield key


def with_streams(key: HostKey, owner: HostOwner) -> Iterator[HostKey]:
    """Where streams come in even without routes."""
    if not owner.listener.http:
        yield key


def owner_of(reader: Reader, owners: Collection[HostKey, HostOwner], key: HostKey) -> HostOwner | None:
    """The listener that a host belongs to: the most specific one of the port that covers it."""
    for hostname in parents(key.hostname):
        found = reader.get(owners, HostKey(key.frontend, hostname))
        if found is not None:
            return found
    return None
