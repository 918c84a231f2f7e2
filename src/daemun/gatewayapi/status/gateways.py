"""Status: what became of every object, derived from the same values that Envoy's configuration is made of (law 4)."""

from collections.abc import Callable, Iterator

import msgspec
from msgspec import UNSET

from daemun.api.gateway import GatewayClass
from daemun.api.status import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    Status,
    SupportedFeature,
)
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.classes import CONTROLLERS
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.parameters import Kinds, class_findings
from daemun.gatewayapi.proxies.reach import Surroundings
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.status import listeners as listener_status
from daemun.gatewayapi.status.conditions import Findings, condition
from daemun.gatewayapi.status.listeners import Inputs
from daemun.gatewayapi.status.supported import FEATURES
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.listener import bound


def class_rule(kinds: Kinds, unread: Unread) -> Callable[[Reader, Name, GatewayClass], Iterator[tuple[Ref, Status]]]:
    """The rule from a class to its status, if it is ours."""

    def status(reader: Reader, name: Name, one: GatewayClass) -> Iterator[tuple[Ref, Status]]:
        if one.spec.controller_name not in CONTROLLERS:
            return
        generation = one.metadata.generation
        findings = unread.said(reader, class_findings(reader, kinds, one))
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

    return status


def gateway_rule(
    inputs: Inputs, surroundings: Surroundings
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[Ref, Status]]]:
    """The rule from a Gateway to its status. Its conditions speak of its own listeners alone (GEP-1713)."""

    def status(reader: Reader, name: Name, gateway: ResolvedGateway) -> Iterator[tuple[Ref, Status]]:
        del name
        alone = msgspec.structs.replace(gateway, sets=None)
        waiting = listener_status.pending(reader, inputs, alone)
        reach = surroundings.reach(reader, gateway)
        answers = not gateway.refused and any(one.serves for one in gateway.merged())
        refused = inputs.unread.said(reader, (*gateway.refused, *reach.refused))
        gateway = msgspec.structs.replace(gateway, refused=refused)
        bound_at = bound(gateway.addresses)
        listeners = listener_status.told(reader, inputs, gateway, bound_at, waiting)
        generation = gateway.generation
        programmed = (
            _invalid(gateway) or listener_status.not_programmed(listeners, bound_at) or reach.missing or waiting
        )
        unresolved = any(one.not_resolved for one in gateway.listeners)
        refs: Findings = inputs.unread.said(reader, gateway.not_resolved)
        if unresolved and not refs:
            refs = (Finding("ListenersNotResolved", "", "see the status of the listeners"),)
        addresses = reach.addresses if answers else ()
        sets = UNSET if gateway.sets is None else sum(one.accepted and not gateway.refused for one in gateway.sets)
        yield (
            gateway.ref,
            GatewayStatus(
                addresses,
                (
                    listener_status.accepted(gateway),
                    condition("Programmed", generation, "Programmed", programmed),
                    condition("ResolvedRefs", generation, "ResolvedRefs", refs),
                    *_insecure(gateway),
                ),
                tuple(one.status for one in listeners),
                sets,
            ),
        )

    return status


def _insecure(gateway: ResolvedGateway) -> Iterator[Condition]:
    """A condition that is there only while it is true."""
    if gateway.fallbacks:
        yield condition("InsecureFrontendValidationMode", gateway.generation, "", gateway.fallbacks, inverted=True)


def _invalid(gateway: ResolvedGateway) -> Findings:
    """Why nothing of it can be programmed, if so."""
    if gateway.refused:
        return (Finding("Invalid", "", "the Gateway is not accepted"),)
    if not any(one.serves for one in gateway.listeners):
        return (Finding("Invalid", "", "no listener is valid"),)
    return ()
