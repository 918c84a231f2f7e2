"""Requests that hit no scope: for wildcard hosts, for the catch-all, and for hosts in capital letters.

Envoy knows no scope for "all the rest", and it decides which HTTP filters a request passes when it first looks for its
route: after a miss nothing that a route switches on is there. So what a miss needs is one chain of filters that is on
until a scope switches it off: the key becomes that of the rest (ip_tagging is the native filter that can overwrite a
header with a constant and then has the route looked for again), and every feature's filter stands there once more,
which does nothing unless the route that was found says so.

Measured: 0.9 µs for a hit and 4 to 5 µs for a miss, of about 30 µs that Envoy takes for a request.
"""

from envoy.config.core.v3 import address_pb2
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.common.matcher.action.v3 import skip_action_pb2
from envoy.extensions.filters.http.ip_tagging.v3 import ip_tagging_pb2
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.type.matcher.v3 import http_inputs_pb2

from daemun.envoy import directory, shards
from daemun.envoy.filter_chain import filter_chain
from daemun.envoy.scopes import MISSES, REST, SCOPE_HEADER, scope_name
from daemun.features import FEATURES
from daemun.ir.listener import FrontendKey

_REST = "daemun.rest"
_CAPITALS = "daemun.capitals"
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


def misses(port: FrontendKey) -> hcm_v3.HttpFilter:
    """What requests that hit no scope pass, after the other filters and before the router."""
    features = [found for feature in FEATURES if (found := feature.http_filter()) is not None]
    return filter_chain(MISSES, [_to_rest(port), _capitals(port), directory.lookup(port), shards.lookup(), *features])


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


def _capitals(port: FrontendKey) -> hcm_v3.HttpFilter:
    """A host in capital letters is the same host, but not the same key."""
    script = lua_pb2.Lua()
    script.default_source_code.inline_string = _LOWER.format(header=SCOPE_HEADER, scope=scope_name(port, ""))
    asked = matching_v3.ExtensionWithMatcher()
    asked.extension_config.name = _CAPITALS
    asked.extension_config.typed_config.Pack(script)
    without = asked.xds_matcher.matcher_list.matchers.add()
    one = without.predicate.single_predicate
    one.input.name = "host"
    one.input.typed_config.Pack(http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=":authority"))
    one.value_match.safe_regex.google_re2.SetInParent()
    one.value_match.safe_regex.regex = "[^A-Z]*"
    without.on_match.action.name = "skip"
    without.on_match.action.typed_config.Pack(skip_action_pb2.SkipFilter())
    found = hcm_v3.HttpFilter(name=_CAPITALS)
    found.typed_config.Pack(asked)
    return found
