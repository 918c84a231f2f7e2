"""The status of ListenerSets."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from daemun.api.status import ListenerSetStatus, Status
from daemun.base.names import GATEWAY, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.reach import Reach, Surroundings
from daemun.gatewayapi.resolved import Parent, ResolvedGateway, ResolvedListenerSet
from daemun.gatewayapi.status import listeners as listener_status
from daemun.gatewayapi.status.conditions import Findings, condition
from daemun.gatewayapi.status.listeners import Inputs
from daemun.ir.listener import bound


def set_rule(
    inputs: Inputs, parents: Collection[Ref, Parent], surroundings: Surroundings
) -> Callable[[Reader, Ref, Parent], Iterator[tuple[Ref, Status]]]:
    """The rule from a parent to its status, if it is a ListenerSet."""

    def status(reader: Reader, ref: Ref, one: Parent) -> Iterator[tuple[Ref, Status]]:
        if not isinstance(one, ResolvedListenerSet):
            return
        waiting = listener_status.pending(reader, inputs, one)
        gateway = reader.get(parents, Ref(GATEWAY, "Gateway", *one.gateway))
        reach, bound_at = Reach(), list[str]()
        if isinstance(gateway, ResolvedGateway):
            reach, bound_at = surroundings.reach(reader, gateway), bound(gateway.addresses)
        of_parent = inputs.unread.said(reader, reach.refused)
        refused = inputs.unread.said(reader, one.refused) or _of_parent("ParentNotAccepted", of_parent)
        one = msgspec.structs.replace(one, refused=refused)
        listeners = listener_status.told(reader, inputs, one, bound_at, waiting)
        why = _invalid(one) or listener_status.not_programmed(listeners, bound_at)
        why = why or _of_parent("ParentNotProgrammed", reach.missing) or waiting
        programmed = condition("Programmed", one.generation, "Programmed", why)
        yield (
            ref,
            ListenerSetStatus((listener_status.accepted(one), programmed), tuple(each.status for each in listeners)),
        )

    return status


def _of_parent(reason: str, findings: Iterable[Finding]) -> Findings:
    """What is wrong with the Gateway, as its ListenerSets tell it: it is not theirs to mend."""
    return tuple(Finding(reason, "spec.parentRef", one.text) for one in findings)


def _invalid(one: ResolvedListenerSet) -> Findings:
    """Why nothing of it can be programmed, if so."""
    if one.refused:
        reason = one.refused[0].reason
        return _of_parent("ParentNotProgrammed" if reason == "ParentNotAccepted" else reason, one.refused[:1])
    return () if one.accepted else (Finding("ListenersNotValid", "", "no listener is valid; see their status"),)
