"""Misdirected requests: those that came over the TLS connection of another listener than the one that has their host.

Browsers use a connection for every host that its certificate fits. Each listener's connections are marked with its
hostname, and the virtual hosts of other listeners answer the mark with 421, so that the client comes again by the right
handshake (Gateway API, Listener.hostname). The same routes therefore serve all listeners of a port.
"""

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.envoy.actions import answer
from daemun.ir.listener import Listener
from daemun.ir.route import Match

MARK = "x-daemun-listener"
"""The header that carries the mark to the routes. No backend sees it, and what a client sends there counts nothing."""
_STATUS = 421


def guard(listener: Listener) -> route_v3.Route:
    """The route that stands before all others of a virtual host, for requests with another mark than its listener's."""
    route = answer(f"misdirected/{mark_value(listener)}", Match(where=""), _STATUS)
    header = route.match.headers.add(name=MARK, invert_match=True)
    header.string_match.exact = mark_value(listener)
    return route


def mark_value(listener: Listener) -> str:
    """What tells a listener from the others of its port, whatever it is called and whoever owns it."""
    return listener.hostname or "*"
