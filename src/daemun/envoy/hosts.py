"""Virtual hosts, in the scopes of their ports (`scopes`).

A virtual host is a part of its scope, and each match of a rule is a leaf of it, so one changed route touches one part;
the bytes of the others are sent again as they are.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.envoy import shards
from daemun.envoy.frames import opening, switch
from daemun.envoy.misdirected import guard
from daemun.envoy.routes import ROUTES, EncodedRoute, Standing, in_order
from daemun.envoy.scopes import REST, TAGS, head, hidden, is_exact, key_of, place, scope_key
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.hostnames import breadth
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.owners import HostOwner, owner_of
from daemun.ir.listener import FrontendKey, HostKey, Listener, ListenerKey
from daemun.ir.resource import Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey
from daemun.ir.uses import ListenerUses

_NOTHING = wire.delimited(
    ROUTES,
    route_v3.Route(
        name="no-route", match={"prefix": ""}, direct_response=route_v3.DirectResponseAction(status=404)
    ).SerializeToString(),
)
"""What ends a scope. A request without a route would count as one without a scope, and be sent on to a wildcard."""


_END = b"no-route"
"""By this it is known, whoever's the host is: what stays of another's routes for a moment comes before it, too."""


class Inputs(NamedTuple):
    """What virtual hosts are made of. `sharded` has the routes of crowded hosts.

    `policies` has what policies put on the virtual hosts of a listener, `readers` the ports that read what tokens say,
    `wholes` those with filters for all requests.
    """

    owners: Collection[HostKey, HostOwner]
    encoded: Collection[tuple[RouteKey, FrontendKey], EncodedRoute]
    by_host: Index[HostKey, RouteKey, ResolvedRoute]
    crowding: Index[HostKey, RouteKey, ResolvedRoute]
    sharded: shards.Shards
    spreads: Collection[FrontendKey, bool]
    policies: Collection[ListenerKey, ListenerUses]
    readers: Collection[FrontendKey, bool]
    wholes: Collection[FrontendKey, bool]


def host_rule(of: Inputs) -> Callable[[Reader, HostKey, HostKey], Iterator[tuple[PartKey, Part]]]:
    """The rule from a host to its virtual host. Every listener's hostname has one, be it without routes."""

    def virtual_host(reader: Reader, key: HostKey, _: HostKey) -> Iterator[tuple[PartKey, Part]]:
        owner = owner_of(reader, of.owners, key)
        if owner is None or not owner.requests:
            return
        mine = owner.listener
        crowd = reader.count(of.crowding, key)
        claim = (key, mine.origin.ref, mine.name)
        many = crowd > shards.MANY_ROUTES
        crowded = many and reader.count(of.sharded.claims, claim) > 0
        hit = is_exact(key.hostname)
        spread = not hit and reader.get(of.spreads, key.frontend) is not None
        scope_of = key_of(key, spread=spread)
        shared = scope_of == scope_key(key.frontend, REST)
        routes: list[Leaf] | None = None
        if crowded:
            routes = [Leaf(data, owner.origin) for data in shards.by_path(reader, of.sharded, claim, shared=shared)]
        elif not many or reader.count(of.by_host, key) > crowd:  # else all are of other listeners
            routes = _routes(reader, of, key, mine)
        if routes is None and key.hostname != mine.hostname:
            # Its routes are those of a less specific listener. An empty virtual host would hide what the listener
            # that does own the host has for it by a wildcard. Where a route of its own listener lost all its rules
            # the host stays closed: its requests were not meant for a wildcard.
            return
        spot = place(key, spread=spread)
        origin = owner.origin
        # What leads to shards does nothing else: they have what policies say.
        uses = None if crowded else reader.get(of.policies, mine.key)
        read = reader.get(of.readers, key.frontend) is not None
        leaves = list(opening(spot.part, origin, key.frontend, uses, read=read))
        if hit and not crowded:
            whole = reader.get(of.wholes, key.frontend) is not None
            leaves.insert(1, switch(origin, key.frontend, whole=whole))
        if owner.handshakes:
            closed = wire.encoded(guard(owner.handshakes))
            # It answers nothing that is for this host, so alone it would only hide what does.
            leaves.append(Leaf(wire.delimited(ROUTES, closed), mine.origin, blank=True))
        leaves += routes or ()
        if hit and not crowded:
            leaves.append(Leaf(_NOTHING, origin, identity=_END, blank=True))
        if not shared:
            scope = head(scope_of, marked=owner.tls, hit=hit, crowded=crowded)
            yield spot._replace(part=""), part("", [Leaf(wire.encoded(scope), origin, blank=True)])
        yield spot, part(spot.part, leaves, TAGS, hides=hidden(key))

    return virtual_host


def _routes(reader: Reader, of: Inputs, key: HostKey, mine: Listener) -> list[Leaf] | None:
    """The host's routes on this listener, in order; None if none is attached there."""
    found: list[tuple[Standing, Leaf]] = []
    claimed = False
    for resolved in reader.find(of.by_host, key):
        if resolved.is_on(mine, key.frontend):
            claimed = True
            broader = breadth(resolved.route.hostnames, key.hostname)
            encoded = reader.get(of.encoded, (resolved.key, key.frontend))
            found.extend(((broader, rank), leaf) for rank, leaf in (encoded.leaves if encoded else ()))
    return in_order(found) if claimed else None
