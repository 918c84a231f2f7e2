"""Proxies of classic mode: their ports as listeners, and what must run for them."""

from collections.abc import Callable, Iterator

from daemun.api.gateway import RouteNamespaces
from daemun.api.status import RouteGroupKindStatus
from daemun.base.names import GLOO, GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedListener
from daemun.gloo.classic.gateways import Door
from daemun.gloo.classic.placed import Answers
from daemun.ir.listener import Frontend, FrontendKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.placement import Placement, Port

CONTROLLER = "solo.io/gloo"
"""Who serves classic objects, as far as anybody asks."""
_REACHED_AT = {8080: 80, 8443: 443}
"""Ports of Gateways whose Service has the usual ports, as that of Gloo's installation has them."""
_KINDS = (RouteGroupKindStatus(GLOO_GATEWAY, "VirtualService"),)


def frontend_rule(answers: Answers) -> Callable[[Reader, Name, Door], Iterator[tuple[FrontendKey, Frontend]]]:
    """The rule from a Gateway to its ports: one listener for plain requests, one for each server name with TLS."""

    def frontends(reader: Reader, name: Name, door: Door) -> Iterator[tuple[FrontendKey, Frontend]]:
        if door.refused or door.spec.http_gateway is None:
            return
        listeners = tuple(_ended(reader, answers, name, door) if door.spec.ssl else [_plain(name, door)])
        for key in door.frontends if listeners else ():
            yield key, Frontend(door.addresses, listeners)

    return frontends


def _plain(name: Name, door: Door) -> Listener:
    return Listener(name.name, str(name), Origin(door.ref, "spec"), door.port, "HTTP")


def _ended(reader: Reader, answers: Answers, name: Name, door: Door) -> Iterator[Listener]:
    """A listener for each server name that somebody answers there; of several who agree it is the oldest's."""
    taken: set[str] = set()
    for answer in sorted(reader.find(answers, name), key=lambda one: one.age):
        for at in answer.handshakes:
            if at.gateway == name and at.name not in taken:
                taken.add(at.name)
                given = answer.certificate
                yield Listener(
                    name=name.name,
                    chain=f"{name}/{at.name or '*'}",
                    origin=Origin(answer.ref, "spec.sslConfig"),
                    port=door.port,
                    protocol="HTTPS",
                    hostname=at.name,
                    secrets=(given.secret,),
                    clients=given.clients,
                    terminates=True,
                    handshake=given.handshake,
                )


def proxies_of(_: FrontendKey, __: Frontend) -> Iterator[str]:
    """The proxy of a port; for an index."""
    yield _.proxy


def proxy_rule(
    frontends: Index[str, FrontendKey, Frontend], taken: Collection[Name, ResolvedGateway]
) -> Callable[[Reader, str, str], Iterator[tuple[Name, ResolvedGateway]]]:
    """The rule from a proxy to the same as somebody sees it who asks what it listens on.

    `taken` are Gateway API's: a proxy has the name of just one of both.
    """

    def proxy(reader: Reader, key: str, _: str) -> Iterator[tuple[Name, ResolvedGateway]]:
        name = Name.of(key)
        if reader.get(taken, name) is not None:
            return
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


def kept_rule(
    proxies: Collection[Name, ResolvedGateway],
) -> Callable[[Reader, FrontendKey, Frontend], Iterator[tuple[FrontendKey, Frontend]]]:
    """The rule for the ports whose proxy is really classic mode's."""

    def kept(reader: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[FrontendKey, Frontend]]:
        if reader.get(proxies, Name.of(key.proxy)) is not None:
            yield key, frontend

    return kept


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
