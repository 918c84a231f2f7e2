"""Listeners that read no requests: where a connection goes that comes in there."""

from daemun.envoy.forward import shares
from daemun.envoy.streams import serves_all, streams_of
from daemun.explain.result import Outcome
from daemun.gatewayapi.hostnames import parents
from daemun.ir.listener import FrontendKey, Listener, StreamKey
from daemun.ir.resource import LISTENER, PartKey
from daemun.translate import Translation


def stream_outcome(translation: Translation, at: FrontendKey, listener: Listener, server_name: str) -> Outcome:
    """What becomes of a connection that a listener for TLS or TCP takes."""
    key = next(
        (
            StreamKey(at, host)
            for host in parents(server_name)
            if PartKey(at.proxy, LISTENER, at.listener, host or "*") in translation.resources
        ),
        StreamKey(at, listener.hostname),
    )
    routes = (one for ref, one in translation.routes.items() if key in streams_of(ref, one))
    route = serves_all(routes, listener, at)
    if route is None:
        return Outcome("closed", f"listener {listener.name} ({listener.protocol}) has no route for it: it is closed")
    to = shares(route.route.rules[0].backends, listener.through)
    where = ", ".join(f"{cluster} (weight {weight})" for cluster, weight in to)
    ended = "after the TLS handshake" if listener.terminates else "as it is"
    return Outcome("passed", f"listener {listener.name} passes it on {ended}, unread: {route.ref} sends it to {where}")
