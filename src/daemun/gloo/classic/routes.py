"""VirtualServices resolved: their routes, with those of the RouteTables that they delegate to, in the order written.

They are resolved in pieces: the trunk, and each limb (`delegation`) by itself, which is a route like any other from
there on. The `order` of its rules says where they stand among the others.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.virtual_service import VirtualService
from daemun.api.meta import ParentReference
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ParentResult, ResolvedRoute
from daemun.gatewayapi.routes.route import Checks
from daemun.gloo.classic import destinations, options
from daemun.gloo.classic.delegation import Flattening, Limb, Placing, Tables
from daemun.gloo.classic.destinations import Destinations
from daemun.gloo.classic.hosts import KIND
from daemun.gloo.classic.matchers import match_of
from daemun.gloo.classic.options import OptionsOf, host_policies
from daemun.gloo.classic.placed import Placed, Placeds
from daemun.gloo.classic.proxies import CONTROLLER
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.settings.scope import Scope, Scopes, scope_of
from daemun.gloo.settings.upstream_defaults import FORWARD_TO
from daemun.ir.route import Backend, Match, Route, RouteKey, Rule, Use, Way

_ROUTES = "spec.virtualHost.routes"
_ACTIONS = "routeAction, redirectAction, directResponseAction or delegateAction"


class Trunk(msgspec.Struct, frozen=True, gc=False):
    """A VirtualService with all of its routes but those of its limbs, and what was found while they were looked for."""

    service: VirtualService
    placings: tuple[Placing, ...]
    problems: Problems


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """A piece of a VirtualService with everything, and what was found about it and about what it refers to."""

    route: ResolvedRoute
    problems: Problems


class Inputs(NamedTuple):
    """What the routes of VirtualServices are made of."""

    placed: Placeds
    tables: Tables
    destinations: destinations.Inputs
    options: options.Inputs
    scopes: Scopes
    checks: Checks


def piece_rule(of: Inputs) -> Callable[[Reader, Name, VirtualService], Iterator[tuple[RouteKey, Trunk | Limb]]]:
    """The rule from a VirtualService to its pieces."""

    def pieces(reader: Reader, name: Name, service: VirtualService) -> Iterator[tuple[RouteKey, Trunk | Limb]]:
        if reader.get(of.placed, name) is None:
            return
        ref, report = Ref(GLOO_GATEWAY, KIND, *name), Report()
        flattening = Flattening(reader, of.tables, scope_of(reader, of.scopes), report, ref)
        host = service.spec.virtual_host
        placings = flattening.trunk(_ROUTES, host.routes if host else ())
        yield ref, Trunk(service, placings, report.problems)
        for limb in flattening.limbs:
            yield limb.key, limb

    return pieces


def resolve_rule(of: Inputs) -> Callable[[Reader, RouteKey, Trunk | Limb], Iterator[tuple[RouteKey, Resolved]]]:
    """The rule from a piece of a VirtualService to a route with everything."""

    def resolve(reader: Reader, key: RouteKey, piece: Trunk | Limb) -> Iterator[tuple[RouteKey, Resolved]]:
        ref = Ref(*key[:4])
        placed = reader.get(of.placed, ref.key)
        if placed is None:
            return
        scope, report = scope_of(reader, of.scopes), Report()
        read = OptionsOf(reader, of.options, report)
        if isinstance(piece, Trunk):
            host_policies(read, ref, piece.service)
            placings, before = piece.placings, (*placed.problems, *report.problems, *piece.problems)
        else:
            placings, before = Flattening(reader, of.tables, scope, report, ref).limb(piece), ()
        rules = _Rules(reader, of, scope, report, read)
        found = tuple(rule for placing in placings for rule in rules.rule(placing))
        attachments = tuple(one for _, one in placed.attachments)
        hosts = dict.fromkeys(hostname for one in attachments for hostname in one.hosts)
        problems = tuple(dict.fromkeys((*before, *report.problems)))
        route = ResolvedRoute(
            ref=ref,
            generation=piece.service.metadata.generation if isinstance(piece, Trunk) else 0,
            route=Route(ref, placed.age, tuple(hosts), found, ordered=True),
            parents=tuple(_parents(placed)),
            attachments=attachments,
            options=read.referred,
            dropped=tuple(Finding(one.code, one.where, one.text, one.mend) for one in problems if not one.warning),
            limb=key.limb if isinstance(key, Way) else "",
        )
        yield key, Resolved(route, problems)

    return resolve


def _parents(placed: Placed) -> Iterator[ParentResult]:
    """The Gateways that serve it, as one asks who looks for a request."""
    for gateway, one in placed.attachments:
        parent = ParentReference(name=gateway.gateway.name, group=GLOO_GATEWAY, namespace=gateway.gateway.namespace)
        yield ParentResult(parent, CONTROLLER, one.owner, one.frontend.proxy, (one.listener,))


class _Rules:
    """The routes of a piece as rules."""

    def __init__(self, reader: Reader, of: Inputs, scope: Scope, report: Report, read: OptionsOf) -> None:
        self._reader = reader
        self._of = of
        self._scope = scope
        self._report = report
        self._read = read

    def rule(self, placing: Placing) -> Iterator[Rule]:
        """The rule as it will be served; none when no matcher of it can be."""
        matches = tuple(self._matches(placing))
        if not matches:
            return
        whole = self._read.route(placing)
        uses = list(whole.uses)
        backends: tuple[Backend, ...] = ()
        broken = ""
        route, where = placing.route, placing.where
        if route.route_action is not None:
            backends, broken = self._backends(placing)
        elif route.redirect_action is not None:
            uses.append(Use("redirectAction", route.redirect_action, f"{where}.redirectAction"))
        elif route.direct_response_action is not None:
            uses.append(Use("DirectResponse", route.direct_response_action, f"{where}.directResponseAction"))
        elif route.graphql_api_ref is not None:
            broken = self._error(placing, "graphqlApiRef", "NotServed", "GraphQL is not served")
        else:
            broken = self._error(placing, "", "Invalid", "a route needs an action", f"Give it a {_ACTIONS}.")
        broken = broken or whole.fault
        rule = Rule(where, route.name, matches, tuple(uses), backends, broken, by=placing.by, order=placing.order)
        faults = [Finding("Invalid", *fault) for fault in self._of.checks.rule(rule)]
        self._report.findings(placing.by, faults)
        yield self._told(msgspec.structs.replace(rule, broken=str(faults[0])) if faults and not broken else rule)

    def _told(self, rule: Rule) -> Rule:
        """The rule, with the status that Settings want for what cannot be served."""
        lost = bool(rule.backends) and all(one.key is None for one in rule.backends)
        if self._scope.invalid and (rule.broken or lost):
            return msgspec.structs.replace(rule, error=self._scope.invalid, body=self._scope.invalid_body)
        return rule

    def _matches(self, placing: Placing) -> Iterator[Match]:
        for asked in placing.asked:
            match = match_of(asked)
            faults = [
                Finding("InvalidMatcher", _field(at), text, mend) for at, text, mend in self._of.checks.match(match)
            ]
            self._report.findings(placing.by, faults)
            if not faults:
                yield match

    def _backends(self, placing: Placing) -> tuple[tuple[Backend, ...], str]:
        """Where requests go, and why nowhere, if so."""
        action, where = placing.route.route_action, f"{placing.where}.routeAction"
        assert action is not None  # noqa: S101 - the caller has looked
        found = Destinations(self._reader, self._of.destinations, self._report, placing.by, "http", self._read)
        if action.single is not None:
            return found.single(f"{where}.single", action.single), ""
        if action.multi is not None:
            return found.multi(f"{where}.multi", action.multi), ""
        if action.upstream_group is not None:
            return found.group(f"{where}.upstreamGroup", action.upstream_group), ""
        if action.cluster_header is not None:
            text = "clusters have other names here than with Gloo, so a header cannot choose one"
            return (), self._error(placing, "routeAction.clusterHeader", "NotServed", text)
        if action.dynamic_forward_proxy is not None:
            outside = found.forwarded(f"{where}.dynamicForwardProxy", action.dynamic_forward_proxy)
            text = "a dynamic forward proxy needs a list of hosts, and Settings name no Egress"
            mend = f"Write an Egress, and name it in the annotation {FORWARD_TO} of the Settings."
            field = "routeAction.dynamicForwardProxy"
            return outside, "" if outside else self._error(placing, field, "NotServed", text, mend)
        return (), self._error(placing, "routeAction", "Invalid", "it names no destination", "Give it a destination.")

    def _error(self, placing: Placing, field: str, code: str, text: str, mend: str = "") -> str:
        where = f"{placing.where}.{field}" if field else placing.where
        return self._report.error(placing.by, code, where, text, mend)


def _field(where: str) -> str:
    """A field of a matcher, of which those who check it know only Gateway API's name."""
    return where.replace(".path.value", ".regex").replace(".queryParams[", ".queryParameters[")


