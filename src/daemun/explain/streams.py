"""Listeners that read no requests: where a connection goes that comes in there."""

from daemun.envoy.forward import shares
from daemun.explain.naming import called
from daemun.explain.result import Outcome
from daemun.gatewayapi.hostnames import parents
from daemun.ir.listener import FrontendKey, HostKey, Listener
from daemun.translate import Translation


def stream_outcome(translation: Translation, at: FrontendKey, listener: Listener, server_name: str) -> Outcome:
    """What becomes of a connection that a listener for TLS or TCP takes."""
    holders = (translation.holders.get(HostKey(at, host)) for host in parents(server_name))
    holder = next((one for one in holders if one is not None), None)
    mine = called(listener.origin.ref, listener.name)
    if holder is None or holder.route is None:
        return Outcome("closed", f"{mine} ({listener.protocol}) has no route for it: it is closed")
    to = shares(translation.routes[holder.route].route.rules[holder.rule].backends, listener.through)
    where = ", ".join(f"{cluster} (weight {weight})" for cluster, weight in to)
    how = "after the TLS handshake" if listener.terminates else "as it is"
    why = f"{mine} passes it on {how}, unread: {holder.route} sends it to {where}"
    return Outcome("passed", why)
