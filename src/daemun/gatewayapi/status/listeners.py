"""The status of listeners, whoever owns them, and what they mean for their owner's conditions."""

from collections.abc import Iterator

import msgspec

from daemun.api.status import Condition, ListenerStatus
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey, reason_for
from daemun.gatewayapi.resolved import Parent, ResolvedListener, ResolvedRoute, parents_of
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.conditions import Findings, condition, truth
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.listener import FrontendKey, port_name
from daemun.ir.resource import LISTENER
from daemun.ir.route import RouteKey

ListenerUse = tuple[Ref, str]
"""A listener of a Gateway or ListenerSet, as routes use it."""


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


def statuses(reader: Reader, inputs: Inputs, parent: Parent, waiting: Findings) -> tuple[ListenerStatus, ...]:
    """The status of each listener of a Gateway or ListenerSet."""
    mine = [one for one in reader.find(inputs.rejections, parent.ref) if one.proxy == parent.proxy]
    found = []
    for index, one in enumerate(parent.listeners):
        port = FrontendKey(parent.proxy, *one.socket).listener
        rejected = [r for r in mine if f"{r.where}.".startswith(f"spec.listeners[{index}].")]
        rejected += reader.find(inputs.ports, (parent.proxy, port))
        findings = tuple(
            Finding(reason_for(r.message), r.where, f"Envoy: {r.message}") for r in dict.fromkeys(rejected)
        )
        attached = reader.count(inputs.uses, (parent.ref, one.name))
        unresolved = inputs.unread.said(reader, one.not_resolved)
        told = msgspec.structs.replace(one, not_resolved=unresolved) if unresolved else one
        found.append(_status(parent, told, findings or waiting, attached))
    return tuple(found)


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


def not_programmed(listeners: tuple[ListenerStatus, ...]) -> Findings:
    """Why no listener that is valid is programmed, if so: then neither is their owner."""
    found = [one for status in listeners for one in status.conditions if one.type == "Programmed"]
    unusable = [one.message for one in found if one.reason == "AddressNotUsable"]
    if unusable:
        return (Finding("AddressNotUsable", "", unusable[0]),)
    if all(one.status == "False" and one.reason != "Pending" for one in found):
        return (Finding("Invalid", "", "no listener is programmed; see their status"),)
    return ()
