"""Hosts with many routes: scopes by the elements of their paths.

A change of one among thousands of routes of a host would cost Envoy all of them. So the routes of a crowded host are in
scopes by the first element of their paths; where too many begin with the same, by the next one, and so on: a tree, of
which only crowded nodes have branches. The host's own virtual host has a route for each of these nodes, by which Envoy
finds the lowest that a path is below. A script of a few lines adds the next element of the path to the key: by itself
where the host's own scope was hit, for all others among the scripts of misses. Routes that may match any path below a
node (a regular expression, a prefix that ends there) are in every scope below it, and in one more for all other paths:
those still cost what there is of them.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base import wire
from daemun.base.names import Ref
from daemun.envoy.elements import COLON, elements
from daemun.envoy.frames import opening
from daemun.envoy.routes import ROUTES, EncodedRoute, Rank, Standing, in_order
from daemun.envoy.scopes import TAGS, head, scope_key, scope_name
from daemun.envoy.scripts import run_on, script_filter
from daemun.flow import Collection, Index, Reader, crowded, distinct
from daemun.gatewayapi.hostnames import breadth
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.owners import HostOwner, owner_of
from daemun.ir.listener import FrontendKey, HostKey, Listener, ListenerKey
from daemun.ir.resource import SCOPE, Filter, Leaf, Part, PartKey, part
from daemun.ir.route import Match, RouteKey
from daemun.ir.uses import ListenerUses

MANY_ROUTES = 100
"""Up to so many routes of a host, or below a node, are in one scope: a change of one then costs Envoy a millisecond."""
_LEVELS = 8
"""So many elements of a path can be looked at."""
_ANY = ""
"""The last element of where routes are that may match any path below a node."""
_BY_PATH = "by-path/"
"""What the names of a crowded host's only routes begin with; the scope's name and the node follow."""
_SCRIPT = """
local find, sub = string.find, string.sub -- faster than patterns
local function escaped(text)
  return find(text, ":", 1, true) and string.gsub(text, ":", "{colon}") or text
end
function envoy_on_request(request)
  local name = request:streamInfo():routeName()
  if sub(name, 1, {skipped}) ~= "{by_path}" then return end
  local headers = request:headers()
  local host = find(name, "/", {skipped} + 1, true) + 1
  local node = find(name, "/", host, true) or #name + 1
  local key = sub(name, {skipped} + 1, node - 1) .. escaped(sub(name, node)) .. "/"
  local path = headers:get(":path") or ""
  local first = #name - node + 2
  local element = ""
  if sub(path, first, first) == "/" then
    local after = find(path, "[/?#]", first + 1)
    element = escaped(sub(path, first + 1, after and after - 1))
  end
  if not finds(request, headers, key .. element) then
    lead(request, headers, key)
  end
