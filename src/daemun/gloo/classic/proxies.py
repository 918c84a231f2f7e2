"""Proxies of classic mode: their ports as listeners, and what must run for them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemun.api.gateway import RouteNamespaces
from daemun.api.status import RouteGroupKindStatus
from daemun.base.names import GLOO, GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.hostnames import covers
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedListener
from daemun.gatewayapi.settings import Settings
from daemun.gloo.classic.gateways import Door
from daemun.gloo.classic.parts import Part, Section
from daemun.gloo.classic.placed import Answers
from daemun.ir.listener import Frontend, FrontendKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.placement import Placement, Port

CONTROLLER = "solo.io/gloo"
"""Who serves classic objects, as far as anybody asks."""
_BY_SERVER_NAME = {"HTTPS", "TLS"}
_REACHED_AT = {8080: 80, 8443: 443}
"""Ports of Gateways whose Service has the usual ports, as that of Gloo's installation has them."""
_SCHEMES = {80: "http", 443: "https"}
_KINDS = (RouteGroupKindStatus(GLOO_GATEWAY, "VirtualService"),)


class Inputs(NamedTuple):
    """What listens on the ports of a Gateway: its parts, with the handshakes and the connections that are for them."""

    by_gateway: Index[Name, Section, Part]
    answers: Answers
    listeners: Collection[Section, tuple[Listener, ...]]


def frontend_rule(
    of: Inputs, settings: Settings
) -> Callable[[Reader, Name, Door], Iterator[tuple[FrontendKey, Frontend]]]:
    """The rule from a Gateway to its ports: one listener for plain requests, one for each server name with TLS."""

    def frontends(reader: Reader, name: Name, _: Door) -> Iterator[tuple[FrontendKey, Frontend]]:
        served: list[tuple[Part, tuple[Listener, ...]]] = []
        taken: set[tuple[object, ...]] = set()
        keys = reader.find_keys(of.by_gateway, name)
        for key in sorted(keys, key=lambda one: int(one.part or 0)):
            part = reader.get(of.by_gateway.of, key)
            if part is None or part.refused:
                continue
            # Envoy takes no listener in which two chains are for the same connections.
            listeners = [one for one in _listeners(reader, of, key, part) if not taken & _matched(one)]
            taken.update(*map(_matched, listeners))
            if listeners:
                served.append((part, tuple(listeners)))
        inspects = any(mine[0].protocol in _BY_SERVER_NAME for _, mine in served)
        for index, (part, mine) in enumerate(served):
            port, looks = Origin(part.gateway, "spec.bindPort"), part.hybrid and inspects
            one = Frontend(part.addresses, mine, index == 0, looks, port, usual=settings.usual_address)
            for at in part.frontends:
                yield at, one

    return frontends


def _matched(one: Listener) -> set[tuple[object, ...]]:
    """The connections that a listener is for."""
    return {(one.protocol in _BY_SERVER_NAME, one.hostname, source) for source in one.sources or ("",)}


def _listeners(reader: Reader, of: Inputs, key: Section, part: Part) -> Iterator[Listener]:
    if part.tcp is not None:
        yield from reader.get(of.listeners, key) or ()
    elif part.ssl and part.certificate is None:
        yield from _ended(reader, of.answers, key, part)
    else:
        origin, given = Origin(part.by, part.where), part.certificate
        for server_name in part.names or ("",) if part.ssl else ("",):
            yield Listener(
                name=key.listener,
                chain=f"{key}/{server_name or '*'}" if part.ssl else str(key),
                origin=origin,
                port=part.port,
                protocol="HTTPS" if part.ssl else "HTTP",
                hostname=server_name,
                secrets=given.secrets if given else (),
                outside=given.outside if given else None,
                clients=given.clients if given else None,
                terminates=part.ssl,
                handshake=given.handshake if given else None,
                sources=part.sources,
            )


def _ended(reader: Reader, answers: Answers, key: Section, part: Part) -> Iterator[Listener]:
    """A listener for each server name that somebody answers there; of several who agree it is the oldest's."""
    taken: set[str] = set()
    for answer in sorted(reader.find(answers, key), key=lambda one: one.age):
        for at in answer.handshakes:
            if at.gateway != key or at.name in taken or not any(covers(one, at.name) for one in part.names or ("",)):
                continue
            taken.add(at.name)
            given = answer.certificate
            yield Listener(
                name=key.listener,
                chain=f"{key}/{at.name or '*'}",
                origin=Origin(answer.ref, "spec.sslConfig"),
                port=part.port,
                protocol="HTTPS",
                hostname=at.name,
                secrets=given.secrets,
                outside=given.outside,
                clients=given.clients,
                terminates=True,
                handshake=given.handshake,
                sources=part.sources,
            )


def proxies_of(_: FrontendKey, __: Frontend) -> Iterator[str]:
    """The proxy of a port; for an index."""
    yield _.proxy


def proxy_rule(
    frontends: Index[str, FrontendKey, Frontend],
) -> Callable[[Reader, str, str], Iterator[tuple[Name, ResolvedGateway]]]:
    """The rule from a proxy to the same as somebody sees it who asks what it listens on."""

    def proxy(reader: Reader, key: str, _: str) -> Iterator[tuple[Name, ResolvedGateway]]:
        name = Name.of(key)
        ref = Ref(GLOO, "Proxy", *name)
        keys = reader.find_keys(frontends, key)
        found = [(at, reader.get(frontends.of, at)) for at in keys]
        listeners = [_seen(at, one) for at, frontend in found if frontend for one in frontend.listeners]
        addresses = dict.fromkeys(one for _, frontend in found if frontend for one in frontend.addresses)
        yield (
            name,
            ResolvedGateway(
                ref=ref,
                generation=0,
                controller=CONTROLLER,
                addresses=tuple(addresses),
                listeners=tuple(listeners),
            ),
        )

    return proxy


def _seen(at: FrontendKey, one: Listener) -> ResolvedListener:
    return ResolvedListener(
        owner=one.origin.ref,
        name=one.name,
        port=one.port,
        protocol=one.protocol,
        bound_port=at.port,
        hostname=one.hostname,
        namespaces=RouteNamespaces(),
        kinds=_KINDS,
        listener=one,
    )


def placement_rule(
    frontends: Index[str, FrontendKey, Frontend],
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[Name, Placement]]]:
    """The rule from a proxy to what its provider must know; all that is made for it has the proxy's own name."""

    def placement(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[Name, Placement]]:
        ports = {}
        for key in reader.find_keys(frontends, gateway.proxy):
            frontend = reader.get(frontends.of, key)
            protocol = frontend.listeners[0].protocol if frontend else "TCP"
            number = _REACHED_AT.get(key.port, key.port)
            ports[number] = Port(number, "TCP", f"{protocol.lower()}-{number}", key.port if number != key.port else 0)
        if not ports.keys().isdisjoint(_REACHED_AT.values()):
            # The other one too, so that the first VirtualService with TLS changes no Service, which takes its time.
            for bound, number in _REACHED_AT.items():
                ports.setdefault(number, Port(number, "TCP", f"{_SCHEMES[number]}-{number}", bound))
        yield (
            name,
            Placement(
                ref=gateway.ref,
                uid="",
                class_name="gloo",
                name=name.name,
                labels={"gloo": "gateway-proxy", "gateway-proxy": "live", "gateway-proxy-id": name.name},
                ports=tuple(ports[number] for number in sorted(ports)),
                held=not ports,
            ),
        )

    return placement
