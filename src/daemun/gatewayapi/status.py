"""Status: what became of every object, derived from the same values that Envoy's configuration is made of (law 4)."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from daemun.api.gateway import GatewayClass
from daemun.api.status import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    GatewayStatusAddress,
    ListenerStatus,
    RouteParentStatus,
    RouteStatus,
    Status,
    SupportedFeature,
)
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import CONTROLLERS
from daemun.gatewayapi.findings import Finding, joined
from daemun.gatewayapi.proxies import ProxyState, Rejection, RejectionKey, reason_for
from daemun.gatewayapi.resolved import ParentResult, ResolvedGateway, ResolvedListener, ResolvedRoute
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.supported import FEATURES

Findings = tuple[Finding, ...]
ListenerUse = tuple[Name, str]
"""A listener of a Gateway, as routes use it."""


def uses_of(_: Ref, route: ResolvedRoute) -> Iterator[ListenerUse]:
    """The listeners that a route is attached to: what attachedRoutes counts."""
    yield from {(one.gateway, one.listener) for one in route.attachments}


@functools.lru_cache(maxsize=4096)
def condition(kind: str, generation: int, positive: str, findings: Findings, *, inverted: bool = False) -> Condition:
    """A condition that is as it should be without findings, and otherwise says what was found.

    An `inverted` one (Conflicted) is True when something was found. Most objects are fine and share their conditions.
    """
    if findings:
        return Condition(kind, _truth(inverted), findings[0].reason, joined(findings), generation)
    return Condition(kind, _truth(not inverted), positive, "", generation)


def _truth(value: bool) -> Literal["True", "False"]:
    return "True" if value else "False"


def class_rule(_: Reader, name: Name, one: GatewayClass) -> Iterator[tuple[Ref, Status]]:
    """The status of a class, if it is ours."""
    if one.spec.controller_name not in CONTROLLERS:
        return
    findings: Findings = ()
    if one.spec.parameters_ref:
        ref = one.spec.parameters_ref
        text = f"{ref.kind} of group {ref.group!r} is not a kind of parameters"
        findings = (Finding("InvalidParameters", "spec.parametersRef", text, "Remove it."),)
    generation = one.metadata.generation
    yield (
        Ref(GATEWAY, "GatewayClass", "", name.name),
        GatewayClassStatus(
            (
                condition("Accepted", generation, "Accepted", findings),
                condition("SupportedVersion", generation, "SupportedVersion", ()),
            ),
            tuple(SupportedFeature(feature) for feature in FEATURES),
        ),
    )


def gateway_rule(
    settings: Settings,
    uses: Index[ListenerUse, Ref, ResolvedRoute],
    proxies: Collection[str, ProxyState],
    rejections: Index[Ref, RejectionKey, Rejection],
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[Ref, Status]]]:
    """The rule from a Gateway to its status."""

    def status(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[Ref, Status]]:
        state = reader.get(proxies, gateway.proxy)
        acknowledged = settings.assume_programmed or (state is not None and state.acknowledged == gateway)
        rejected = [one for one in reader.find(rejections, gateway.ref) if one.proxy == gateway.proxy]
        pending = Finding("Pending", "", "the proxy has not acknowledged its configuration yet")
        listeners = []
        for index, one in enumerate(gateway.listeners):
            theirs = tuple(
                Finding(reason_for(r.message), r.where, f"Envoy: {r.message}")
                for r in rejected
                if _concerns(r.where, index, gateway)
            )
            attached = reader.count(uses, (name, one.name))
            listeners.append(_listener(gateway, one, theirs, attached, () if acknowledged else (pending,)))
        valid = [one for one in gateway.listeners if one.serves]
        generation = gateway.generation
        accepted = _gateway_accepted(gateway, valid, generation)
        programmed = _gateway_programmed(gateway, valid, listeners) or (() if acknowledged else (pending,))
        unresolved = any(one.not_resolved for one in gateway.listeners)
        addresses = gateway.addresses if valid and not gateway.refused else ()
        refs: Findings = (Finding("ListenersNotResolved", "", "see the status of the listeners"),) if unresolved else ()
        yield (
            gateway.ref,
            GatewayStatus(
                tuple(GatewayStatusAddress("IPAddress", address) for address in addresses),
                (
                    accepted,
                    condition("Programmed", generation, "Programmed", programmed),
                    condition("ResolvedRefs", generation, "ResolvedRefs", refs),
                ),
                tuple(listeners),
            ),
        )

    return status


def _concerns(where: str, index: int, gateway: ResolvedGateway) -> bool:
    """Whether what is wrong at a field is so for this listener. Listeners of one port share what is wrong with it."""
    named = next((at for at in range(len(gateway.listeners)) if f"{where}.".startswith(f"spec.listeners[{at}].")), None)
    if named is None:
        return False
    ports = {gateway.listeners[at].bound_port for at in (index, named)}
    return named == index or (where.endswith(".port") and len(ports) == 1)


def _gateway_accepted(gateway: ResolvedGateway, valid: list[ResolvedListener], generation: int) -> Condition:
    if gateway.refused:
        return condition("Accepted", generation, "Accepted", gateway.refused)
    bad = [one.name for one in gateway.listeners if not one.serves]
    if not bad:
        return condition("Accepted", generation, "Accepted", ())
    # With at least one good listener a Gateway is accepted, but says that others are not.
    text = f"not valid: {', '.join(bad)}; see the status of the listeners"
    return Condition("Accepted", _truth(bool(valid)), "ListenersNotValid", text, generation)


def _gateway_programmed(
    gateway: ResolvedGateway,
    valid: list[ResolvedListener],
    listeners: list[ListenerStatus],
) -> Findings:
    if gateway.refused:
        return (Finding("Invalid", "", "the Gateway is not accepted"),)
    if not valid:
        return (Finding("Invalid", "", "no listener is valid"),)
    unusable = [
        one.message
        for status in listeners
        for one in status.conditions
        if (one.type, one.reason) == ("Programmed", "AddressNotUsable")
    ]
    if unusable:
        return (Finding("AddressNotUsable", "", unusable[0]),)
    if all(
        one.status == "False" and one.reason != "Pending"
        for status in listeners
        for one in status.conditions
        if one.type == "Programmed"
    ):
        return (Finding("Invalid", "", "no listener is programmed; see their status"),)
    return ()


def _listener(
    gateway: ResolvedGateway, one: ResolvedListener, rejected: Findings, attached: int, pending: Findings
) -> ListenerStatus:
    generation = gateway.generation
    programmed: Findings = ()
    if not one.serves or gateway.refused:
        programmed = (Finding("Invalid", "", "the listener cannot be served; see the other conditions"),)
    elif rejected or pending:
        programmed = rejected or pending
    not_accepted = one.not_accepted or one.conflicted
    return ListenerStatus(
        name=one.name,
        supported_kinds=one.kinds,
        attached_routes=attached,
        conditions=(
            condition("Accepted", generation, "Accepted", not_accepted),
            condition("Conflicted", generation, "NoConflicts", one.conflicted, inverted=True),
            condition("Programmed", generation, "Programmed", programmed),
            condition("ResolvedRefs", generation, "ResolvedRefs", one.not_resolved),
        ),
    )


def route_rule(
    rejections: Index[Ref, RejectionKey, Rejection],
) -> Callable[[Reader, Ref, ResolvedRoute], Iterator[tuple[Ref, Status]]]:
    """The rule from a route to its status."""

    def status(reader: Reader, ref: Ref, route: ResolvedRoute) -> Iterator[tuple[Ref, Status]]:
        rejected = reader.find(rejections, ref)
        parents = []
        for parent in route.parents:
            theirs = [one for one in rejected if one.proxy == str(parent.gateway)]
            parents.append(
                RouteParentStatus(parent.parent, parent.controller, tuple(_parent_conditions(route, parent, theirs)))
            )
        yield ref, RouteStatus(tuple(parents))

    return status


def _parent_conditions(
    route: ResolvedRoute, parent: ParentResult, rejected: Iterable[Rejection]
) -> Iterator[Condition]:
    generation = route.generation
    served = any(not rule.broken for rule in route.route.rules)
    dropped = route.dropped
    refused = parent.refused or (() if served or not dropped else dropped)
    yield condition("Accepted", generation, "Accepted", refused)
    yield condition("ResolvedRefs", generation, "ResolvedRefs", route.not_resolved)
    by_envoy = tuple(Finding("Invalid", one.where, f"Envoy: {one.message}") for one in rejected)
    if by_envoy:
        yield condition("Programmed", generation, "Programmed", by_envoy)
    partly = (*(dropped if served else ()), *by_envoy)
    if partly and not parent.refused:
        # The message must start so (RouteConditionPartiallyInvalid).
        text = f"Dropped Rule(s): {joined(partly)}"
        yield Condition("PartiallyInvalid", "True", "UnsupportedValue", text, generation)
