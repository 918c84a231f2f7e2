"""The layout of HTTP routes: one RouteConfiguration per port (per listener with TLS), made of cached virtual hosts.

This module alone knows the layout. A virtual host is a part of its RouteConfiguration, and each match of a rule is a
leaf of it, so one changed route touches one part; the bytes of the others are sent again as they are.
"""

import functools
from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.config.route.v3 import route_pb2

from daemun.base import wire
from daemun.base.names import Ref
from daemun.envoy.actions import answer, build
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.hostnames import owner
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener, frontend_key
from daemun.ir.origin import Origin
from daemun.ir.resource import ROUTE, Leaf, Part, PartKey, part
from daemun.ir.route import Match, Precedence, Route, precedence

_VIRTUAL_HOSTS = wire.tag(2)  # RouteConfiguration.virtual_hosts
_ROUTES = wire.tag(3)  # VirtualHost.routes
_MATCH = wire.tag(1)  # Route.match
_ERROR = route_v3.Route(direct_response=route_v3.DirectResponseAction(status=500)).SerializeToString()
_MISDIRECTED = 421

Rank = tuple[Precedence, tuple[str, str, str], Ref, int, int]
"""Where a match stands among all matches of its virtual host: precedence, age, name, place in the route."""


class EncodedRoute(msgspec.Struct, frozen=True, gc=False):
    """All matches of a route on one port, encoded and ranked."""

    leaves: tuple[tuple[Rank, Leaf], ...]


def encoded_rule(
    frontends: Collection[FrontendKey, Frontend],
) -> Callable[[Reader, Ref, ResolvedRoute], Iterator[tuple[tuple[Ref, FrontendKey], EncodedRoute]]]:
    """The rule from a route to its encoded matches, once per port however many hosts it has there."""

    def encode(
        reader: Reader, ref: Ref, resolved: ResolvedRoute
    ) -> Iterator[tuple[tuple[Ref, FrontendKey], EncodedRoute]]:
        if resolved.route.streams:
            return
        for key in dict.fromkeys(attachment.frontend for attachment in resolved.attachments):
            frontend = reader.get(frontends, key)
            if frontend is not None:
                leaves = _leaves(resolved, frontend.listeners[0].port, frontend.tls)
                yield (ref, key), EncodedRoute(tuple(leaves))

    return encode


def _leaves(resolved: ResolvedRoute, port: int, tls: bool) -> Iterator[tuple[Rank, Leaf]]:
    route = resolved.route
    for at, rule in enumerate(route.rules):
        for index, match in enumerate(rule.matches):
            protos, needs = build(route_name(route.ref, match), rule, match, port, tls)
            data = b"".join(wire.delimited(_ROUTES, proto.SerializeToString()) for proto in protos)
            # If Envoy rejects the route, its requests are answered with 500; a match that may itself be what Envoy
            # rejects cannot be kept.
            matched = protos[-1].match.SerializeToString()
            body = wire.delimited(_MATCH, matched) + _ERROR
            fallback = b"" if match.has_regex else wire.delimited(_ROUTES, body)
            identity = blake2b(matched, digest_size=8).digest()
            leaf = Leaf(data, Origin(route.ref, match.where), needs, fallback, identity)
            yield rank(route, match, at, index), leaf


def rank(route: Route, match: Match, at: int, index: int) -> Rank:
    """Where the `index`th match of the `at`th rule stands."""
    return (_one_of(precedence(match)), route.age, route.ref, at, index)


@functools.lru_cache(maxsize=4096)
def _one_of(value: Precedence) -> Precedence:
    """The same object for equal values: there are few of them among thousands of routes."""
    return value


def route_name(ref: Ref, match: Match) -> str:
    """The name of an Envoy route: what it came from. The access log shows it."""
    return f"{ref.kind}/{ref.namespace}/{ref.name}/{match.where}"


def hosts_of(ref: Ref, resolved: ResolvedRoute) -> Iterator[HostKey]:
    """The virtual hosts that a route is part of."""
    del ref
    if not resolved.route.streams:
        for attachment in resolved.attachments:
            yield from attachment.keys()


