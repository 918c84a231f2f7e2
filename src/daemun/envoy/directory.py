"""The directory of a port: where its wildcards and its catch-all are, when there are too many for one scope.

A few of them share the scope of the rest, where Envoy finds the right one itself. Beyond `MANY_HOSTS` each has a scope
of its own, and that of the rest has only one route, with a script of a few lines that takes the most specific one that
fits. The list is in the script, which reads it once and not for each request: metadata of the route would be copied for
each that looks at it. Only a wildcard more or less changes the directory, not what is said of one. Each is a leaf of
its own, so that no host is listed before its scope is there, or no longer while that stays.
"""

import functools
import re
from collections.abc import Callable, Iterator

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.base import wire
from daemun.envoy import shards
from daemun.envoy.routes import ROUTES
from daemun.envoy.scopes import LISTED, REST, TAGS, head, is_exact, scope_key, scope_name
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
_VISIBLE, _UNUSUAL = re.compile("[!-~]+"), re.compile("[^a-z0-9.*-]")
_TAGS = (*TAGS, ROUTES, *SCRIPT)
"""Where the list stands in its scope: in the script of the only route of a virtual host."""
_SCRIPT = """
local find, sub, lowered = string.find, string.sub, string.lower
local listed = {{}} -- keys of scopes, by what hosts end with
for host in string.gmatch("\\
{listed}", "%S+") do
  listed[sub(host, 2)] = "{port}{begin}" .. host
end
function envoy_on_request(request)
  local headers = request:headers()
  local authority = headers:get(":authority")
  local host = lowered(authority)
  -- It may be an exact host's, whose port does not count.
  if host ~= authority and finds(request, headers, "{port}" .. host) then return end
  if find(host, ":", 1, true) then
    host = string.match(host, "^(.*):[^%]:]*$") or host -- as Envoy finds the port
  end
  local key
  local at = find(host, ".", 2, true) -- a wildcard is for at least one character
  while at and not key do
    key = listed[sub(host, at)]
    at = find(host, ".", at + 1, true)
  end
  -- Without a catch-all its scope is not there: the request has no route.
  lead(request, headers, key or "{port}{begin}")
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
            listing = [Leaf(_line(one.part), origin, identity=one.part.encode(), leads=one.resource) for one in hosts]
            made = part(_PART, [first, *listing], _TAGS, around=_around(scope_key(key, "")))
            yield PartKey(key.proxy, SCOPE, name, _PART), made

    return rest


def is_directory(value: Part) -> bool:
    """Whether this, which stands where the catch-all may, is a directory."""
    return value.leaves[0].identity == _IDENTITY


def _line(host: str) -> bytes:
    """A host in the list, which stands within quotes: what may mean anything there is written as a number."""
    if not _VISIBLE.fullmatch(host):
        return b""  # no request can be for it
    return _UNUSUAL.sub(lambda found: f"\\{ord(found[0]):03}", host).encode() + b"\\\n"


@functools.lru_cache(maxsize=4096)
def _around(port: str) -> wire.Around:
    """What stands around the list of the port with this beginning of keys: within the fields of `_TAGS`."""
    script = _SCRIPT.format(port=port, begin=LISTED, listed=_LIST)
    route = route_v3.Route(name="directory", match={"prefix": ""}, direct_response={"status": 404})
    run_on(route, script, shards.script())  # a host that is listed may be crowded
    host = route_v3.VirtualHost(name="directory", domains=["*"], routes=[route])
    nothing = (b"", b"")
    return *(nothing for _ in TAGS[1:]), *wire.surroundings(wire.encoded(host), _TAGS[len(TAGS) :], _LIST.encode())
