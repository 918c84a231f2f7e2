"""Which listener of a port has which hosts: what routes and streams read of a port.

They read it host by host, so that a listener more on the port is no change to those whose hosts it does not have.
"""

from collections.abc import Iterator
from typing import NamedTuple

from daemun.flow import Collection, Reader
from daemun.gatewayapi.hostnames import parents
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener


class Surface(NamedTuple):
    """What the routes of a port have in common: the port that the API says, and whether it is behind TLS."""

    port: int
    tls: bool


class HostOwner(NamedTuple):
    """The listener of a hostname. On a port with `requests` others than its own may come to it, if it is `shared`.

    `tls`: listeners of the port are told apart by the server name of a TLS handshake.
    """

    listener: Listener
    requests: bool
    shared: bool
    tls: bool


def surface_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[FrontendKey, Surface]]:
    """From a port to what its routes have in common."""
    yield key, Surface(frontend.listeners[0].port, frontend.tls)


def owner_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a port to the listeners of its hostnames."""
    requests, shared = bool(frontend.http), frontend.tls and len(frontend.listeners) > 1
    for listener in frontend.listeners:
        yield HostKey(key, listener.hostname), HostOwner(listener, requests, shared, frontend.tls)


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
