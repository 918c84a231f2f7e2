"""ListenerSets: whether their Gateway lets them in, and their listeners before those of others are looked at."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.api.core import Namespace
from daemun.api.gateway import Gateway, GatewayClass
from daemun.api.listenerset import ListenerSet
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.classes import CONTROLLER, controller_of
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.listeners.listener import Inputs as ListenerInputs
from daemun.gatewayapi.listeners.listener import notes, resolve_listener
from daemun.gatewayapi.namespaces import allowed
from daemun.gatewayapi.resolved import Parent, ResolvedListenerSet
from daemun.gatewayapi.settings import Settings

_PARENT = "spec.parentRef"


class Inputs(msgspec.Struct, frozen=True):
    """The collections that ListenerSets depend on."""

    classes: Collection[Name, GatewayClass]
    gateways: Collection[Name, Gateway]
    namespaces: Collection[Name, Namespace]
    listeners: ListenerInputs
    settings: Settings


def parent_of(name: Name, one: ListenerSet) -> Name | None:
    """The Gateway that a ListenerSet wants to belong to; None if it names something else."""
    parent = one.spec.parent_ref
    if (parent.group, parent.kind) != (GATEWAY, "Gateway"):
        return None
    return Name(parent.namespace or name.namespace, parent.name)


def set_rule(inputs: Inputs) -> Callable[[Reader, Name, ListenerSet], Iterator[tuple[Name, ResolvedListenerSet]]]:
    """The rule from a ListenerSet to what it brings. Those of other controllers' Gateways come to nothing."""

    def resolve(reader: Reader, name: Name, one: ListenerSet) -> Iterator[tuple[Name, ResolvedListenerSet]]:
        parent = parent_of(name, one)
        if parent is None:
            return
        gateway = reader.get(inputs.gateways, parent)
        controller: str | None = CONTROLLER if inputs.settings.sole else None
        if gateway is not None:
            controller = controller_of(reader, inputs.classes, gateway.spec.gateway_class_name)
        if controller is None:
            return
        ref = Ref(GATEWAY, "ListenerSet", name.namespace, name.name)
        found = ResolvedListenerSet(ref, one.metadata.generation, one.age, controller, parent)
        refusal = _refusal(reader, inputs, name, parent, gateway)
        if refusal is not None:
            yield name, msgspec.structs.replace(found, refused=(refusal,))
            return
        listeners = (
            resolve_listener(reader, inputs.listeners, ref, index, spec, inputs.settings.bound_port(spec.port))
            for index, spec in enumerate(one.spec.listeners)
        )
        told = tuple(notes(one.spec.listeners))
        yield name, msgspec.structs.replace(found, listeners=tuple(listeners), notes=told)

    return resolve


def _refusal(reader: Reader, inputs: Inputs, name: Name, parent: Name, gateway: Gateway | None) -> Finding | None:
    """Why the ListenerSet may not attach, if so (Gateway.spec.allowedListeners: none may unless it says so)."""
    if gateway is None:
        return absent("ParentNotAccepted", _PARENT, Ref(GATEWAY, "Gateway", *parent))
    wanted = gateway.spec.allowed_listeners
    if wanted and allowed(reader, inputs.namespaces, wanted.namespaces, parent.namespace, name.namespace):
        return None
    text = f"Gateway {parent} allows no ListenerSets from namespace {name.namespace}"
    return Finding("NotAllowed", _PARENT, text, "See allowedListeners of the Gateway.")


def allowed_by(_: Name, one: ResolvedListenerSet) -> tuple[Name, ...]:
    """The Gateway that the ListenerSet is part of; for an index."""
    return () if one.refused else (one.gateway,)


def refused_rule(_: Reader, name: Name, one: ResolvedListenerSet) -> Iterator[tuple[Ref, Parent]]:
    """The ListenerSets that are part of no Gateway, for they too have a status."""
    del name
    if one.refused:
        yield one.ref, one
