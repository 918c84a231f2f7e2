"""Listeners without ports that have secrets fetched for routes.

Envoy fetches a secret when a listener or cluster names it. Where only a route does (by a filter that it brings) it
waits for ever. Who names it is all the same to those who use it, so a listener within Envoy does, which nothing uses.
"""

from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.features.injectors import INJECTOR, injector


def anchor(header: str, resource: str) -> listener_pb2.Listener:
    """The listener that has the value of a header fetched."""
    manager = hcm_v3.HttpConnectionManager(stat_prefix="secrets", route_config={"name": "none"})
    manager.http_filters.add(name=INJECTOR).typed_config.Pack(injector(header, resource))
    manager.http_filters.add(name="envoy.filters.http.router").typed_config.Pack(router_pb2.Router())
    listener = listener_pb2.Listener(name=f"secret/{resource}", internal_listener={})
    filter_ = listener.filter_chains.add().filters.add(name="envoy.filters.network.http_connection_manager")
    filter_.typed_config.Pack(manager)
    return listener
