"""Routes: their parents, then everything else about them, in one path for all kinds."""

from daemun.base.names import GATEWAY
from daemun.envoy.matches import match_faults
from daemun.features import rule_faults
from daemun.features.levels import settled
from daemun.flow import derive
from daemun.gatewayapi.mesh.wiring import Meshes
from daemun.gatewayapi.routes import conflicts, parents
from daemun.gatewayapi.routes.extensions import Extend
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.gatewayapi.routes.route import Checks, Inputs, route_rule
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status import problems
from daemun.gatewayapi.status import routes as route_status
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.delegation import wiring as delegation
from daemun.translate.backends import Backends
from daemun.translate.gateways import Gateways
from daemun.translate.written import Written

CHECKS = Checks(match_faults, rule_faults, settled)
"""What Envoy and the features have against a rule."""


class Routes:
    """Routes that are attached, `resolved`; those that others delegate to, once for each way by which they are reached
    (`delegated`); and the `meshes`, whose Services are parents too.
    """

    def __init__(
        self, written: Written, gateways: Gateways, backends: Backends, extend: Extend, settings: Settings
    ) -> None:
        self._sources = written.sources
        self._defaults = gateways.defaults
        self.meshes = Meshes(written.sources, ROUTE_KINDS, settings)
        kinds_of_parents = {kind: written.sources[GATEWAY, kind] for kind in ("Gateway", "ListenerSet")}
        attaching = parents.Inputs(
            kinds_of_parents, gateways.parents, gateways.defaults, written.namespaces, settings, self.meshes.parents
        )
        candidates = parents.candidates(written.sources, ROUTE_KINDS, attaching)
        self.meshes.serve(candidates)
        rules = Inputs(backends.inputs, CHECKS, extend)
        self.resolved = derive(candidates, route_rule(candidates.index(conflicts.host_uses), rules), "routes")
        self.delegated = delegation.Delegated(delegation.Inputs(written.http_routes, self.resolved, rules, settings))

    def tell(self, heard: Heard) -> Reports:
        """Of routes, also of those that nothing serves."""
        rejected, told, reached = heard.rejected, self.delegated.told, self.delegated.objects
        return Reports(
            (
                derive(self.resolved, route_status.route_rule(rejected, told, heard.unread), "route status"),
                derive(reached, route_status.reached_rule(rejected, told, heard.unread), "status of reached routes"),
            ),
            (
                derive(self.resolved, problems.route_problems(rejected, heard.holders, told), "route problems"),
                derive(reached, problems.reached_problems(rejected, told), "problems of reached routes"),
                *(
                    derive(
                        self._sources[GATEWAY, kind.kind],
                        problems.orphaned_routes(kind, self._defaults, told),
                        f"orphaned {kind.kind}s",
                    )
                    for kind in ROUTE_KINDS
                ),
            ),
        )
