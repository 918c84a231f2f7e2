"""Streams: what a port does with the connections or datagrams of which it reads nothing but the server name.

A port with TLS has a filter chain for each server name that its routes and listeners speak of, a TCP port has one, and
a UDP port a listener filter. Each is a part of the port's listeners, which has one leaf: a change of a route changes
this part, Envoy replaces this chain, and only the connections of this chain are drained.
"""

from collections.abc import Callable, Iterator

from envoy.config.listener.v3 import listener_components_pb2 as components_v3

from daemun.base import wire
from daemun.envoy.actions import NO_BACKEND
from daemun.envoy.forward import closing_chain, come_from, shares, tcp_chain, udp_filter
from daemun.envoy.tls import wrap
from daemun.flow import Collection, Reader
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.streams import Holder
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.resource import LISTENER, Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey

_FILTER_CHAINS = wire.tag(3)  # Listener.filter_chains
_LISTENER_FILTERS = wire.tag(9)  # Listener.listener_filters


def stream_rule(
    routes: Collection[RouteKey, ResolvedRoute], ports: Collection[FrontendKey, Frontend], access_log: str
) -> Callable[[Reader, HostKey, Holder], Iterator[tuple[PartKey, Part]]]:
    """The rule from who takes the streams that come in somewhere to what Envoy does with them."""

    def stream(reader: Reader, key: HostKey, holder: Holder) -> Iterator[tuple[PartKey, Part]]:
        route = reader.get(routes, holder.route) if holder.route else None
        encoded = _forwarded(key, holder, route, access_log) if route else _refused(key, holder.listener, access_log)
        port = reader.get(ports, key.frontend)
        if encoded is not None and port is not None:
            section = f"section {key.frontend.section} " if key.frontend.section else ""
            name = f"{section}{key.hostname or '*'}"
            for listener, _ in port.bound_as(key.frontend):
                yield PartKey(key.frontend.proxy, LISTENER, listener, name), part(name, [encoded])

    return stream


def _forwarded(key: HostKey, holder: Holder, resolved: ResolvedRoute, access_log: str) -> Leaf:
    listener, rule = holder.listener, resolved.route.rules[holder.rule]
    to = shares(rule.backends, listener.through)
    needs = tuple(sorted({cluster for cluster, _ in to if cluster != NO_BACKEND}))
    if key.frontend.transport == "udp":
        data, fallback = wire.delimited(_LISTENER_FILTERS, wire.encoded(udp_filter(to, access_log))), b""
    else:
        data = _field(key, listener, tcp_chain(_name(key, listener), to, access_log, rule.uses))
        refused = _refused(key, listener, access_log)
        fallback = refused.data if refused else b""
    # The chain is for its server name, whichever route has it now.
    identity = (key.hostname or "*").encode()
    return Leaf(data, Origin(resolved.route.author(rule), rule.where), needs, fallback, identity)


def _refused(key: HostKey, listener: Listener, access_log: str) -> Leaf | None:
    """What refuses the streams of a listener. None where that happens by itself, without any other chain.

    A server name needs a chain of its own for that, or it would be left to the chain of a less specific one.
    """
    if key.hostname != listener.hostname or not key.hostname:
        return None
    return Leaf(_closed(key, listener, access_log), listener.origin, identity=key.hostname.encode())


def _closed(key: HostKey, listener: Listener, access_log: str) -> bytes:
    chain = closing_chain(_name(key, listener), access_log)
    chain.filter_chain_match.server_names.append(key.hostname)
    return wire.delimited(_FILTER_CHAINS, wire.encoded(chain))


def _field(key: HostKey, listener: Listener, chain: components_v3.FilterChain) -> bytes:
    come_from(chain, listener)
    if listener.protocol == "TLS":
        # Without this a listener for any host would take connections that are not TLS at all.
        chain.filter_chain_match.transport_protocol = "tls"
        if key.hostname:
            chain.filter_chain_match.server_names.append(key.hostname)
        if listener.terminates:
            wrap(chain, listener)
    return wire.delimited(_FILTER_CHAINS, wire.encoded(chain))


def _name(key: HostKey, listener: Listener) -> str:
    return f"{listener.chain}/{key.hostname or '*'}"
