"""The status of routes: of each parent what came of it, by whichever ways."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from daemun.api.meta import ParentReference
from daemun.api.status import Condition, RouteParentStatus, RouteStatus, Status
from daemun.base.names import Ref
from daemun.flow import Index, Reader
from daemun.gatewayapi.findings import Finding, joined
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.resolved import ParentResult, ResolvedRoute
from daemun.gatewayapi.status.conditions import Findings, condition
from daemun.gatewayapi.status.told import Told
from daemun.gatewayapi.status.unread import Unread
from daemun.ir.route import RouteKey

Rejections = Index[Ref, RejectionKey, Rejection]
_MOST_PARENTS = 32
"""As many as a status can hold; any number of routes may delegate to one."""
_Results = list[tuple[ResolvedRoute, ParentResult]]


def route_rule(
    rejections: Rejections, told: Told, unread: Unread
) -> Callable[[Reader, RouteKey, ResolvedRoute], Iterator[tuple[Ref, Status]]]:
    """The rule from a route to its status."""

    def status(reader: Reader, _: RouteKey, route: ResolvedRoute) -> Iterator[tuple[Ref, Status]]:
        yield route.ref, _Telling(reader, rejections, told, unread).status(told.of(reader, route))

    return status


def reached_rule(
    rejections: Rejections, told: Told, unread: Unread
) -> Callable[[Reader, Ref, Ref], Iterator[tuple[Ref, Status]]]:
    """The rule from a route that is only delegated to, to its status."""

    def status(reader: Reader, ref: Ref, _: Ref) -> Iterator[tuple[Ref, Status]]:
        routes = told.only(reader, ref)
        if routes:
            yield ref, _Telling(reader, rejections, told, unread).status(routes)

    return status


class _Telling(NamedTuple):
    """Makes the status of a route."""

    reader: Reader
    rejections: Rejections
    told: Told
    unread: Unread

    def status(self, routes: list[ResolvedRoute]) -> RouteStatus:
        """Of a route, given all that it was resolved to."""
        rejected = self.reader.find(self.rejections, routes[0].ref)
        not_resolved = self._said(self.told.not_resolved(self.reader, routes))
        results: dict[tuple[ParentReference, str], _Results] = {}
        for route in routes:
            for parent in route.parents:
                results.setdefault((parent.parent, parent.controller), []).append((route, parent))
        return RouteStatus(
            tuple(
                RouteParentStatus(parent, controller, tuple(self._conditions(found, not_resolved, rejected)))
                for (parent, controller), found in islice(results.items(), _MOST_PARENTS)
            )
        )

    def _said(self, findings: Findings) -> Findings:
        return self.unread.said(self.reader, findings) if findings else findings

    def _conditions(self, found: _Results, not_resolved: Findings, rejected: list[Rejection]) -> Iterator[Condition]:
        """The conditions under one parent. Of several ways through it those that are accepted count."""
        generation = found[0][0].generation
        accepted = [one for one in found if not one[1].refused] or found[:1]
        routes = [route for route, _ in accepted]
        served = any(route.delegations or any(not rule.broken for rule in route.route.rules) for route in routes)
        dropped = self._said(tuple(dict.fromkeys(finding for route in routes for finding in route.dropped)))
        unfit = self._said(accepted[0][1].refused)
        notes = self._said(tuple(dict.fromkeys(finding for _, parent in accepted for finding in parent.notes)))
        taken = condition("Accepted", generation, "Accepted", unfit or (() if served or not dropped else dropped))
        yield msgspec.structs.replace(taken, message=joined(notes)) if notes and taken.status == "True" else taken
        yield condition("ResolvedRefs", generation, "ResolvedRefs", not_resolved)
        by_envoy: Findings = ()
        if rejected:
            proxies = {parent.proxy for _, parent in found}
            mine = (one for one in rejected if one.proxy in proxies)
            by_envoy = tuple(Finding("Invalid", one.where, f"Envoy: {one.message}") for one in mine)
        if by_envoy:
            yield condition("Programmed", generation, "Programmed", by_envoy)
        partly = (*(dropped if served else ()), *by_envoy)
        if partly and not unfit:
            # The message must start so (RouteConditionPartiallyInvalid).
            text = f"Dropped Rule(s): {joined(partly)}"
            yield Condition("PartiallyInvalid", "True", "UnsupportedValue", text, generation)
