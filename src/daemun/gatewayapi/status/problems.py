"""Problems: every finding about every object, for people. The status says the same in conditions."""

from collections.abc import Callable, Iterable, Iterator

from daemun.api.gateway import Gateway, GatewayClass
from daemun.api.listenerset import ListenerSet
from daemun.api.meta import Resource
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import BUILT_IN
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.listeners.listenersets import parent_of
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey, reason_for
from daemun.gatewayapi.proxies.reach import Surroundings
from daemun.gatewayapi.resolved import Parent, ResolvedGateway, ResolvedRoute
from daemun.gatewayapi.routes.delegations import ROUTE
from daemun.gatewayapi.routes.kinds import RouteKind
from daemun.gatewayapi.routes.streams import Holder, overtaken
from daemun.gatewayapi.status.told import Told
from daemun.ir.auth import SERVER
from daemun.ir.listener import HostKey
from daemun.ir.problem import Problem
from daemun.ir.route import RouteKey

Problems = tuple[Problem, ...]
Rejections = Index[Ref, RejectionKey, Rejection]


def from_findings(ref: Ref, findings: Iterable[Finding], *, warning: bool = False) -> Problems:
    """Findings as problems of an object, each once."""
    found = [Problem(ref, one.reason, one.where, one.text, one.mend, warning, one.absent) for one in findings]
    return tuple(dict.fromkeys(found)) if found else ()


def rejected(reader: Reader, rejections: Rejections, ref: Ref) -> Iterator[Finding]:
    """What proxies rejected of an object, or the server that they ask who may come in."""
    for one in reader.find(rejections, ref):
        by = "the authorization server" if one.proxy == SERVER else f"the proxy of {one.proxy}"
        text = f"{by} rejected it: {one.message}"
        yield Finding(reason_for(one.message), one.where, text, "It is tried again when it changes, and now and then.")


def parent_problems(
    rejections: Rejections, surroundings: Surroundings
) -> Callable[[Reader, Ref, Parent], Iterator[tuple[Ref, Problems]]]:
    """The rule from a Gateway or ListenerSet to what is wrong with it."""

    def problems(reader: Reader, ref: Ref, parent: Parent) -> Iterator[tuple[Ref, Problems]]:
        findings, notes = list(parent.refused), parent.notes
        if isinstance(parent, ResolvedGateway):
            reach = surroundings.reach(reader, parent)
            notes += (*parent.fallbacks, *reach.notes)
            findings += [*parent.not_resolved, *reach.refused, *(one for one in reach.missing if one.mend)]
        for index, one in enumerate(parent.listeners):
            where = f"spec.listeners[{index}]"
            findings.extend(
                Finding(finding.reason, finding.where or where, finding.text, finding.mend)
                for finding in (*one.not_accepted, *one.conflicted, *one.not_resolved)
            )
        findings.extend(rejected(reader, rejections, ref))
        found = from_findings(ref, findings)
        found += from_findings(ref, notes, warning=True)
        if found:
            yield ref, found

    return problems


def route_problems(
    rejections: Rejections, holders: Collection[HostKey, Holder], told: Told
) -> Callable[[Reader, RouteKey, ResolvedRoute], Iterator[tuple[Ref, Problems]]]:
    """The rule from a route to what is wrong with it, and to what others take from it."""

    def problems(reader: Reader, _: RouteKey, route: ResolvedRoute) -> Iterator[tuple[Ref, Problems]]:
        found = _of_route(reader, rejections, told, told.of(reader, route))
        found += from_findings(route.ref, overtaken(reader, holders, route), warning=True)
        if found:
            yield route.ref, found

    return problems


def reached_problems(
    rejections: Rejections, told: Told
) -> Callable[[Reader, Ref, Ref], Iterator[tuple[Ref, Problems]]]:
    """The rule from a route that is only delegated to, to what is wrong with it."""

    def problems(reader: Reader, ref: Ref, _: Ref) -> Iterator[tuple[Ref, Problems]]:
        routes = told.only(reader, ref)
        found = _of_route(reader, rejections, told, routes) if routes else ()
        if found:
            yield ref, found

    return problems


def _of_route(reader: Reader, rejections: Rejections, told: Told, routes: list[ResolvedRoute]) -> Problems:
    ref = routes[0].ref
    findings = [finding for route in routes for parent in route.parents for finding in parent.refused]
    findings += told.not_resolved(reader, routes)
    for route in routes:
        findings += route.dropped
    findings += rejected(reader, rejections, ref)
    found = from_findings(ref, findings)
    notes = [finding for route in routes for parent in route.parents for finding in parent.notes]
    found += from_findings(ref, notes, warning=True)
    if routes[-1].through:  # the ways to it come last
        found += from_findings(ref, told.unreached(reader, routes), warning=True)
    return found


def unclaimed_gateways(
    classes: Collection[Name, GatewayClass],
) -> Callable[[Reader, Name, Gateway], Iterator[tuple[Ref, Problems]]]:
    """The rule from a Gateway to the note that no class of that name exists: nobody will ever serve it."""

    def unclaimed(reader: Reader, name: Name, gateway: Gateway) -> Iterator[tuple[Ref, Problems]]:
        wanted = gateway.spec.gateway_class_name
        if wanted in BUILT_IN or reader.get(classes, Name("", wanted)) is not None:
            return
        ref = Ref(GATEWAY, "Gateway", name.namespace, name.name)
        mend = f"Use {' or '.join(BUILT_IN)}, or write the class."
        missing, so = Ref(GATEWAY, "GatewayClass", "", wanted), ", so nothing serves this Gateway"
        yield ref, from_findings(ref, (absent("Pending", "spec.gatewayClassName", missing, mend, suffix=so),))

    return unclaimed


def orphaned_sets(_: Reader, name: Name, one: ListenerSet) -> Iterator[tuple[Ref, Problems]]:
    """From a ListenerSet to the note that its parent is no Gateway."""
    if parent_of(name, one) is None:
        ref = Ref(GATEWAY, "ListenerSet", name.namespace, name.name)
        text = f"{one.spec.parent_ref.kind} is not a kind that takes listeners, so nothing serves them"
        yield ref, (Problem(ref, "NoParents", "spec.parentRef", text, "Name a Gateway.", warning=True),)


def orphaned_routes(
    kind: RouteKind, defaults: Index[bool, Name, ResolvedGateway], told: Told
) -> Callable[[Reader, Name, Resource], Iterator[tuple[Ref, Problems]]]:
    """The rule from a route to the note that it has no parents."""

    def orphaned(reader: Reader, name: Name, route: Resource) -> Iterator[tuple[Ref, Problems]]:
        spec = kind.spec(route)
        if any(one.kind != ROUTE or one.group != GATEWAY for one in spec.parent_refs):
            return
        ref = Ref(GATEWAY, kind.kind, name.namespace, name.name)
        if kind.kind == ROUTE and reader.count(told.ways, ref):
            return
        where, text = "spec.parentRefs", "it has no parents, so nothing serves it"
        if spec.parent_refs:
            text = "no parent of it is attached to a Gateway, so nothing serves it"
        if spec.use_default_gateways == "All":
            if reader.count(defaults, True):
                return
            where, text = "spec.useDefaultGateways", "there is no default Gateway, so nothing serves it"
        yield ref, (Problem(ref, "NoParents", where, text, "Name a Gateway.", warning=True),)

    return orphaned
