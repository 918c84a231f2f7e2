"""Placements: what every Gateway of ours needs of its proxies' provider, as one value."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

from daemun.api.gateway import Gateway
from daemun.base.digest import digest, version
from daemun.base.names import Name
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import GLOO_CONTROLLER
from daemun.gatewayapi.proxies.parameters import ResolvedParameters
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.ir.listener import Frontend, FrontendKey
from daemun.ir.placement import Placement, Port

_LABEL = 63
"""The longest name of a Service, and the longest value of a label."""
_HASH = 10


class Setback(msgspec.Struct, frozen=True):
    """Why the proxies of a Gateway cannot be provided at the moment, as their provider found out."""

    text: str
    mend: str = ""


def proxy_of(key: FrontendKey, _: Frontend) -> tuple[str]:
    """The proxy of a port; for an index."""
    return (key.proxy,)


def placement_rule(
    written: Collection[Name, Gateway],
    ports: Index[str, FrontendKey, Frontend],
    parameters: Collection[Name, ResolvedParameters],
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[Name, Placement]]]:
    """The rule from a Gateway of ours to its placement."""

    def placement(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[Name, Placement]]:
        source = reader.get(written, name)
        if source is None:
            return
        spec = source.spec
        said = reader.get(parameters, name) or ResolvedParameters()
        found = {_port(key, reader.get(ports.of, key)) for key in reader.find_keys(ports, gateway.proxy)}
        gloo = gateway.controller == GLOO_CONTROLLER
        yield (
            name,
            Placement(
                ref=gateway.ref,
                uid=source.metadata.uid,
                class_name=spec.gateway_class_name,
                name=object_name(name.name, spec.gateway_class_name, gloo=gloo),
                gloo=gloo,
                ports=tuple(sorted(found)),
                addresses=requested(source),
                labels=spec.infrastructure.labels if spec.infrastructure else {},
                annotations=spec.infrastructure.annotations if spec.infrastructure else {},
                parameters=said.parameters,
                overrides=said.overrides,
                held=bool(gateway.refused or said.findings or not found),
                self_managed=said.self_managed,
            ),
        )

    return placement


def object_name(gateway: str, class_name: str, *, gloo: bool) -> str:
    """The name of the objects made for a Gateway: as Gloo has it for its class, else Gateway API's `<gateway>-<class>`.

    Too long a name ends in a hash, so that two Gateways never share one.
    """
    name = f"gloo-proxy-{gateway}" if gloo else f"{gateway}-{class_name}"
    name = name.replace(".", "-")
    if len(name) > _LABEL or "." in gateway or "." in class_name:
        unique = version(digest(gateway.encode(), class_name.encode()))[:_HASH]
        name = f"{name[: _LABEL - _HASH - 1].rstrip('-')}-{unique}"
    return name if name[0].isalpha() else f"g{name[: _LABEL - 1]}"


def requested(gateway: Gateway) -> tuple[str, ...]:
    """The addresses that a Gateway asks for by value."""
    return tuple(dict.fromkeys(one.value for one in gateway.spec.addresses if one.value))


def _port(key: FrontendKey, frontend: Frontend | None) -> Port:
    kinds: Iterable[str] = (one.protocol for one in frontend.listeners) if frontend else ()
    protocol = next(iter(kinds), "TCP")
    transport: Literal["TCP", "UDP"] = "UDP" if key.transport == "udp" else "TCP"
    return Port(key.port, transport, f"{protocol.lower()}-{key.port}")
