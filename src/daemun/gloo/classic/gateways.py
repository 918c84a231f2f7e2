"""Classic Gateways: which of them count, whose a port is, and where VirtualServices can be served."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo import gateway as api
from daemun.api.gloo.virtual_service import VirtualService
from daemun.api.meta import ObjectMeta
from daemun.base.addresses import is_ip
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.listeners.claims import Claim, winner
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.settings import ANY_ADDRESS, Settings
from daemun.gloo.settings.scope import NAMESPACE, Scopes, scope_of
from daemun.ir.listener import FrontendKey, Socket, frontend_key

PROXY = "gateway-proxy"
"""The proxy of Gateways that name none."""
_LAST_PORT = 65_535


def _built_in(name: str, port: int, *, ssl: bool) -> api.Gateway:
    spec = api.GatewaySpec(bind_address="::", bind_port=port, ssl=ssl, http_gateway=api.HttpGateway())
    # It is younger than any that is written, which therefore has its port.
    return api.Gateway(ObjectMeta(name, NAMESPACE, creation_timestamp="9999"), spec=spec)


BUILT_IN: Mapping[bool, api.Gateway] = MappingProxyType(
    {False: _built_in(PROXY, 8080, ssl=False), True: _built_in(f"{PROXY}-ssl", 8443, ssl=True)}
)
"""What Gloo's installation brings along, for VirtualServices without TLS and with it.

