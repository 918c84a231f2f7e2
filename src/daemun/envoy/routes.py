"""HTTP routes as Envoy's: each match of a rule is a leaf, encoded once and used in every virtual host it belongs to."""

import functools
from collections.abc import Callable, Iterator
from hashlib import blake2b

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.base.names import Ref
from daemun.envoy.actions import build
from daemun.envoy.extensions import families_of, filters_for
from daemun.features import BY_KIND
from daemun.features.tokens import reads
from daemun.flow import Collection, Reader
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.owners import Surface
from daemun.ir.listener import FrontendKey, HostKey
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf
from daemun.ir.route import Match, Precedence, Route, RouteKey, precedence

ROUTES = wire.tag(3)  # VirtualHost.routes
_MATCH = wire.tag(1)  # Route.match
_ERROR = route_v3.Route(direct_response=route_v3.DirectResponseAction(status=500)).SerializeToString()

Rank = tuple[Precedence, tuple[str | int, ...], Ref, int, int]
"""Where a match stands among those of all routes: precedence, age, name, place in the route."""
Standing = tuple[int, Rank]
"""Where a match stands among all of its virtual host: the route with the more specific hostname is first."""
_AS_WRITTEN: Precedence = (0, 0, 0, 0, 0)


class EncodedRoute(msgspec.Struct, frozen=True, gc=False):
    """All matches of a route on one port, encoded and ranked."""

    leaves: tuple[tuple[Rank, Leaf], ...]


def encoded_rule(
    surfaces: Collection[FrontendKey, Surface],
) -> Callable[[Reader, RouteKey, ResolvedRoute], Iterator[tuple[tuple[RouteKey, FrontendKey], EncodedRoute]]]:
    """The rule from a route to its encoded matches, once per port however many hosts it has there."""

    def encode(
        reader: Reader, route: RouteKey, resolved: ResolvedRoute
    ) -> Iterator[tuple[tuple[RouteKey, FrontendKey], EncodedRoute]]:
        if resolved.route.streams:
            return
        for key in dict.fromkeys(attachment.frontend for attachment in resolved.attachments):
            surface = reader.get(surfaces, key)
            if surface is not None:
                leaves = _leaves(resolved, key, surface)
                yield (route, key), EncodedRoute(tuple(leaves))

    return encode


def _leaves(resolved: ResolvedRoute, key: FrontendKey, surface: Surface) -> Iterator[tuple[Rank, Leaf]]:
    route = resolved.route
    for at, rule in enumerate(route.rules):
        author = route.author(rule)
        filters = filters_for(key, families_of(rule))
        telling = any(BY_KIND[use.kind].tells for use in rule.uses)
        for index, match in enumerate(rule.matches):
            name = route_name(author, match)
            protos, needs = build(name, rule, match, surface.port, surface.tls)
            data, forms = _encoded(protos), None
            if telling:
                heard, _ = build(name, rule, match, surface.port, surface.tls, heard=True)
                told = _encoded(heard)
                forms = (data, told) if told != data else None
            # If Envoy rejects the route, its requests are answered with 500; a match that may itself be what Envoy
            # rejects cannot be kept.
            matched = wire.encoded(protos[-1].match)
            body = wire.delimited(_MATCH, matched) + _ERROR
            fallback = b"" if match.has_regex else wire.delimited(ROUTES, body)
            identity = blake2b(matched, digest_size=8).digest()
            leaf = Leaf(
                data,
                Origin(author, match.where),
                needs,
                fallback,
                identity,
                match.beginning,
                filters=filters,
                forms=forms,
                reads=reads(data),
            )
            yield rank(route, match, at, index), leaf


def _encoded(protos: list[route_v3.Route]) -> bytes:
    return b"".join(wire.delimited(ROUTES, wire.encoded(proto)) for proto in protos)


def rank(route: Route, match: Match, at: int, index: int) -> Rank:
    """Where the `index`th match of the `at`th rule stands."""
    first = _AS_WRITTEN if route.ordered else _one_of(precedence(match))
    order = route.rules[at].order
    return (first, (*route.age, *order) if order else route.age, route.ref, at, index)


@functools.lru_cache(maxsize=4096)
def _one_of(value: Precedence) -> Precedence:
    """The same object for equal values: there are few of them among thousands of routes."""
    return value


def route_name(ref: Ref, match: Match) -> str:
    """The name of an Envoy route: what it came from. The access log shows it."""
    return f"{ref.kind}/{ref.namespace}/{ref.name}/{match.where}"


def hosts_of(key: RouteKey, resolved: ResolvedRoute) -> Iterator[HostKey]:
    """The virtual hosts that a route is part of."""
    del key
    if not resolved.route.streams:
        for attachment in resolved.attachments:
            yield from attachment.keys()


def crowding_of(key: RouteKey, resolved: ResolvedRoute) -> Iterator[HostKey]:
    """The virtual hosts that a route makes fuller. One that is ordered stands in one piece with all that it is ordered
    among: its prefixes may be of any path elements.
    """
    if not resolved.route.ordered:
        yield from hosts_of(key, resolved)


def frame(domain: str) -> bytes:
    """A virtual host without its routes."""
    proto: bytes = route_v3.VirtualHost(name=domain, domains=[domain]).SerializeToString()
    return proto


def in_order(found: list[tuple[Standing, Leaf]]) -> list[Leaf]:
    """The leaves of a virtual host as Envoy tries them."""
    return [leaf for _, leaf in sorted(found, key=_standing_of)]


def _standing_of(entry: tuple[Standing, Leaf]) -> Standing:
    return entry[0]
