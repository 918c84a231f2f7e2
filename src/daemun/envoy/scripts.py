"""A few lines of Lua where Envoy has no filter. No user's text is in them, but for hosts in a list (`directory`); none
runs in the control plane.

An idle Lua filter costs a request more than a microsecond. So one composite filter stands for all of them, and makes
them when the route that was found, or the host, asks for it. What a route asks for stands in the place of what the host
asks for, so it says both.
"""

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.type.matcher.v3 import http_inputs_pb2
from google.protobuf.message import Message
from xds.type.matcher.v3 import matcher_pb2

from daemun.base import wire
from daemun.envoy.scopes import REST, SCOPE_HEADER, scope_key
from daemun.features.composite import always, composite
from daemun.ir.listener import FrontendKey

SCRIPTS = "daemun.scripts"
"""The filter."""
SCRIPT = tuple(map(wire.tag, (13, 2, 2, 1, 3, 2, 2, 2, 4, 1, 2, 2, 3, 3)))
"""Where the first one stands in a route that runs them: in Route.typed_per_filter_config, the value of that entry,
Any.value, ExtensionWithMatcherPerRoute.xds_matcher, Matcher.on_no_match, OnMatch.action,
TypedExtensionConfig.typed_config, Any.value, ExecuteFilterAction.filter_chain, FilterChainConfiguration.typed_config,
TypedExtensionConfig.typed_config, Any.value, Lua.default_source_code, DataSource.inline_string."""
_SELDOM = 'collectgarbage("setpause", 400)'
"""Garbage is collected once there is four times as much as is in use, not twice: a quarter of what a script costs.
There is next to nothing in use."""
_LEADING = f"""
local function lead(request, headers, key)
  headers:replace("{SCOPE_HEADER}", key)
  request:clearRouteCache()
end
local function finds(request, headers, key) -- whether there is a scope with this key
  lead(request, headers, key)
  request:metadata() -- looks for the route, but only once
  return request:streamInfo():routeName() ~= ""
end
"""
"""What every script begins with: to have the route looked for in another scope."""
_CAPITALS = ".*[A-Z].*"
_LOWER = """
function envoy_on_request(request)
  local headers = request:headers()
  local host = string.lower(headers:get(":authority")) -- its port does not count
  if not finds(request, headers, "{scope}" .. host) then
    lead(request, headers, "{scope}{rest}")
  end
end
"""


def scripts_filter(port: FrontendKey) -> hcm_v3.HttpFilter:
    """The filter. A host in capital letters is the same host but not the same key, and is looked for in lower case."""
    frame = composite(SCRIPTS)
    # Only what that leads to says whether there is more to run: the same place again.
    frame.xds_matcher.CopyFrom(_if_capital(_run(_lower(port), then=composite(SCRIPTS))))
    found = hcm_v3.HttpFilter(name=SCRIPTS)
    found.typed_config.Pack(frame, deterministic=True)
    return found


def run_on(route: route_v3.Route | route_v3.VirtualHost, *sources: str, port: FrontendKey | None = None) -> None:
    """Run these scripts, one after the other, when this route is found, or one of this virtual host.

    With `port` it is a route that also requests for exact hosts of that port find, if they are in capital letters.
    """
    told = always(SCRIPTS, _run(*sources))
    if port is not None:
        told.xds_matcher.MergeFrom(_if_capital(_run(_lower(port), *sources)))
    route.typed_per_filter_config[SCRIPTS].Pack(told, deterministic=True)


def script_filter(name: str, source: str) -> hcm_v3.HttpFilter:
    """A filter that runs this script alone, for every request."""
    found = hcm_v3.HttpFilter(name=name)
    found.typed_config.Pack(_script(source), deterministic=True)
    return found


def _lower(port: FrontendKey) -> str:
    return _LOWER.format(scope=scope_key(port, ""), rest=REST)


def _if_capital(action: composite_v3.ExecuteFilterAction) -> matcher_pb2.Matcher:
    matcher = matcher_pb2.Matcher()
    asked = matcher.matcher_list.matchers.add()
    one = asked.predicate.single_predicate
    one.input.name = "host"
    one.input.typed_config.Pack(
        http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=":authority"), deterministic=True
    )
    one.value_match.safe_regex.google_re2.SetInParent()
    one.value_match.safe_regex.regex = _CAPITALS
    asked.on_match.action.name = SCRIPTS
    asked.on_match.action.typed_config.Pack(action, deterministic=True)
    return matcher


def _run(*sources: str, then: Message | None = None) -> composite_v3.ExecuteFilterAction:
    action = composite_v3.ExecuteFilterAction()
    for source in sources:
        action.filter_chain.typed_config.add(name="envoy.filters.http.lua").typed_config.Pack(
            _script(source), deterministic=True
        )
    if then is not None:
        action.filter_chain.typed_config.add(name=SCRIPTS).typed_config.Pack(then, deterministic=True)
    return action


def _script(source: str) -> lua_pb2.Lua:
    return lua_pb2.Lua(default_source_code={"inline_string": f"{_SELDOM}{_LEADING}{source}"})