Standing = tuple[Ref, Ref]
"""A RouteTable in a VirtualService, in whatever pieces of it."""
Times = Mapping[tuple[int, int], int]
"""Which time a match comes of its field, by rule and match; where it is not the first."""


def tables_of(_: RouteKey, resolved: Resolved) -> Iterator[Standing]:
    """The RouteTables whose routes are in a piece; for an index."""
    route = resolved.route.route
    for by in dict.fromkeys(route.author(rule) for rule in route.rules):
        yield route.ref, by


def times_rule(
    pieces: Index[Standing, RouteKey, Resolved],
) -> Callable[[Reader, Standing, Standing], Iterator[tuple[tuple[RouteKey, Ref], Times]]]:
    """The rule from a RouteTable that may stand in several places of a VirtualService, to which of them is which."""

    def times(reader: Reader, key: Standing, _: Standing) -> Iterator[tuple[tuple[RouteKey, Ref], Times]]:
        by = key[1]
        found = [
            (rule.order, one.route.key, at, rule)
            for one in reader.find(pieces, key)
            for at, rule in enumerate(one.route.route.rules)
            if one.route.route.author(rule) == by
        ]
        counted: Counter[str] = Counter()
        again: dict[RouteKey, dict[tuple[int, int], int]] = {}
        for __, piece, at, rule in sorted(found, key=lambda one: one[0]):
            for index, match in enumerate(rule.matches):
                counted[match.where] += 1
                if counted[match.where] > 1:
                    again.setdefault(piece, {})[at, index] = counted[match.where]
        for piece, numbers in again.items():
            yield (piece, by), numbers

    return times


