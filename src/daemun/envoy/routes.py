"""HTTP routes: virtual hosts made of cached matches, in the scopes of their ports (`scopes`).

A virtual host is a part of its scope, and each match of a rule is a leaf of it, so one changed route touches one part;
the bytes of the others are sent again as they are.
"""

import functools
from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.base.names import Ref
from daemun.envoy.actions import build
from daemun.envoy.misdirected import guard
from daemun.envoy.scopes import REST, TAGS, head, is_exact, place
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.owners import HostOwner, Surface, owner_of
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import Frontend, FrontendKey, HostKey
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf, Part, PartKey, part
from daemun.ir.route import Match, Precedence, Route, precedence

_ROUTES = wire.tag(3)  # VirtualHost.routes
_MATCH = wire.tag(1)  # Route.match
_NOTHING = wire.delimited(
    _ROUTES,
    route_v3.Route(
        name="no-route", match={"prefix": ""}, direct_response=route_v3.DirectResponseAction(status=404)
    ).SerializeToString(),
)
"""What ends a scope. A request without a route would count as one without a scope, and be sent on to a wildcard."""
_ERROR = route_v3.Route(direct_response=route_v3.DirectResponseAction(status=500)).SerializeToString()

Rank = tuple[Precedence, tuple[str, str, str], Ref, int, int]
"""Where a match stands among all matches of its virtual host: precedence, age, name, place in the route."""


class EncodedRoute(msgspec.Struct, frozen=True, gc=False):
    """All matches of a route on one port, encoded and ranked."""

    leaves: tuple[tuple[Rank, Leaf], ...]


def encoded_rule(
    surfaces: Collection[FrontendKey, Surface],
) -> Callable[[Reader, Ref, ResolvedRoute], Iterator[tuple[tuple[Ref, FrontendKey], EncodedRoute]]]:
    """The rule from a route to its encoded matches, once per port however many hosts it has there."""

    def encode(
        reader: Reader, ref: Ref, resolved: ResolvedRoute
    ) -> Iterator[tuple[tuple[Ref, FrontendKey], EncodedRoute]]:
        if resolved.route.streams:
            return
        for key in dict.fromkeys(attachment.frontend for attachment in resolved.attachments):
            surface = reader.get(surfaces, key)
            if surface is not None:
                leaves = _leaves(resolved, surface.port, surface.tls)
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


def host_rule(
    owners: Collection[HostKey, HostOwner],
    encoded: Collection[tuple[Ref, FrontendKey], EncodedRoute],
    by_host: Index[HostKey, Ref, ResolvedRoute],
) -> Callable[[Reader, HostKey, HostKey], Iterator[tuple[PartKey, Part]]]:
    """The rule from a host to its virtual host. Every listener's hostname has one, be it without routes."""

    def virtual_host(reader: Reader, key: HostKey, _: HostKey) -> Iterator[tuple[PartKey, Part]]:
        at = key.frontend
        owner = owner_of(reader, owners, key)
        if owner is None or not owner.requests:
            return
        mine = owner.listener
        ranked: list[tuple[Rank, Leaf]] = []
        claimed = key.hostname == mine.hostname
        for resolved in reader.find(by_host, key):
            if resolved.is_on(mine, at):
                claimed = True
                found = reader.get(encoded, (resolved.ref, at))
                ranked.extend(found.leaves if found else ())
        if not claimed:
            # Its routes are those of a less specific listener. An empty virtual host would hide what the listener
            # that does own the host has for it by a wildcard. Where a route of its own listener lost all its rules
            # the host stays closed: its requests were not meant for a wildcard.
            return
        ranked.sort(key=_rank)
        spot = place(key)
        domain, origin = spot.part, _hostname_of(mine.origin)
        frame = route_v3.VirtualHost(name=domain, domains=[domain]).SerializeToString()
        leaves = [Leaf(frame, origin)]
        if owner.shared:
            leaves.append(Leaf(wire.delimited(_ROUTES, guard(mine).SerializeToString()), mine.origin))
        leaves += [leaf for _, leaf in ranked]
        if is_exact(key.hostname):
            leaves.append(Leaf(_NOTHING, origin))
            scope = head(at, key.hostname, marked=owner.tls)
            yield spot._replace(part=""), part("", [Leaf(scope.SerializeToString(), origin)])
        yield spot, part(domain, leaves, TAGS)

    return virtual_host


@functools.lru_cache(maxsize=4096)
def _hostname_of(listener: Origin) -> Origin:
    """The field that a listener's virtual hosts come from, one for all of them."""
    return Origin(listener.ref, f"{listener.where}.hostname")


def _rank(entry: tuple[Rank, Leaf]) -> Rank:
    return entry[0]


def rest_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[PartKey, Part]]:
    """From a port to the scope of all hosts that have none of their own, if requests come in there."""
    if frontend.http:
        scope = head(key, REST, marked=frontend.tls)
        found = place(HostKey(key, ""))._replace(part="")
        yield found, part("", [Leaf(scope.SerializeToString(), frontend.http[0].origin)])
