"""Ports that the proxies need for themselves."""

import msgspec

from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ResolvedListener
from daemun.gatewayapi.settings import Settings


def unreserved(settings: Settings, listener: ResolvedListener) -> ResolvedListener:
    """The listener, refused if its port is one that the proxies need for themselves."""
    if listener.bound_port not in settings.reserved:
        return listener
    text = f"port {listener.bound_port} is where the proxy itself is asked whether it is ready"
    finding = Finding("PortUnavailable", "", text, "Choose another port.")
    return msgspec.structs.replace(listener, not_accepted=(*listener.not_accepted, finding))
