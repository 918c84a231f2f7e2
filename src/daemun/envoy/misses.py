"""Requests that hit no scope: for wildcard hosts, for the catch-all, and for hosts in capital letters.

Envoy knows no scope for "all the rest", and it decides which HTTP filters a request passes when it first looks for its
route: after a miss nothing that a route switches on is there. So what a miss needs is one chain of filters that is on
until a scope switches it off: the key becomes that of the rest (ip_tagging is the native filter that can overwrite a
header with a constant and then has the route looked for again), and every feature's filter stands there once more,
which does nothing unless the route that was found says so. (Filters that run on every request have done their work.)
"""

from collections.abc import Iterable

from envoy.config.core.v3 import address_pb2
from envoy.extensions.filters.http.ip_tagging.v3 import ip_tagging_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.envoy import directory, shards
from daemun.envoy.filter_chain import filter_chain
from daemun.envoy.scopes import MISSES, REST, SCOPE_HEADER, scope_name
from daemun.envoy.scripts import script_filter
from daemun.ir.listener import FrontendKey

_REST = "daemun.rest"
_CAPITALS = ".*[A-Z].*"
_LOWER = """
function envoy_on_request(request)
  local headers = request:headers()
  local rest = headers:get("{header}")
  local host = string.match(headers:get(":authority"), "^[^:]*")
  headers:replace("{header}", "{scope}" .. string.lower(host))
  request:clearRouteCache()
  request:metadata() -- looks for the route
  if request:streamInfo():routeName() == "" then
    headers:replace("{header}", rest)
    request:clearRouteCache()
  end
end
"""


def misses(port: FrontendKey, features: Iterable[hcm_v3.HttpFilter]) -> hcm_v3.HttpFilter:
    """What requests that hit no scope pass, after the other filters and before the router."""
    # A host in capital letters is the same host, but not the same key.
    lower = _LOWER.format(header=SCOPE_HEADER, scope=scope_name(port, ""))
    scripts = script_filter(_CAPITALS, lower, directory.script(port), shards.script())
    return filter_chain(MISSES, [_to_rest(port), scripts, *features])


def _to_rest(port: FrontendKey) -> hcm_v3.HttpFilter:
    tagging = ip_tagging_pb2.IPTagging(request_type=ip_tagging_pb2.IPTagging.BOTH)
    everyone = tagging.ip_tags.add(ip_tag_name=scope_name(port, REST))
    for prefix in ("0.0.0.0", "::"):  # noqa: S104 - every client, not an address to bind
        everyone.ip_list.append(address_pb2.CidrRange(address_prefix=prefix, prefix_len={"value": 0}))
    tagging.ip_tag_header.header = SCOPE_HEADER
    tagging.ip_tag_header.action = ip_tagging_pb2.IPTagging.IpTagHeader.SANITIZE
    found = hcm_v3.HttpFilter(name=_REST)
    found.typed_config.Pack(tagging)
    return found
