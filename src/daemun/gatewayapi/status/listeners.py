"""The status of listeners, whoever owns them, and what they mean for their owner's conditions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from daemun.api.status import Condition, ListenerStatus
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.answers import FOREIGN, ProxyState, Rejection, RejectionKey, reason_for
from daemun.gatewayapi.resolved import Parent, ResolvedListener, ResolvedRoute, parents_of
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.conditions import Findings, condition, truth
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.listener import FrontendKey, address_of, port_name
from daemun.ir.resource import LISTENER
from daemun.ir.route import RouteKey

ListenerUse = tuple[Ref, str]
"""A listener of a Gateway or ListenerSet, as routes use it."""
_MENDS = {
    "PortUnavailable": "It is tried again now and then. End what has the port there, or choose another one.",
    "AddressNotUsable": "Ask for addresses that this machine has.",
}


class Inputs(msgspec.Struct, frozen=True):
    """What the status of a listener depends on besides its owner.

    `ports` finds what Envoy rejected about a port as such, which all share that listen there: by proxy and port.
    """

    uses: Index[ListenerUse, RouteKey, ResolvedRoute]
    acknowledged: Collection[Ref, Parent]
    rejections: Index[Ref, RejectionKey, Rejection]
    ports: Index[tuple[str, str], RejectionKey, Rejection]
    settings: Settings
    unread: Unread


class Told(NamedTuple):
    """The status of a listener. It is served at these addresses, though perhaps not at all that there should be."""

    status: ListenerStatus
    served: tuple[str, ...]


def uses_of(_: RouteKey, route: ResolvedRoute) -> Iterator[ListenerUse]:
    """The listeners that a route is attached to: what attachedRoutes counts."""
    if not route.through and not route.limb:
        yield from {(one.owner, one.listener) for one in route.attachments}


def port_of(key: RejectionKey, one: Rejection) -> Iterator[tuple[str, str]]:
    """The port that a rejection speaks of, if any."""
    if key.type_url == LISTENER and one.where.endswith(".port"):
        yield key.proxy, port_name(key.resource)


def acknowledged_of(_: Reader, proxy: str, state: ProxyState) -> Iterator[tuple[Ref, Parent]]:
    """The Gateway and its ListenerSets as the proxy has them, each by itself."""
    del proxy
    if state.acknowledged is not None:
        yield from parents_of(state.acknowledged)


def pending(reader: Reader, inputs: Inputs, parent: Parent) -> Findings:
    """That the proxy does not have it as it is, if so."""
    if inputs.settings.assume_programmed or reader.get(inputs.acknowledged, parent.ref) == parent:
        return ()
    mend = ""
    if inputs.settings.clustered:
        pods = f"kubectl -n {Name.of(parent.proxy).namespace} describe pods -l {GATEWAY}/gateway-name"
        mend = f"If it stays so, this says why: {pods}"
    return (Finding("Pending", "", "the proxy has not acknowledged its configuration yet", mend),)


def told(
    reader: Reader, inputs: Inputs, parent: Parent, addresses: Sequence[str], waiting: Findings
) -> tuple[Told, ...]:
    """The status of each listener of a Gateway or ListenerSet, whose ports are to be bound at these addresses."""
    mine = [one for one in reader.find(inputs.rejections, parent.ref) if one.proxy == parent.proxy]
    found = []
    for index, one in enumerate(parent.listeners):
        rejected = [r for r in mine if f"{r.where}.".startswith(f"spec.listeners[{index}].")]
        of_port = _of_port(reader, inputs, parent, one)
        findings = tuple(_finding(r) for r in dict.fromkeys([*rejected, *of_port.values()]))
        well = one.serves and not parent.refused and all(finding.reason in FOREIGN for finding in findings or waiting)
        served = tuple(at for at in addresses if at not in of_port) if well else ()
        if findings and served:
            text = f"listener {one.name} is served at {', '.join(served)} and not at {', '.join(of_port)}"
            findings = (Finding(findings[0].reason, "", text), *findings)
        attached = reader.count(inputs.uses, (parent.ref, one.name))
        unresolved = inputs.unread.said(reader, one.not_resolved)
        resolved = msgspec.structs.replace(one, not_resolved=unresolved) if unresolved else one
        found.append(Told(_status(parent, resolved, findings or waiting, attached), served))
    return tuple(found)


def _of_port(reader: Reader, inputs: Inputs, parent: Parent, one: ResolvedListener) -> dict[str, Rejection]:
    """What Envoy rejected about the port of a listener as such, by the address."""
    port = (parent.proxy, FrontendKey(parent.proxy, *one.socket).listener)
    names = [address_of(key.resource, inputs.settings.usual_address) for key in reader.find_keys(inputs.ports, port)]
    return dict(zip(names, reader.find(inputs.ports, port), strict=True))


def _finding(one: Rejection) -> Finding:
    reason = reason_for(one.message)
    return Finding(reason, one.where, f"Envoy: {one.message}", _MENDS.get(reason, ""))


def _status(parent: Parent, one: ResolvedListener, not_programmed: Findings, attached: int) -> ListenerStatus:
    generation = parent.generation
    if not one.serves or parent.refused:
        reason = one.conflicted[0].reason if one.conflicted else "Invalid"
        not_programmed = (Finding(reason, "", "the listener cannot be served; see the other conditions"),)
    return ListenerStatus(
        name=one.name,
        supported_kinds=one.kinds,
        attached_routes=attached,
        conditions=(
            condition("Accepted", generation, "Accepted", one.not_accepted or one.conflicted),
            condition("Conflicted", generation, "NoConflicts", one.conflicted, inverted=True),
            condition("Programmed", generation, "Programmed", not_programmed),
            condition("ResolvedRefs", generation, "ResolvedRefs", one.not_resolved),
        ),
    )


def accepted(parent: Parent) -> Condition:
    """Whether the owner is accepted. With at least one good listener it is, but says that others are not."""
    bad = [one.name for one in parent.listeners if not one.serves]
    if parent.refused or not bad:
        return condition("Accepted", parent.generation, "Accepted", parent.refused)
    text = f"not valid: {', '.join(bad)}; see the status of the listeners"
    return Condition("Accepted", truth(len(bad) < len(parent.listeners)), "ListenersNotValid", text, parent.generation)


def not_programmed(listeners: tuple[Told, ...], addresses: Sequence[str]) -> Findings:
    """Why no listener that is valid is programmed at all of these addresses, if so: then neither is their owner."""
    found = [condition for one in listeners for condition in one.status.conditions if condition.type == "Programmed"]
    unusable = [one.message for one in found if one.reason == "AddressNotUsable"]
    if not unusable and not all(one.status == "False" and one.reason != "Pending" for one in found):
        return ()
    by_address = [(at, ", ".join(one.status.name for one in listeners if at in one.served)) for at in addresses]
    if any(names for _, names in by_address):
        serving = ", ".join(f"{at} serves {names or 'no listener'}" for at, names in by_address)
        return (Finding("AddressNotUsable", "", f"{serving}; see the status of the listeners"),)
    if unusable:
        return (Finding("AddressNotUsable", "", unusable[0].removesuffix(".")),)
    return (Finding("Invalid", "", "no listener is programmed; see their status"),)
