"""Delegation as collections: what `translate` needs of it."""

import msgspec

from daemun.api.routes import HTTPRoute
from daemun.base.names import Name
from daemun.flow import Collection, derive, distinct
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes import route as routes
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.told import Told, object_of
from daemun.gloo.delegation import delegators, reach, report
from daemun.ir.route import Match, RouteKey


class Inputs(msgspec.Struct, frozen=True):
    """The HTTPRoutes as they are written, the routes that are attached themselves, and what rules are resolved by."""

    written: Collection[Name, HTTPRoute]
    attached: Collection[RouteKey, ResolvedRoute]
    rules: routes.Inputs
    settings: Settings


class Delegated:
    """What delegation comes to: `routes` once for each way to them, what is `told` of them, and whose they are."""

    def __init__(self, of: Inputs) -> None:
        written = of.written
        delegating = distinct(written.index(delegators.delegates_at_all), name="routes that delegate")
        rule = delegators.delegator_rule(written, of.attached, of.rules)
        found = derive(delegating, rule, "delegators")
        above = delegators.Delegators(found.index(delegators.names_of), found.index(delegators.labels_of))

        def usable(match: Match) -> bool:
            return not any(of.rules.checks.match(match))

        ways = reach.reach_rule(reach.Inputs(written, of.attached, above, usable, of.settings))
        reached = derive(distinct(written.index(reach.open_of), name="open routes"), ways, "ways to routes")
        self.routes = derive(reached, routes.reached_rule(of.rules), "reached routes")
        self.ways = self.routes.index(object_of)
        self.objects = distinct(self.ways, name="reached objects")
        chosen = distinct(self.routes.index(report.references_of), name="references to routes")
        self.told = Told(of.attached, self.ways, report.lost(written, chosen), report.unreached(written))
