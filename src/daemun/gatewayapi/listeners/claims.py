"""Ports of a shared machine: each goes to the Gateway that asks for it since the earliest."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import CORE, GATEWAY, GLOO_KUBE_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import controller_of
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ResolvedListenerSet
from daemun.gatewayapi.routes.kinds import KINDS_OF_PROTOCOL
from daemun.gatewayapi.settings import Settings, overlap
from daemun.ir.listener import Socket, transport


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What a Gateway asks for, by itself or by a ListenerSet; never a port on which nothing would listen."""

    gateway: Name
    age: tuple[str, ...]
    addresses: tuple[str, ...]
    sockets: tuple[Socket, ...]


def claim_rule(
    classes: Collection[Name, GatewayClass], settings: Settings
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Ref, Claim]]]:
    """The rule from a Gateway to what it asks for."""

    def claim(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Ref, Claim]]:
        if controller_of(reader, classes, gateway.spec.gateway_class_name):
            served = [one for one in gateway.spec.listeners if one.protocol in KINDS_OF_PROTOCOL]
            sockets = {
                Socket(settings.bound_port(one.port), transport(one.protocol))
                for one in served
                if not any(refusals(gateway, settings))
            }
            addresses = settings.bound_addresses(gateway.spec.addresses)
            ref = Ref(GATEWAY, "Gateway", name.namespace, name.name)
            yield ref, Claim(name, (*gateway.age, ref.kind), addresses, tuple(sorted(sockets)))

    return claim


def set_claim_rule(
    gateways: Collection[Name, Gateway], settings: Settings
) -> Callable[[Reader, Name, ResolvedListenerSet], Iterator[tuple[Ref, Claim]]]:
    """The rule from a ListenerSet that is allowed to what it asks for."""

    def claim(reader: Reader, name: Name, one: ResolvedListenerSet) -> Iterator[tuple[Ref, Claim]]:
        del name
        gateway = None if one.refused else reader.get(gateways, one.gateway)
        if gateway is not None and not any(refusals(gateway, settings)):
            sockets = {listener.socket for listener in one.listeners if listener.listener is not None}
            age = (*max(gateway.age, one.age), one.ref.kind)
            addresses = settings.bound_addresses(gateway.spec.addresses)
            yield one.ref, Claim(one.gateway, age, addresses, tuple(sorted(sockets)))

    return claim


_PARAMETERS = ((CORE, "ConfigMap"), (GLOO_KUBE_GATEWAY, "GatewayParameters"))


def refusals(gateway: Gateway, settings: Settings) -> Iterator[Finding]:
    """Why a Gateway as a whole is not accepted, if so."""
    for index, address in enumerate(gateway.spec.addresses):
        if address.type != "IPAddress":
            where = f"spec.addresses[{index}].type"
            yield Finding("UnsupportedAddress", where, f"{address.type} is not served", "Use IPAddress.")
    infrastructure = gateway.spec.infrastructure
    ref = infrastructure.parameters_ref if infrastructure else None
    # Without a cluster there is nothing that they could say; the same manifests are served there all the same.
    if ref and not settings.clustered and (ref.group, ref.kind) not in _PARAMETERS:
        yield Finding(
            "InvalidParameters",
            "spec.infrastructure.parametersRef",
            f"{ref.kind} of group {ref.group!r} is not a kind of parameters",
            "Remove it.",
        )


def winner(
    reader: Reader, claims: Index[Socket, Ref, Claim], gateway: Name, addresses: tuple[str, ...], socket: Socket
) -> tuple[Name, str] | None:
    """The Gateway that has this port since earlier, and the address they both want."""
    found = reader.find(claims, socket)
    mine = min((one.age for one in found if one.gateway == gateway), default=None)
    for other in found:
        if mine is not None and other.gateway != gateway and other.age < mine:
            address = overlap(addresses, other.addresses)
            if address is not None:
                return other.gateway, address
    return None