end
"""
Claim = tuple[HostKey, Ref, str]
"""A host on a listener of its owner."""
_Path = tuple[str, ...]


class ShardKey(NamedTuple):
    """The routes of a host on one listener that match paths beginning with these elements.

    If the last is empty: those that may match any path below the others.
    """

    host: HostKey
    owner: Ref
    listener: str
    path: _Path

    @property
    def claim(self) -> Claim:
        """Of whose routes it is a part."""
        return self.host, self.owner, self.listener


class Shards:
    """Where the routes of crowded hosts are.

    `keys` are all shards, `nodes` those that are crowded themselves and so divided further, `claims` has the routes of
    crowded hosts by host and listener, `nodes_of` the nodes.
    """

    def __init__(self, crowding: Index[HostKey, RouteKey, ResolvedRoute]) -> None:
        crowds = crowded(crowding, MANY_ROUTES, "routes of crowded hosts")
        self.claims = crowds.index(claims_of)
        self._by_depth: list[Index[ShardKey, Any, ResolvedRoute]] = [crowds.index(shards_of)]
        crowded_nodes = []
        for depth in range(1, _LEVELS):
            below = crowded(self._by_depth[-1], MANY_ROUTES, f"routes below {depth} elements of a path")
            crowded_nodes.append(below.index(_node_of))
            self._by_depth.append(below.index(_shards_below))
        self.keys = distinct(*self._by_depth, name="shards")
        self.nodes = distinct(*crowded_nodes, name="crowded nodes")
        self.nodes_of = self.nodes.index(lambda key, _: (key.claim,))

    def routes(self, reader: Reader, key: ShardKey) -> list[ResolvedRoute]:
        """The routes of which a match is in this shard."""
        return reader.find(self._by_depth[len(key.path) - 1], key)


def shards_of(key: tuple[HostKey, RouteKey], resolved: ResolvedRoute) -> Iterator[ShardKey]:
    """The shards below a crowded host that a route is part of."""
    host, _ = key
    for owner, listener in listeners_of(host, resolved):
        yield from _below(ShardKey(host, owner, listener, ()), resolved)


def _shards_below(key: tuple[ShardKey, object], resolved: ResolvedRoute) -> Iterator[ShardKey]:
    """The shards below a crowded node that a route is part of."""
    node, _ = key
    if node.path[-1] != _ANY:
        yield from _below(node, resolved)


def _below(node: ShardKey, resolved: ResolvedRoute) -> Iterator[ShardKey]:
    places = (_place(match, node.path) for rule in resolved.route.rules for match in rule.matches)
    for path in dict.fromkeys(places):
        if path:
            yield node._replace(path=path)


def _node_of(key: tuple[ShardKey, object], resolved: ResolvedRoute) -> Iterator[ShardKey]:
    del resolved
    node, _ = key
    if node.path[-1] != _ANY:
        yield node


def claims_of(key: tuple[HostKey, RouteKey], resolved: ResolvedRoute) -> Iterator[Claim]:
    """The listeners on which a route of a crowded host is attached."""
    host, _ = key
    for owner, listener in listeners_of(host, resolved):
        yield host, owner, listener


def listeners_of(host: HostKey, resolved: ResolvedRoute) -> dict[tuple[Ref, str], None]:
    """The listeners on which a route has the host."""
    on = (one for one in resolved.attachments if one.frontend == host.frontend and host.hostname in one.hosts)
    return dict.fromkeys((one.owner, one.listener) for one in on)


def shard_rule(
    owners: Collection[HostKey, HostOwner],
    encoded: Collection[tuple[RouteKey, FrontendKey], EncodedRoute],
    shards: Shards,
    policies: Collection[ListenerKey, ListenerUses],
    readers: Collection[FrontendKey, bool],
) -> Callable[[Reader, ShardKey, ShardKey], Iterator[tuple[PartKey, Part]]]:
    """The rule from a shard to its scope. Of a crowded node that is the one for what has none below it."""

    def shard(reader: Reader, key: ShardKey, _: ShardKey) -> Iterator[tuple[PartKey, Part]]:
        owner = owner_of(reader, owners, key.host)
        if owner is None or not owner.requests or not _is_of(key, owner.listener):
            return
        path = key.path
        if path[-1] == _ANY and len(path) > 1:
            return  # that of its node
        if reader.get(shards.nodes, key) is not None:
            path = (*path, _ANY)
        found: list[tuple[Standing, Leaf]] = []
        for place in dict.fromkeys((path, *((*path[:depth], _ANY) for depth in range(len(path))))):
            for resolved in shards.routes(reader, key._replace(path=place)):
                broader = breadth(resolved.route.hostnames, key.host.hostname)
                of_route = reader.get(encoded, (resolved.key, key.host.frontend))
                every = of_route.leaves if of_route else ()
                beside = _beside(every) if path[-1] == _ANY and len(every) > 1 else None
                for rank, leaf in every:
                    if _place(resolved.route.rules[rank[3]].matches[rank[4]], place[:-1]) == place:
                        found.append(((broader, rank), beside(leaf) if beside else leaf))
        port, origin = key.host.frontend, owner.origin
        scope_of = f"{scope_key(port, key.host.hostname)}{_prefix(path).replace(':', COLON)}"
        name = scope_name(scope_of)
        scope = head(scope_of, marked=owner.tls, hit=False)
        yield PartKey(port.proxy, SCOPE, name), part("", [Leaf(wire.encoded(scope), origin, blank=True)])
        domain = key.host.hostname or "*"
        uses = reader.get(policies, owner.listener.key)
        read = reader.get(readers, port) is not None
        leaves = [*opening(domain, origin, port, uses, read=read), *in_order(found)]
        yield PartKey(port.proxy, SCOPE, name, domain), part(domain, leaves, TAGS)

    return shard


def _beside(every: tuple[tuple[Rank, Leaf], ...]) -> Callable[[Leaf], Leaf]:
    """Adds to a leaf what others of its object need that are for fewer paths. They may be in other shards and come
    later, and their requests are found where this one is until then.

    Very many may have the same path: what they wait for is found once.
    """
    needs: dict[tuple[Ref, str], dict[str | Filter, None]] = {}
    for _, leaf in every:
        needs.setdefault((leaf.origin.ref, leaf.below), {}).update(dict.fromkeys((*leaf.needs, *leaf.filters)))

    @functools.cache
    def found(ref: Ref, below: str) -> tuple[str | Filter, ...]:
        of_object = ((path, needed) for (one, path), needed in needs.items() if one == ref and path != below)
        deeper = (needed for path, needed in of_object if below and path.startswith(below))
        return tuple(dict.fromkeys(one for needed in deeper for one in needed))

    def beside(leaf: Leaf) -> Leaf:
        needed = found(leaf.origin.ref, leaf.below)
        return msgspec.structs.replace(leaf, beside=needed) if needed else leaf

    return beside


def by_path(reader: Reader, shards: Shards, claim: Claim, *, shared: bool) -> Iterator[bytes]:
    """The only routes of a crowded host: of each crowded node, the lower ones first; and what they all run.

    In a scope that is `shared` with others of the port, they are found also by hosts in capital letters that have one.
    """
    host = claim[0]
    every = route_v3.VirtualHost()
    run_on(every, script(), port=host.frontend if shared else None)
    yield wire.encoded(every)
    nodes = [key.path for key in reader.find_keys(shards.nodes_of, claim)]
    for path in (*sorted(nodes, key=lambda path: (-len(path), path)), ()):
        prefix = _prefix(path)
        name = f"{_BY_PATH}{scope_key(host.frontend, host.hostname)}{prefix}"
        match = route_v3.RouteMatch(path_separated_prefix=prefix) if path else route_v3.RouteMatch(prefix="")
        route = route_v3.Route(name=name, match=match, direct_response={"status": 404})
        yield wire.delimited(ROUTES, wire.encoded(route))


def by_path_filter(name: str) -> hcm_v3.HttpFilter:
    """Looks by path at once, where the scope of a crowded host was hit at the first look."""
    return script_filter(name, script())


def script() -> str:
    """Looks by path, if the route that was found is a crowded host's."""
    return _SCRIPT.format(by_path=_BY_PATH, skipped=len(_BY_PATH), colon=COLON)


def _is_of(key: ShardKey, listener: Listener) -> bool:
    return (key.owner, key.listener) == (listener.origin.ref, listener.name)


def _prefix(path: _Path) -> str:
    """The elements as a path."""
    return "".join(f"/{element}" for element in path)


def _place(match: Match, node: _Path) -> _Path | None:
    """Where a match is below a node; None if no request that fits it is there."""
    found = elements(match)
    if found[: len(node)] != node:
        return None
    return (*node, found[len(node)] if len(found) > len(node) else _ANY)
