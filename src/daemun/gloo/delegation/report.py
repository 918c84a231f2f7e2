"""What is to be said of delegation besides what each way says: references without anybody, matches without a way."""

from collections.abc import Callable, Iterator

from daemun.api.routes import HTTPRoute
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.resolved import Delegation, ResolvedRoute
from daemun.gatewayapi.routes.delegations import ALL_NAMESPACES, ROUTE, cycle
from daemun.gloo.delegation.delegators import KIND, means, member_of
from daemun.ir.route import RouteKey

Reference = tuple[Ref, str]
"""A reference of a route to others: the route, and the field."""


def references_of(_: RouteKey, route: ResolvedRoute) -> Iterator[Reference]:
    """The references of its parent by which a route is reached; for an index."""
    for where in route.chosen:
        yield route.through[0], where


def lost(
    written: Collection[Name, HTTPRoute], chosen: Collection[Reference, Reference]
) -> Callable[[Reader, ResolvedRoute], Iterator[Finding]]:
    """How the references to routes that lead to nobody are found."""

    def find(reader: Reader, route: ResolvedRoute) -> Iterator[Finding]:
        if not route.delegations or not route.attachments:
            return
        told = {one.where for one in route.not_resolved}
        for one in route.delegations:
            if one.where not in told and reader.get(chosen, (route.ref, one.where)) is None:
                yield _back(reader, written, route, one) or _unresolved(reader, written, route.ref, one)

    return find


def _back(
    reader: Reader, written: Collection[Name, HTTPRoute], route: ResolvedRoute, one: Delegation
) -> Finding | None:
    """That all whom a wildcard or a label leads to is the route itself, or one above it."""
    for ref in (route.ref, *route.through):
        child = reader.get(written, ref.key)
        if child is not None and means(one, member_of(child)):
            return cycle(one.where, route.ref, ref)
    return None


def _unresolved(reader: Reader, written: Collection[Name, HTTPRoute], parent: Ref, one: Delegation) -> Finding:
    where = "any namespace" if one.namespace == ALL_NAMESPACES and one.label else f"namespace {one.namespace}"
    if one.label:
        text = f"unresolved reference: no HTTPRoute of {where} with label {one.label!r} is to be delegated to"
        return Finding("BackendNotFound", one.where, text)
    named = Ref(GATEWAY, ROUTE, one.namespace, one.name)
    child = reader.get(written, named.key)
    if child is not None and member_of(child).consent(parent) is None:
        text = f"unresolved reference: {named} has parents, but this route is none of them"
        return Finding("RefNotPermitted", one.where, text, "Add it to the parentRefs there.")
    if child is not None:
        return Finding("BackendNotFound", one.where, f"unresolved reference: {named} is not reached by it")
    if one.name == "*":
        text = f"unresolved reference: no HTTPRoute of {where} is to be delegated to"
        return Finding("BackendNotFound", one.where, text)
    return absent("BackendNotFound", one.where, named, prefix="unresolved reference: ")


def unreached(
    written: Collection[Name, HTTPRoute],
) -> Callable[[Reader, list[ResolvedRoute]], Iterator[Finding]]:
    """How the matches are found that no way leads to, of a route that is reached by at least one."""

    def find(reader: Reader, routes: list[ResolvedRoute]) -> Iterator[Finding]:
        served = [one for one in routes if one.attachments]
        if not served or any(not one.through for one in served):
            return
        route = reader.get(written, routes[0].ref.key)
        known = {match.where for one in served for rule in one.route.rules for match in rule.matches}
        known |= {finding.where for one in served for finding in one.dropped}
        for plain in KIND.rules(route) if route and not any(one.delegations for one in served) else ():
            for match in plain.matches:
                if match.where not in known and not any(where.startswith(f"{match.where}.") for where in known):
                    text = "it is not below a match of those that delegate to this route, so nothing gets there"
                    yield Finding("Unreached", match.where, text)

    return find