Each is there while such VirtualServices are, and nobody wrote a Gateway for them.
"""


class Door(msgspec.Struct, frozen=True, gc=False):
    """A Gateway of ours: the ports that it has, by the name of the proxy, and what is said of them.

    `refused` says why it is not served. `port` is the port as it is said, what is bound may differ.
    """

    ref: Ref
    age: tuple[str, str, str]
    port: int
    addresses: tuple[str, ...]
    frontends: tuple[FrontendKey, ...]
    spec: api.GatewaySpec
    refused: tuple[Finding, ...] = ()


def asked_by(_: Name, service: VirtualService) -> tuple[bool]:
    """Whether a VirtualService is for TLS; for an index."""
    return (service.spec.ssl_config is not None,)


def asked_of(_: Name, gateway: api.Gateway) -> Iterator[bool]:
    """Whether a Gateway is for VirtualServices with TLS, or for those without; for an index."""
    if gateway.spec.http_gateway is not None:
        yield gateway.spec.ssl
    elif gateway.spec.hybrid_gateway is not None:
        yield from (False, True)


def built_in_rule(
    written: Index[bool, Name, api.Gateway],
) -> Callable[[Reader, bool, bool], Iterator[tuple[Name, api.Gateway]]]:
    """The rule for the Gateways that nobody needs to write, once there are VirtualServices for them."""

    def built_in(reader: Reader, ssl: bool, _: bool) -> Iterator[tuple[Name, api.Gateway]]:
        one = BUILT_IN[ssl]
        if not reader.count(written, ssl) and reader.get(written.of, one.name) is None:
            yield one.name, one

    return built_in


def door_rule(scopes: Scopes, settings: Settings) -> Callable[[Reader, Name, api.Gateway], Iterator[tuple[Name, Door]]]:
    """The rule from a Gateway to the ports that it asks for. Gateways that do not count come to nothing."""

    def door(reader: Reader, name: Name, gateway: api.Gateway) -> Iterator[tuple[Name, Door]]:
        scope, spec = scope_of(reader, scopes), gateway.spec
        if not scope.watches(name.namespace) or (name.namespace != scope.namespace and not scope.everywhere):
            return
        refused = tuple(_faults(spec, settings))
        bound = settings.bound_port(spec.bind_port)
        proxies = dict.fromkeys(spec.proxy_names or (PROXY,))
        yield (
            name,
            Door(
                ref=Ref(GLOO_GATEWAY, "Gateway", *name),
                age=gateway.age,
                port=spec.bind_port,
                addresses=_addresses(spec.bind_address, settings),
                frontends=tuple(frontend_key(str(Name(scope.namespace, one)), bound) for one in proxies),
                spec=spec,
                refused=refused,
            ),
        )

    return door


def _faults(spec: api.GatewaySpec, settings: Settings) -> Iterator[Finding]:
    if not 0 < spec.bind_port <= _LAST_PORT:
        yield Finding("Invalid", "spec.bindPort", f"{spec.bind_port} is not a port", "Give one from 1 to 65535.")
    elif settings.bound_port(spec.bind_port) in settings.reserved:
        text = f"port {spec.bind_port} is where the proxy itself is asked whether it is ready"
        yield Finding("PortUnavailable", "spec.bindPort", text, "Choose another port.")
    if spec.bind_address and not is_ip(spec.bind_address):
        text = f"{spec.bind_address!r} is not an IP address"
        yield Finding("Invalid", "spec.bindAddress", text, "Give one, or '::' for all addresses.")
    if spec.http_gateway is None and spec.tcp_gateway is None and spec.hybrid_gateway is None:
        yield Finding("Invalid", "spec", "it is no httpGateway, tcpGateway or hybridGateway", "Make it one of them.")


def _addresses(wanted: str, settings: Settings) -> tuple[str, ...]:
    """What is bound. All addresses of a machine are more than a folder should open: there it is the usual one."""
    if settings.clustered or wanted in ANY_ADDRESS or not is_ip(wanted):
        return (settings.address,)
    return (wanted,)


def sockets_of(_: Name, door: Door) -> Iterator[FrontendKey]:
    """The ports of proxies that a Gateway asks for; for an index."""
    yield from door.frontends


def claim_rule(_: Reader, name: Name, door: Door) -> Iterator[tuple[Ref, Claim]]:
    """From a Gateway to what it asks for of a machine that proxies share."""
    del name
    if not door.refused:
        for key in door.frontends:
            proxy = Name.of(key.proxy)
            ref = door.ref._replace(name=f"{door.ref.name}/{proxy.name}")
            yield ref, Claim(proxy, (*door.age, door.ref.kind), door.addresses, (Socket(key.port, key.transport),))


def opened_rule(
    by_socket: Index[FrontendKey, Name, Door],
    claims: Index[Socket, Ref, Claim] | None,
    taken: Collection[Name, ResolvedGateway],
) -> Callable[[Reader, Name, Door], Iterator[tuple[Name, Door]]]:
    """The rule from a Gateway to the same with the ports that are its own. `claims`: where proxies share a machine.

    `taken` are Gateway API's: a proxy has the name of just one of both.
    """

    def opened(reader: Reader, name: Name, door: Door) -> Iterator[tuple[Name, Door]]:
        refused = list(door.refused)
        for key in door.frontends if not refused else ():
            if reader.get(taken, Name.of(key.proxy)) is not None:
                text = f"the proxy {key.proxy} is that of Gateway API's Gateway with this name"
                refused.append(Finding("ProxyTaken", "spec.proxyNames", text, "Give one of them another name."))
                continue
            others = (one for one in reader.find(by_socket, key) if not one.refused and one.ref != door.ref)
            older = min((one for one in others if one.age < door.age), key=_age, default=None)
            if older is not None:
                text = f"port {door.port} of proxy {key.proxy} belongs to the older {older.ref}"
                refused.append(Finding("PortUnavailable", "spec.bindPort", text, "Give one of them another port."))
                continue
            socket = Socket(key.port, key.transport)
            won = winner(reader, claims, Name.of(key.proxy), door.addresses, socket) if claims else None
            if won is not None:
                text = f"port {key.port} of {won[1]} belongs to Gateway {won[0]}, which asked for it earlier"
                refused.append(Finding("PortUnavailable", "spec.bindPort", text, "Give one of them another port."))
        yield name, msgspec.structs.replace(door, refused=tuple(refused)) if refused else door

    return opened


def _age(door: Door) -> tuple[str, str, str]:
    return door.age


Doors = Collection[Name, Door]
