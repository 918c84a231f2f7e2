"""Ports of a shared machine: each goes to the oldest Gateway that asks for it."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import Name
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import controller_of
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.kinds import KINDS_OF_PROTOCOL
from daemun.gatewayapi.settings import Settings, overlap


class Claim(msgspec.Struct, frozen=True, gc=False):
    """What a Gateway asks for. It asks for no port on which nothing would listen."""

    name: Name
    age: tuple[str, str, str]
    addresses: tuple[str, ...]
    ports: tuple[int, ...]


def claim_rule(
    classes: Collection[Name, GatewayClass], settings: Settings
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Name, Claim]]]:
    """The rule from a Gateway to what it asks for."""

    def claim(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Name, Claim]]:
        if controller_of(reader, classes, gateway.spec.gateway_class_name):
            served = [one for one in gateway.spec.listeners if one.protocol in KINDS_OF_PROTOCOL]
            ports = {settings.bound_port(one.port) for one in served if not any(refusals(gateway))}
            addresses = settings.bound_addresses(gateway.spec.addresses)
            yield name, Claim(name, gateway.age, addresses, tuple(sorted(ports)))

    return claim


def refusals(gateway: Gateway) -> Iterator[Finding]:
    """Why a Gateway as a whole is not accepted, if so."""
    for index, address in enumerate(gateway.spec.addresses):
        if address.type != "IPAddress":
            where = f"spec.addresses[{index}].type"
            yield Finding("UnsupportedAddress", where, f"{address.type} is not served", "Use IPAddress.")
    infrastructure = gateway.spec.infrastructure
    if infrastructure and infrastructure.parameters_ref:
        ref = infrastructure.parameters_ref
        yield Finding(
            "InvalidParameters",
            "spec.infrastructure.parametersRef",
            f"{ref.kind} of group {ref.group!r} is not a kind of parameters",
            "Remove it.",
        )


def winner(reader: Reader, claims: Index[int, Name, Claim], mine: Claim, port: int) -> tuple[Name, str] | None:
    """The older Gateway that has this port already, and the address they both want."""
    for other in reader.find(claims, port):
        if other.name != mine.name and other.age < mine.age:
            address = overlap(mine.addresses, other.addresses)
            if address is not None:
                return other.name, address
    return None
