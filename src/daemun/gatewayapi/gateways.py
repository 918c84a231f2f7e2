"""Gateways resolved: which of their listeners can serve, and why the others cannot."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.claims import Claim, refusals, winner
from daemun.gatewayapi.classes import controller_of
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.listeners import Inputs, resolve_listener, with_conflicts
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedListener
from daemun.gatewayapi.settings import Settings
from daemun.ir.listener import Frontend, FrontendKey, Listener


def gateway_rule(
    classes: Collection[Name, GatewayClass], claims: Index[int, Name, Claim], inputs: Inputs, settings: Settings
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Name, ResolvedGateway]]]:
    """The rule from a Gateway to what it comes to. Gateways of other controllers come to nothing."""

    def resolve(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Name, ResolvedGateway]]:
        controller = controller_of(reader, classes, gateway.spec.gateway_class_name)
        if controller is None:
            return
        ref = Ref(GATEWAY, "Gateway", name.namespace, name.name)
        listeners = [
            resolve_listener(reader, inputs, ref, index, spec, settings.bound_port(spec.port))
            for index, spec in enumerate(gateway.spec.listeners)
        ]
        listeners = list(with_conflicts(listeners))
        addresses = settings.bound_addresses(gateway.spec.addresses)
        if settings.shared_host:
            mine = Claim(name, gateway.age, addresses, ())
            listeners = [_placed(reader, claims, mine, listener) for listener in listeners]
        listeners = [_guarded(gateway, listener) for listener in listeners]
        yield (
            name,
            ResolvedGateway(
                ref=ref,
                generation=gateway.metadata.generation,
                controller=controller,
                addresses=addresses,
                listeners=tuple(listeners),
                refused=tuple(refusals(gateway)),
                notes=tuple(_notes(gateway)),
                default=gateway.spec.default_scope == "All",
            ),
        )

    return resolve


def _placed(reader: Reader, claims: Index[int, Name, Claim], mine: Claim, one: ResolvedListener) -> ResolvedListener:
    """The listener, refused if an older Gateway has its port."""
    won = winner(reader, claims, mine, one.bound_port)
    if won is None:
        return one
    other, address = won
    finding = Finding(
        "PortUnavailable",
        "",
        f"port {one.bound_port} of {address} belongs to the older Gateway {other}",
        "Give one of them another port, or an address of its own in spec.addresses.",
    )
    return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))


def _guarded(gateway: Gateway, one: ResolvedListener) -> ResolvedListener:
    """The listener, refused if clients must show certificates: what cannot be checked is not let in."""
    frontend = gateway.spec.tls.frontend if gateway.spec.tls else None
    if one.protocol != "HTTPS" or frontend is None:
        return one
    config = next((entry.tls for entry in frontend.per_port if entry.port == one.port), frontend.default)
    if config.validation is None:
        return one
    finding = Finding("UnsupportedValue", "spec.tls.frontend", "client certificates cannot be checked yet")
    return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))


def _notes(gateway: Gateway) -> Iterator[Finding]:
    """What is asked for and not served yet, without harm: it must not be passed over in silence."""
    if gateway.spec.tls and gateway.spec.tls.backend:
        yield Finding("UnsupportedValue", "spec.tls.backend", "TLS to backends is not served yet")
    if gateway.spec.allowed_listeners and gateway.spec.allowed_listeners.namespaces.from_ != "None":
        yield Finding("UnsupportedValue", "spec.allowedListeners", "ListenerSets are not served yet")
    for index, listener in enumerate(gateway.spec.listeners):
        for option in listener.tls.options if listener.tls else ():
            where = f"spec.listeners[{index}].tls.options"
            yield Finding("UnsupportedValue", where, f"option {option} is not known", "Remove it.")


def default_of(_: Name, gateway: ResolvedGateway) -> tuple[bool]:
    """Whether a Gateway is a default one; for an index."""
    return (gateway.default,)


def frontend_rule(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[FrontendKey, Frontend]]:
    """From a Gateway to its ports: the listeners that serve, by the port that is bound."""
    del reader, name
    if gateway.refused:
        return
    ports: dict[int, list[Listener]] = {}
    for one in gateway.listeners:
        if one.serves and one.listener is not None:
            ports.setdefault(one.bound_port, []).append(one.listener)
    for port, listeners in ports.items():
        yield FrontendKey(gateway.proxy, port), Frontend(gateway.addresses, tuple(listeners))
