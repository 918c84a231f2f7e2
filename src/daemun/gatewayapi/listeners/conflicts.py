"""Listeners of one proxy in each other's way (Gateway API, "Distinct Listeners" and ListenerSet's precedence)."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter

import msgspec

from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ResolvedListener
from daemun.ir.listener import Socket

_BY_SERVER_NAME = {"HTTPS", "TLS"}
"""Protocols that can share a port: the server name of the handshake tells their listeners apart."""
_WITHOUT_HOSTS = {"TCP", "UDP"}


def with_conflicts(listeners: Iterable[ResolvedListener]) -> Iterator[ResolvedListener]:
    """The listeners, in the order of their owners' precedence, each with what it finds in its way.

    Those of one object that conflict all lose: none of them can claim to be the one that was meant. Those of different
    objects do not: the first keeps its place. One whose protocol is not served is in nobody's way, nor is
    one that lost to an object before its own. UDP has ports of its own.
    """
    before = _Taken()
    for _, siblings in groupby(listeners, key=attrgetter("owner")):
        found = [(one, before.in_the_way_of(one)) for one in siblings]
        remaining = [one for one, finding in found if finding is None and one.listener is not None]
        beside = _Taken(remaining)
        for one, finding in found:
            yield _told(one, finding or beside.in_the_way_of(one))
        before.add(remaining)


def _told(one: ResolvedListener, finding: Finding | None) -> ResolvedListener:
    if finding is None:
        return one
    if finding.reason == "PortUnavailable":
        return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))
    return msgspec.structs.replace(one, conflicted=(finding,))


class _Taken:
    """Listeners, to be found by what another would share with them: there may be thousands on one port."""

    def __init__(self, listeners: Iterable[ResolvedListener] = ()) -> None:
        self._bound: dict[Socket, dict[int, ResolvedListener]] = {}  # by what is bound, then the port that is said
        self._protocols: dict[Socket, dict[str, ResolvedListener]] = {}
        self._hosts: dict[tuple[Socket, str], list[ResolvedListener]] = {}
        self.add(listeners)

    def add(self, listeners: Iterable[ResolvedListener]) -> None:
        """These have their place now."""
        for one in listeners:
            said = _said(one)
            self._bound.setdefault(one.socket, {}).setdefault(one.port, one)
            self._protocols.setdefault(said, {}).setdefault(one.protocol, one)
            self._hosts.setdefault((said, one.hostname), []).append(one)

    def in_the_way_of(self, one: ResolvedListener) -> Finding | None:
        """Why the listener cannot have its port and hostname, if so."""
        if one.listener is None:
            return None
        said = _said(one)
        for protocol, other in self._protocols.get(said, {}).items():
            if protocol != one.protocol and {protocol, one.protocol} != _BY_SERVER_NAME:
                text = f"{_called(other, one)} has protocol {protocol} on the same port {one.port}"
                return Finding("ProtocolConflict", "", text, "Give one of them another port.")
        for other in self._hosts.get((said, one.hostname), ()):
            if other is not one and one.protocol in _WITHOUT_HOSTS:
                text = f"{_called(other, one)} has the same port {one.port}, and {one.protocol} has no hostnames"
                return Finding("ProtocolConflict", "", text, "Give one of them another port.")
            if other is not one:
                text = f"{_called(other, one)} has the same port {one.port} and hostname ({one.hostname or 'any host'})"
                return Finding("HostnameConflict", "", text, "Give one of them another hostname or port.")
        for port, other in self._bound.get(one.socket, {}).items():
            # Of two siblings the one that says the port that is bound stays.
            if port != one.port and (other.owner != one.owner or one.port != one.bound_port):
                text = f"port {one.port} is bound as {one.bound_port} here, which {_called(other, one)} has"
                return Finding("PortUnavailable", "", text, "Give one of them another port.")
        return None


def _said(one: ResolvedListener) -> Socket:
    """The port as the API says it."""
    return Socket(one.port, one.socket.transport)


def _called(other: ResolvedListener, one: ResolvedListener) -> str:
    """The other listener, as the owner of this one may know it."""
    if other.owner == one.owner:
        return f"listener {other.name}"
    if other.owner.kind == "ListenerSet" and other.owner.namespace != one.owner.namespace:
        return "a ListenerSet of another namespace"  # how other tenants name things is not for everybody's eyes
    return f"listener {other.name} of {other.owner}"
