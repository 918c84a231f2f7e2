"""VirtualServices resolved: their routes, with those of the RouteTables that they delegate to, in the order written."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from daemun.api.gloo.virtual_service import VirtualService
from daemun.api.meta import ParentReference
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.resolved import ParentResult, ResolvedRoute
from daemun.gatewayapi.routes import Checks
from daemun.gloo.classic import destinations, options
from daemun.gloo.classic.delegation import Flattening, Placing, Tables
from daemun.gloo.classic.destinations import Destinations
from daemun.gloo.classic.hosts import KIND
from daemun.gloo.classic.matchers import match_of
from daemun.gloo.classic.options import OptionsOf, host_policies
from daemun.gloo.classic.placed import Placed, Placeds
from daemun.gloo.classic.proxies import CONTROLLER
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.scope import Scope, Scopes, scope_of
from daemun.ir.route import Backend, Match, Route, RouteKey, Rule, Use

_ROUTES = "spec.virtualHost.routes"
_ACTIONS = "routeAction, redirectAction, directResponseAction or delegateAction"


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """A VirtualService with everything, and what was found about it and about what it refers to."""

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


def service_rule(of: Inputs) -> Callable[[Reader, Name, VirtualService], Iterator[tuple[Ref, Resolved]]]:
    """The rule from a VirtualService to a route with everything."""

    def resolve(reader: Reader, name: Name, service: VirtualService) -> Iterator[tuple[Ref, Resolved]]:
        placed = reader.get(of.placed, name)
        if placed is None:
            return
        ref = Ref(GLOO_GATEWAY, KIND, *name)
        scope, report = scope_of(reader, of.scopes), Report()
        host = service.spec.virtual_host
        flattening = Flattening(reader, of.tables, scope, report, ref)
        read = OptionsOf(reader, of.options, report)
        host_policies(read, ref, service)
        rules = _Rules(reader, of, scope, report, read)
        written = host.routes if host else ()
        found = [rule for placing in flattening.routes(ref, _ROUTES, written) for rule in rules.rule(placing)]
        attachments = tuple(one for _, one in placed.attachments)
        hosts = dict.fromkeys(hostname for one in attachments for hostname in one.hosts)
        route = Route(ref, service.age, tuple(hosts), tuple(found), ordered=True)
        yield (
            ref,
            Resolved(
                ResolvedRoute(
                    ref=ref,
                    generation=service.metadata.generation,
                    route=route,
                    parents=tuple(_parents(placed)),
                    attachments=attachments,
                    options=read.referred,
                    dropped=tuple(
                        Finding(one.code, one.where, one.text, one.mend) for one in report.problems if not one.warning
                    ),
                ),
                (*placed.problems, *report.problems),
            ),
        )

    return resolve


def _parents(placed: Placed) -> Iterator[ParentResult]:
    """The Gateways that serve it, as one asks who looks for a request."""
    for gateway, one in placed.attachments:
        parent = ParentReference(name=gateway.gateway.name, group=GLOO_GATEWAY, namespace=gateway.gateway.namespace)
        yield ParentResult(parent, CONTROLLER, one.owner, one.frontend.proxy, (one.listener,))


class _Rules:
    """The routes of one VirtualService as rules."""

    def __init__(self, reader: Reader, of: Inputs, scope: Scope, report: Report, read: OptionsOf) -> None:
        self._reader = reader
        self._of = of
        self._scope = scope
        self._report = report
        self._read = read
        self._times: Counter[tuple[Ref, str]] = Counter()

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
        rule = Rule(where, route.name, matches, tuple(uses), backends, broken, by=placing.by)
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
            faults = [Finding("InvalidMatcher", _field(at), *told) for at, *told in self._of.checks.match(match)]
            self._report.findings(placing.by, faults)
            if not faults:
                # What came of one field twice, because its RouteTable stands in two places, is told apart.
                times = self._times[placing.by, asked.where] = self._times[placing.by, asked.where] + 1
                yield match if times == 1 else msgspec.structs.replace(match, where=f"{asked.where} ({times})")

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
            text = "a dynamic forward proxy is not served: it would lead to the proxy's own machine and link"
            return (), self._error(placing, "routeAction.dynamicForwardProxy", "NotServed", text)
        return (), self._error(placing, "routeAction", "Invalid", "it names no destination", "Give it a destination.")

    def _error(self, placing: Placing, field: str, code: str, text: str, mend: str = "") -> str:
        where = f"{placing.where}.{field}" if field else placing.where
        return self._report.error(placing.by, code, where, text, mend)


def _field(where: str) -> str:
    """A field of a matcher, of which those who check it know only Gateway API's name."""
    return where.replace(".path.value", ".regex").replace(".queryParams[", ".queryParameters[")


def route_rule(_: Reader, ref: Ref, resolved: Resolved) -> Iterator[tuple[RouteKey, ResolvedRoute]]:
    """From a VirtualService to its route alone."""
    yield ref, resolved.route


def problems_rule(_: Reader, ref: Ref, resolved: Resolved) -> Iterator[tuple[Ref, Problems]]:
    """From a VirtualService to what was found."""
    if resolved.problems:
        yield ref, resolved.problems
