"""The directory of a port: where its wildcards and its catch-all are, when there are too many for one scope.

A few of them share the scope of the rest, where Envoy finds the right one itself. Beyond `MANY_HOSTS` each has a scope
of its own, and that of the rest has only one route. Its metadata lists the hosts, and a script of a few lines takes the
most specific one that fits. Only a wildcard more or less changes the directory, not what is said of one.
Each is a leaf of its own, so that no host is listed before its scope is there, or no longer while that stays.
"""

from collections.abc import Callable, Iterator

from envoy.config.route.v3 import route_components_pb2 as route_v3
from google.protobuf import struct_pb2

from daemun.base import wire
from daemun.envoy import shards
from daemun.envoy.routes import ROUTES
from daemun.envoy.scopes import LISTED, REST, SCOPE_HEADER, TAGS, head, is_exact, scope_key, scope_name
from daemun.envoy.scripts import SCRIPTS, run_on
from daemun.flow import Collection, Index, Reader
from daemun.ir.listener import Frontend, FrontendKey, HostKey
from daemun.ir.resource import SCOPE, Leaf, Part, PartKey, part

MANY_HOSTS = 50
"""Up to so many wildcards of a port are in one scope: a change of one then costs Envoy less than a millisecond."""
_PART = "*"
"""As that of the catch-all: Envoy rejects two virtual hosts for all that is left, if only for a moment."""
_TAGS = (*TAGS, ROUTES, wire.tag(4), wire.tag(1), wire.tag(2))
"""The list within its scope: VirtualHost.routes, Route.metadata, Metadata.filter_metadata, the value of that entry."""
_FIELDS, _KEY = wire.tag(1), wire.tag(1)  # Struct.fields, the key of an entry
_TRUE = wire.delimited(wire.tag(2), struct_pb2.Value(bool_value=True).SerializeToString())
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
            hosts = sorted(reader.find_keys(listed, (key.proxy, name.partition("/")[0])))
            first = Leaf(b"", origin, identity=_IDENTITY, blank=True)
            listing = [Leaf(_entry(one.part), origin, identity=one.part.encode(), leads=one.resource) for one in hosts]
            yield PartKey(key.proxy, SCOPE, name, _PART), part(_PART, [first, *listing], _TAGS, beside=_around(key))

    return rest


def is_directory(value: Part) -> bool:
    """Whether this, which stands where the catch-all may, is a directory."""
    return value.leaves[0].identity == _IDENTITY


def _entry(host: str) -> bytes:
    """Struct.fields[host] = true. There may be thousands, so no messages are made of them."""
    return wire.delimited(_FIELDS, wire.delimited(_KEY, host.encode()) + _TRUE)


def _around(port: FrontendKey) -> tuple[bytes, ...]:
    """What stands around the list: within the fields of `_TAGS`."""
    route = route_v3.Route(name="directory", match={"prefix": ""}, direct_response={"status": 404})
    # A host that is listed may be crowded. (A route cannot bring the place where its script would run.)
    script = _SCRIPT.format(header=SCOPE_HEADER, scope=scope_key(port, LISTED))
    run_on(route, script, shards.script(), port=port)
    host = route_v3.VirtualHost(name="directory", domains=["*"])
    return b"", wire.encoded(host), wire.encoded(route), b"", wire.delimited(wire.tag(1), SCRIPTS.encode()), b""
