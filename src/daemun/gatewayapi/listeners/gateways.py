"""Gateways resolved: which of their listeners can serve, and why the others cannot."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import msgspec

from daemun.api.gateway import Gateway, GatewayClass
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import controller_of
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.listeners.claims import Claim, refusals, winner
from daemun.gatewayapi.listeners.conflicts import with_conflicts
from daemun.gatewayapi.listeners.listener import Inputs, notes, resolve_listener
from daemun.gatewayapi.listeners.reserved import unreserved
from daemun.gatewayapi.resolved import (
    Parent,
    ResolvedGateway,
    ResolvedListener,
    ResolvedListenerSet,
    parents_of,
)
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.tls import cacerts
from daemun.gatewayapi.tls.clientcerts import asked_of_clients, fallbacks, shown_to_backends
from daemun.ir.listener import Frontend, FrontendKey, Listener, Socket, frontend_key

SetIndex = Index[Name, Name, ResolvedListenerSet]
"""ListenerSets by the Gateway that allows them."""


def gateway_rule(
    classes: Collection[Name, GatewayClass],
    sets: SetIndex,
    claims: Index[Socket, Ref, Claim],
    inputs: Inputs,
    authorities: cacerts.Inputs,
    settings: Settings,
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
        addresses = settings.bound_addresses(gateway.spec.addresses)
        refused = tuple(refusals(gateway, settings))
        allows = gateway.spec.allowed_listeners and gateway.spec.allowed_listeners.namespaces.from_ != "None"
        attached = sorted(reader.find(sets, name), key=lambda one: one.age)
        listeners += [listener for one in attached for listener in one.listeners]
        listeners = list(with_conflicts(listeners))
        if settings.shared_host:
            sockets = {one.socket for one in listeners}
            won = {socket: winner(reader, claims, name, addresses, socket) for socket in sockets}
            listeners = [_placed(one, won[one.socket]) for one in listeners]
        by_owner: defaultdict[Ref, list[ResolvedListener]] = defaultdict(list)
        for listener in listeners:
            checked = asked_of_clients(reader, authorities, ref, gateway, listener)
            by_owner[listener.owner].append(unreserved(settings, checked))
        client_certificate, not_resolved = shown_to_backends(reader, authorities, ref, gateway)
        yield (
            name,
            ResolvedGateway(
                ref=ref,
                generation=gateway.metadata.generation,
                controller=controller,
                addresses=addresses,
                listeners=tuple(by_owner[ref]),
                refused=refused,
                not_resolved=not_resolved,
                notes=tuple(notes(gateway.spec.listeners)),
                default=gateway.spec.default_scope == "All",
                sets=tuple(_merged(one, by_owner[one.ref], refused) for one in attached) if allows else None,
                fallbacks=tuple(fallbacks(gateway)),
                client_certificate=client_certificate,
            ),
        )

    return resolve


def _merged(
    one: ResolvedListenerSet, listeners: list[ResolvedListener], refused: tuple[Finding, ...]
) -> ResolvedListenerSet:
    """The ListenerSet as its listeners came out among all the others."""
    because = tuple(Finding("ParentNotAccepted", "spec.parentRef", why.text) for why in refused)
    return msgspec.structs.replace(one, listeners=tuple(listeners), refused=because)


def _placed(one: ResolvedListener, won: tuple[Name, str] | None) -> ResolvedListener:
    """The listener, refused if another Gateway has its port."""
    if won is None:
        return one
    other, address = won
    finding = Finding(
        "PortUnavailable",
        "",
        f"port {one.bound_port} of {address} belongs to Gateway {other}, which asked for it earlier",
        "Give one of them another port, or an address of its own in spec.addresses.",
    )
    return msgspec.structs.replace(one, not_accepted=(*one.not_accepted, finding))


def default_of(_: Name, gateway: ResolvedGateway) -> tuple[bool]:
    """Whether a Gateway is a default one; for an index."""
    return (gateway.default,)


def parent_rule(_: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[Ref, Parent]]:
    """From a Gateway to what routes can attach to."""
    del name
    yield from parents_of(gateway)


def frontend_rule(
    settings: Settings,
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[FrontendKey, Frontend]]]:
    """The rule from a Gateway to its ports: the listeners that serve, by the port that is bound."""

    def frontends(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[FrontendKey, Frontend]]:
        del reader, name
        if gateway.refused:
            return
        ports: dict[FrontendKey, list[Listener]] = {}
        for one in gateway.merged():
            if one.serves and one.listener is not None:
                key = frontend_key(gateway.proxy, *one.socket)
                ports.setdefault(key, []).append(one.listener)
        for key, listeners in ports.items():
            yield key, Frontend(gateway.addresses, tuple(listeners), usual=settings.usual_address)

    return frontends
