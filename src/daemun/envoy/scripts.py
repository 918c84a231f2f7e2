"""A few lines of Lua where Envoy has no filter. No user's text is in them, and none runs in the control plane.

An idle Lua filter costs a request more than a microsecond. So one composite filter stands for all of them, and makes
them when the route that was found, or the host, asks for it.
"""

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.type.matcher.v3 import http_inputs_pb2

from daemun.features.composite import always, composite

SCRIPTS = "daemun.scripts"
"""The filter, under whose name scripts also find the metadata of a route."""


def script_filter(pattern: str, *sources: str) -> hcm_v3.HttpFilter:
    """The filter: runs these scripts, one after the other, for a Host with this pattern; or those of the route."""
    frame = composite(SCRIPTS)
    asked = frame.xds_matcher.matcher_list.matchers.add()
    one = asked.predicate.single_predicate
    one.input.name = "host"
    one.input.typed_config.Pack(http_inputs_pb2.HttpRequestHeaderMatchInput(header_name=":authority"))
    one.value_match.safe_regex.google_re2.SetInParent()
    one.value_match.safe_regex.regex = pattern
    asked.on_match.action.name = SCRIPTS
    asked.on_match.action.typed_config.Pack(_run(sources))
    found = hcm_v3.HttpFilter(name=SCRIPTS)
    found.typed_config.Pack(frame)
    return found


def run_on(route: route_v3.Route, *sources: str) -> None:
    """Run these scripts when this route is found."""
    route.typed_per_filter_config[SCRIPTS].Pack(always(SCRIPTS, _run(sources)))


def _run(sources: tuple[str, ...]) -> composite_v3.ExecuteFilterAction:
    action = composite_v3.ExecuteFilterAction()
    for source in sources:
        script = lua_pb2.Lua()
        script.default_source_code.inline_string = source
        action.filter_chain.typed_config.add(name="envoy.filters.http.lua").typed_config.Pack(script)
    return action
