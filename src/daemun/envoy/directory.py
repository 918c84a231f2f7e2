"""The directory of a port: where its wildcards and its catch-all are, when there are too many for one scope.

A few of them share the scope of the rest, where Envoy finds the right one itself. Beyond `MANY_HOSTS` each has a scope
of its own, and that of the rest has only one route. Its metadata lists the hosts, and a script of a few lines takes the
most specific one that fits. Only a wildcard more or less changes the directory, not what is said of one.
"""

from collections.abc import Callable, Iterator

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.envoy import shards
from daemun.envoy.scopes import LISTED, REST, SCOPE_HEADER, TAGS, head, is_exact, scope_key, scope_name
from daemun.envoy.scripts import SCRIPTS, run_on
from daemun.flow import Collection, Index, Reader
from daemun.ir.listener import Frontend, FrontendKey, HostKey
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part

MANY_HOSTS = 50
"""Up to so many wildcards of a port are in one scope: a change of one then costs Envoy less than a millisecond."""
_PART = "*"
"""As that of the catch-all: Envoy rejects two virtual hosts for all that is left, if only for a moment."""
_IDENTITY = b"directory"
_SCRIPT = """
function envoy_on_request(request)
  local listed = request:metadata()
  local authority = string.lower(request:headers():get(":authority"))
  local host = string.match(authority, "^(.*):[^%]:]*$") or authority -- as Envoy finds the port
  local found = host ~= "*" and listed:get(host) and host -- that is how the catch-all is listed
  local at = string.find(host, ".", 2, true) -- a wildcard is for at least one character
  while at and not found do
    local wildcard = "*" .. string.sub(host, at)
    found = listed:get(wildcard) and wildcard
    at = string.find(host, ".", at + 1, true)
  end
  if found or listed:get("*") then
    request:headers():replace("{header}", "{scope}" .. (found or ""))
    request:clearRouteCache()
  end
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
            hosts = [one.part for one in reader.find_keys(listed, (key.proxy, name.partition("/")[0]))]
            only = Leaf(_directory(key, hosts), origin, identity=_IDENTITY)
            yield PartKey(key.proxy, SCOPE, name, _PART), part(_PART, [only], TAGS)

    return rest


def is_directory(value: Part) -> bool:
    """Whether this, which stands where the catch-all may, is a directory."""
    return value.leaves[0].identity == _IDENTITY


def _directory(port: FrontendKey, hosts: list[str]) -> bytes:
    route = route_v3.Route(name="directory", match={"prefix": ""}, direct_response={"status": 404})
    names = route.metadata.filter_metadata[SCRIPTS]
    for host in hosts:
        names.fields[host].bool_value = True
    # A host that is listed may be crowded. (A route cannot bring the place where its script would run.)
    script = _SCRIPT.format(header=SCOPE_HEADER, scope=scope_key(port, LISTED))
    run_on(route, script, shards.script(), port=port)
    return wire.encoded(route_v3.VirtualHost(name="directory", domains=["*"], routes=[route]))
