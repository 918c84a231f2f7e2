"""The directory of a port: where its wildcards and its catch-all are, when there are too many for one scope.

A few of them share the scope of the rest, where Envoy finds the right one itself. Beyond `MANY_HOSTS` each has a scope
of its own, and that of the rest has only one route, with a script of a few lines that takes the most specific one that
fits. The list is in the script, which reads it once and not for each request: metadata of the route would be copied for
each that looks at it. Only a wildcard more or less changes the directory, not what is said of one. Each is a leaf of
its own, so that no host is listed before its scope is there, or no longer while that stays.
"""

from collections.abc import Callable, Iterator

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.envoy import shards
from daemun.envoy.routes import ROUTES
from daemun.envoy.scopes import LISTED, REST, SCOPE_HEADER, TAGS, head, is_exact, scope_key, scope_name
from daemun.envoy.scripts import SCRIPT, run_on
from daemun.flow import Collection, Index, Reader
from daemun.ir.listener import Frontend, FrontendKey, HostKey
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part

MANY_HOSTS = 50
"""Up to so many wildcards of a port are in one scope: a change of one then costs Envoy less than a millisecond."""
_PART = "*"
"""As that of the catch-all: Envoy rejects two virtual hosts for all that is left, if only for a moment."""
_IDENTITY = b"directory"
_LIST = "<the list>"
_TAGS = (*TAGS, ROUTES, *SCRIPT)
"""Where the list stands in its scope: in the script of the only route of a virtual host."""
_SCRIPT = """
local listed = {{}}
for host in string.gmatch([[
{listed}]], "%S+") do
  listed[host] = true
end
function envoy_on_request(request)
  local headers = request:headers()
  local authority = headers:get(":authority")
  local lower = string.lower(authority)
  if lower ~= authority then -- it may be an exact host's, whose port does not count
    headers:replace("{header}", "{port}" .. lower)
    request:clearRouteCache()
    request:metadata() -- looks for the route
    if request:streamInfo():routeName() ~= "" then return end
  end
  local host = string.match(lower, "^(.*):[^%]:]*$") or lower -- as Envoy finds the port
  local found = host ~= "*" and listed[host] and host -- that is how the catch-all is listed
  local at = string.find(host, ".", 2, true) -- a wildcard is for at least one character
  while at and not found do
    local wildcard = "*" .. string.sub(host, at)
    found = listed[wildcard] and wildcard
    at = string.find(host, ".", at + 1, true)
  end
  -- Without a catch-all its scope is not there: the request has no route.
  headers:replace("{header}", "{port}{begin}" .. (found or ""))
  request:clearRouteCache()
end
"""


def spread_rule(
    rest: Index[FrontendKey, HostKey, HostKey],
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[FrontendKey, bool]]]:
    """The rule for the ports with so many wildcards that each has a scope of its own."""

    def spread(reader: Reader, key: FrontendKey, _: Frontend) -> Iterator[tuple[FrontendKey, bool]]:
        if reader.count(rest, key) > MANY_HOSTS:
            yield key, True

    return spread


def rest_of(key: HostKey, _: HostKey) -> Iterator[FrontendKey]:
    """The port whose rest a host is part of."""
    if not is_exact(key.hostname):
        yield key.frontend


def listed_of(key: PartKey, _: Part) -> Iterator[PartKey]:
    """The virtual hosts that only the directory leads to."""
    if key.part and key.resource.partition("/")[2].startswith(LISTED):
        yield key


def port_of(key: PartKey, _: PartKey) -> Iterator[tuple[str, str]]:
    """The proxy and port of a virtual host, as names of scopes begin."""
    yield key.proxy, key.resource.partition("/")[0]


def rest_rule(
    spreads: Collection[FrontendKey, bool], listed: Index[tuple[str, str], PartKey, PartKey]
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[PartKey, Part]]]:
    """The rule from a port to the scope of the rest, if requests come in there; with the directory, if there is one."""

    def rest(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[PartKey, Part]]:
        if not frontend.http:
            return
        origin = frontend.http[0].origin
        name = scope_name(scope_key(key, REST))
        scope = head(scope_key(key, REST), marked=frontend.tls, hit=False)
        yield PartKey(key.proxy, SCOPE, name), part("", [Leaf(wire.encoded(scope), origin)])
        if reader.get(spreads, key):
            hosts = sorted(reader.find_keys(listed, (key.proxy, name.partition("/")[0])))
            first = Leaf(b"", origin, identity=_IDENTITY, blank=True)
            listing = [
                Leaf(f"{one.part}\n".encode(), origin, identity=one.part.encode(), leads=one.resource) for one in hosts
            ]
            yield PartKey(key.proxy, SCOPE, name, _PART), part(_PART, [first, *listing], _TAGS, around=_around(key))

    return rest


def is_directory(value: Part) -> bool:
    """Whether this, which stands where the catch-all may, is a directory."""
    return value.leaves[0].identity == _IDENTITY


def _around(port: FrontendKey) -> wire.Around:
    """What stands around the list: within the fields of `_TAGS`."""
    script = _SCRIPT.format(header=SCOPE_HEADER, port=scope_key(port, ""), begin=LISTED, listed=_LIST)
    route = route_v3.Route(name="directory", match={"prefix": ""}, direct_response={"status": 404})
    run_on(route, script, shards.script())  # a host that is listed may be crowded
    host = route_v3.VirtualHost(name="directory", domains=["*"], routes=[route])
    nothing = (b"", b"")
    return *(nothing for _ in TAGS[1:]), *wire.surroundings(wire.encoded(host), _TAGS[len(TAGS) :], _LIST.encode())
