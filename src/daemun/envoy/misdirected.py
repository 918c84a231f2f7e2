"""Misdirected requests: those that came over the TLS connection of another listener than the one that has their host.

Browsers use a connection for every host that its certificate fits. Each listener's connections are marked with its
hostname, and the virtual hosts of other listeners answer the mark with 421, so that the client comes again by the right
handshake (Gateway API, Listener.hostname). The same routes therefore serve all listeners of a port.
"""

from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.envoy.actions import answer
from daemun.ir.route import Match

MARK = "x-daemun-listener"
"""The header that carries the mark to the routes. No backend sees it, and what a client sends there counts nothing."""
_STATUS = 421


def guard(handshakes: tuple[str, ...]) -> route_v3.Route:
    """The route that stands before all others of a virtual host, for requests with none of these listeners' marks."""
    marks = [mark(hostname) for hostname in handshakes]
    route = answer(f"misdirected/{marks[0]}", Match(where=""), _STATUS)
    for one in marks:
        route.match.headers.add(name=MARK, invert_match=True, string_match={"exact": one})
    return route


def mark(hostname: str) -> str:
    """What tells a listener from the others of its port, whatever it is called and whoever owns it."""
    return hostname or "*"
