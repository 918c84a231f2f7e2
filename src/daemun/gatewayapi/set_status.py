"""The status of ListenerSets."""

from collections.abc import Callable, Iterator

from daemun.api.status import ListenerSetStatus, Status
from daemun.base.names import Ref
from daemun.flow import Reader
from daemun.gatewayapi import listener_status
from daemun.gatewayapi.conditions import Findings, condition
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.listener_status import Inputs
from daemun.gatewayapi.resolved import Parent, ResolvedListenerSet


def set_rule(inputs: Inputs) -> Callable[[Reader, Ref, Parent], Iterator[tuple[Ref, Status]]]:
    """The rule from a parent to its status, if it is a ListenerSet."""

    def status(reader: Reader, ref: Ref, one: Parent) -> Iterator[tuple[Ref, Status]]:
        if not isinstance(one, ResolvedListenerSet):
            return
        waiting = listener_status.pending(reader, inputs, one)
        listeners = listener_status.statuses(reader, inputs, one, waiting)
        why = _invalid(one) or listener_status.not_programmed(listeners) or waiting
        programmed = condition("Programmed", one.generation, "Programmed", why)
        yield ref, ListenerSetStatus((listener_status.accepted(one), programmed), listeners)

    return status


def _invalid(one: ResolvedListenerSet) -> Findings:
    """Why nothing of it can be programmed, if so."""
    if one.refused:
        reason, text = one.refused[0].reason, one.refused[0].text
        return (Finding("ParentNotProgrammed" if reason == "ParentNotAccepted" else reason, "", text),)
    return () if one.accepted else (Finding("ListenersNotValid", "", "no listener is valid; see their status"),)
