"""Hosts with many routes: one scope per first path element.

A change of one among thousands of routes of a host would cost Envoy all of them. So the routes of a crowded host are in
scopes by the first element of their paths, and its virtual host has just one route, on which a script of a few lines
adds that element of the request's path to the key: by itself where the host's own scope was hit, for all others among
the scripts of misses. Routes that may match any path (a regular expression, the prefix
`/`) are in every scope of the host, and in one more for all other paths: those still cost what there is of them.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.base import wire
from daemun.base.names import Ref
from daemun.envoy.frames import opening
from daemun.envoy.routes import ROUTES, EncodedRoute, Rank, rank_of
from daemun.envoy.scopes import BY_PATH, SCOPE_HEADER, TAGS, head, is_exact, scope_name
from daemun.envoy.scripts import run_on, script_alone
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.owners import HostOwner, owner_of
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.ir.listener import FrontendKey, HostKey, Listener, ListenerKey
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part
from daemun.ir.route import Match, RouteKey
from daemun.ir.uses import ListenerUses

MANY_ROUTES = 100
"""Up to so many routes of a host are in one scope: a change of one then costs Envoy one or two milliseconds."""
_ANY = ""
"""Where routes are that may match any path."""
_BY_PATH = "by-path/"
"""What the name of a crowded host's only route begins with; the scope's name follows."""
_SCRIPT = """
function envoy_on_request(request)
  local headers = request:headers()
  local scope = string.match(request:streamInfo():routeName(), "^{by_path}(.*)$")
  if scope == nil then return end
  local element = string.match(headers:get(":path") or "", "^/([^/?#]*)") or ""
  headers:replace("{header}", scope .. "/" .. (string.gsub(element, ":", "%%3A")))
  request:clearRouteCache()
  request:metadata() -- looks for the route
  if request:streamInfo():routeName() == "" then
    headers:replace("{header}", scope .. "/")
    request:clearRouteCache()
  end
end
"""


class ShardKey(NamedTuple):
    """The routes of a host on one listener that match paths with this first element; or any path, if it is empty."""

    host: HostKey
    owner: Ref
    listener: str
    element: str


def shards_of(key: tuple[HostKey, RouteKey], resolved: ResolvedRoute) -> Iterator[ShardKey]:
    """The shards that a route of a crowded host is part of."""
    host, _ = key
    elements = dict.fromkeys(_element(match) for rule in resolved.route.rules for match in rule.matches)
    for owner, listener in listeners_of(host, resolved):
        for element in elements:
            yield ShardKey(host, owner, listener, element)


def claims_of(key: tuple[HostKey, RouteKey], resolved: ResolvedRoute) -> Iterator[tuple[HostKey, Ref, str]]:
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
    by_shard: Index[ShardKey, tuple[HostKey, RouteKey], ResolvedRoute],
    policies: Collection[ListenerKey, ListenerUses],
) -> Callable[[Reader, ShardKey, ShardKey], Iterator[tuple[PartKey, Part]]]:
    """The rule from a shard to its scope."""

    def shard(reader: Reader, key: ShardKey, _: ShardKey) -> Iterator[tuple[PartKey, Part]]:
        owner = owner_of(reader, owners, key.host)
        if owner is None or not owner.requests or not _is_of(key, owner.listener):
            return
        ranked: list[tuple[Rank, Leaf]] = []
        for element in dict.fromkeys((key.element, _ANY)):
            for resolved in reader.find(by_shard, key._replace(element=element)):
                found = reader.get(encoded, (resolved.key, key.host.frontend))
                for rank, leaf in found.leaves if found else ():
                    if _element(resolved.route.rules[rank[3]].matches[rank[4]]) == element:
                        ranked.append((rank, leaf))
        ranked.sort(key=rank_of)
        port, origin = key.host.frontend, owner.origin
        name = f"{scope_name(port, key.host.hostname)}/{key.element.replace(':', '%3A')}"
        scope = head(name, marked=owner.tls, hit=False)
        yield PartKey(port.proxy, SCOPE, name), part("", [Leaf(wire.encoded(scope), origin)])
        domain = key.host.hostname or "*"
        uses = reader.get(policies, owner.listener.key)
        leaves = [*opening(domain, origin, uses), *(leaf for _, leaf in ranked)]
        yield PartKey(port.proxy, SCOPE, name, domain), part(domain, leaves, TAGS)

    return shard


def by_path(key: HostKey) -> bytes:
    """The only route of a crowded host."""
    name = f"{_BY_PATH}{scope_name(key.frontend, key.hostname)}"
    route = route_v3.Route(name=name, match={"prefix": ""}, direct_response={"status": 404})
    run_on(route, script(), port=None if is_exact(key.hostname) else key.frontend)
    return wire.delimited(ROUTES, wire.encoded(route))


def by_path_filter() -> hcm_v3.HttpFilter:
    """Looks by path at once, where the scope of a crowded host was hit at the first look."""
    return script_alone(BY_PATH, script())


def script() -> str:
    """Looks by path, if the route that was found is a crowded host's."""
    return _SCRIPT.format(header=SCOPE_HEADER, by_path=_BY_PATH.replace("-", "%-"))


def _is_of(key: ShardKey, listener: Listener) -> bool:
    return (key.owner, key.listener) == (listener.origin.ref, listener.name)


def _element(match: Match) -> str:
    """The first path element of all requests that match; empty if they may have any."""
    if match.path_type not in {"Exact", "Prefix", "Start"} or match.any_case:
        return _ANY
    element, slash, _ = match.path[1:].partition("/")
    return _ANY if match.path_type == "Start" and not slash else element
