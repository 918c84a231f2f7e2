"""Routes as their status and problems tell of them: an object by itself, together with all the ways to it."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.route import RouteKey


class Told(msgspec.Struct, frozen=True):
    """Where all of a route is found: `routes` that are attached themselves, and the ways to others by their objects.

    `lost` finds the references to routes that lead to none, `unreached` the matches that no way leads to.
    """

    routes: Collection[RouteKey, ResolvedRoute]
    ways: Index[Ref, RouteKey, ResolvedRoute]
    lost: Callable[[Reader, ResolvedRoute], Iterator[Finding]]
    unreached: Callable[[Reader, list[ResolvedRoute]], Iterator[Finding]]

    def of(self, reader: Reader, route: ResolvedRoute) -> list[ResolvedRoute]:
        """The route, and if others may delegate to it, the ways by which they do."""
        return [route, *reader.find(self.ways, route.ref)] if route.open else [route]

    def only(self, reader: Reader, ref: Ref) -> list[ResolvedRoute]:
        """The ways to a route that is not attached itself; none to one that is, which is told of with itself."""
        return [] if reader.get(self.routes, ref) is not None else reader.find(self.ways, ref)

    def not_resolved(self, reader: Reader, routes: list[ResolvedRoute]) -> tuple[Finding, ...]:
        """The references that lead nowhere."""
        found = [finding for one in routes for finding in one.not_resolved]
        for one in routes:
            if one.delegations:
                found += self.lost(reader, one)
        return tuple(dict.fromkeys(found)) if found else ()


def object_of(key: RouteKey, _: ResolvedRoute) -> Iterator[Ref]:
    """The object behind a way; for an index."""
    yield Ref(*key[:4])
