"""HTTP filters of a few lines of Lua, which are ours: no user's text is in them, and none runs in the control plane."""

from envoy.extensions.filters.http.lua.v3 import lua_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

SCRIPT = "look"
"""The name by which a route switches the script of such a filter on."""


def script_filter(name: str, source: str) -> hcm_v3.HttpFilter:
    """A filter that does nothing unless the route names its script."""
    script = lua_pb2.Lua()
    script.source_codes[SCRIPT].inline_string = source
    found = hcm_v3.HttpFilter(name=name)
    found.typed_config.Pack(script)
    return found
