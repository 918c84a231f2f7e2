"""Where Envoy asks for everything that is not said at once."""

from envoy.config.core.v3 import config_source_pb2


def ads() -> config_source_pb2.ConfigSource:
    """Ask the control plane, on the one stream there is."""
    source = config_source_pb2.ConfigSource(resource_api_version=config_source_pb2.ApiVersion.V3)
    source.ads.SetInParent()
    # Rather wait than go on without: a listener without its certificates or routes would answer wrongly.
    source.initial_fetch_timeout.SetInParent()
    return source