def hosts_of_frontend(key: FrontendKey, frontend: Frontend) -> Iterator[HostKey]:
    """The virtual hosts that a port has even without routes: a host belongs to its most specific listener only.

    Without TLS all listeners of a port share one RouteConfiguration. With TLS each has its own, and every host of the
    others is there too, to be answered with 421 (Gateway API, GatewayHTTPSListenerDetectMisdirectedRequests).
    """
    chains = dict.fromkeys(listener.chain if frontend.tls else "" for listener in frontend.http)
    for chain in chains:
        for listener in frontend.listeners:
            yield HostKey(key.proxy, key.port, chain, listener.hostname)


def serves(resolved: ResolvedRoute, listener: Listener, at: FrontendKey) -> bool:
    """Whether the route is attached to the listener: requests of a host reach only the routes of its listener."""
    return any(one.frontend == at and one.is_to(listener) for one in resolved.attachments)


def host_rule(
    frontends: Collection[FrontendKey, Frontend],
    encoded: Collection[tuple[Ref, FrontendKey], EncodedRoute],
    by_host: Index[HostKey, Ref, ResolvedRoute],
) -> Callable[[Reader, HostKey, HostKey], Iterator[tuple[PartKey, Part]]]:
    """The rule from a host to its virtual host."""

    def virtual_host(reader: Reader, key: HostKey, _: HostKey) -> Iterator[tuple[PartKey, Part]]:
        at = frontend_key(key.proxy, key.port)
        frontend = reader.get(frontends, at)
        if frontend is None:
            return
        names = tuple(listener.hostname for listener in frontend.listeners)
        owned_by = owner(key.hostname, names)
        mine = next((one for one in frontend.listeners if one.hostname == owned_by), None)
        if mine is None:
            return
        ranked: list[tuple[Rank, Leaf]] = []
        claimed = key.hostname in names
        if key.chain and mine.chain != key.chain:
            leaves = [_misdirected(key, mine.origin)]
        else:
            for resolved in reader.find(by_host, key):
                if serves(resolved, mine, at):
                    claimed = True
                    found = reader.get(encoded, (resolved.ref, at))
                    ranked.extend(found.leaves if found else ())
            ranked.sort(key=_rank)
            leaves = [leaf for _, leaf in ranked]
            if not claimed:
                # Its routes are those of a less specific listener. An empty virtual host would hide what the listener
                # that does own the host has for it by a wildcard. Where a route of its own listener lost all its rules
                # the host stays closed: its requests were not meant for a wildcard.
                return
        domain = key.hostname or "*"
        head = route_v3.VirtualHost(name=domain, domains=[domain]).SerializeToString()
        yield (
            PartKey(key.proxy, ROUTE, key.route_config, domain),
            part(domain, [Leaf(head, _hostname_of(mine.origin)), *leaves], _VIRTUAL_HOSTS),
        )

    return virtual_host


@functools.lru_cache(maxsize=4096)
def _hostname_of(listener: Origin) -> Origin:
    """The field that a listener's virtual hosts come from, one for all of them."""
    return Origin(listener.ref, f"{listener.where}.hostname")


def _rank(entry: tuple[Rank, Leaf]) -> Rank:
    return entry[0]


def _misdirected(key: HostKey, origin: Origin) -> Leaf:
    proto = answer(f"misdirected/{key.hostname or '*'}", Match(where=""), _MISDIRECTED)
    return Leaf(wire.delimited(_ROUTES, proto.SerializeToString()), origin)


def head_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[PartKey, Part]]:
    """From a port to the heads of its RouteConfigurations."""
    for listener in frontend.http if frontend.tls else frontend.http[:1]:
        name = HostKey(key.proxy, key.port, listener.chain if frontend.tls else "", "").route_config
        proto = route_pb2.RouteConfiguration(name=name, ignore_port_in_host_matching=True)
        head = Leaf(proto.SerializeToString(), listener.origin)
        yield PartKey(key.proxy, ROUTE, name), part("", [head])