def route_rule(
    times: Collection[tuple[RouteKey, Ref], Times],
) -> Callable[[Reader, RouteKey, Resolved], Iterator[tuple[RouteKey, ResolvedRoute]]]:
    """The rule from a piece to its route alone. What came of one field twice is told apart."""

    def numbered(reader: Reader, key: RouteKey, resolved: Resolved) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
        route = resolved.route.route
        numbers = [reader.get(times, (key, by)) or {} for _, by in tables_of(key, resolved)]
        again = {place: number for one in numbers for place, number in one.items()}
        if not again:
            yield key, resolved.route
            return
        rules = tuple(
            msgspec.structs.replace(rule, matches=tuple(_again(rule.matches, at, again)))
            for at, rule in enumerate(route.rules)
        )
        route = msgspec.structs.replace(route, rules=rules)
        yield key, msgspec.structs.replace(resolved.route, route=route)

    return numbered


def _again(matches: tuple[Match, ...], at: int, again: Times) -> Iterator[Match]:
    for index, match in enumerate(matches):
        number = again.get((at, index))
        yield match if number is None else msgspec.structs.replace(match, where=f"{match.where} ({number})")


def problems_rule(_: Reader, key: RouteKey, resolved: Resolved) -> Iterator[tuple[RouteKey, Problems]]:
    """From a piece of a VirtualService to what was found."""
    if resolved.problems:
        yield key, resolved.problems
