"""Gateways, with their ListenerSets: who has which port, which listeners can serve, what Envoy must listen on."""

from daemun.base.names import GLOO_KUBE_GATEWAY, Ref
from daemun.flow import Collection, Source, derive, union
from daemun.gatewayapi.listeners import gateways, listener, listenersets
from daemun.gatewayapi.listeners.claims import Claim, claim_rule, set_claim_rule
from daemun.gatewayapi.proxies import placement
from daemun.gatewayapi.proxies.parameters import in_config_maps, parameter_rule
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.proxies.reach import Surroundings
from daemun.gatewayapi.routes import owners
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status import gateways as gateway_status
from daemun.gatewayapi.status import listeners as listener_status
from daemun.gatewayapi.status import listenersets as set_status
from daemun.gatewayapi.status import problems
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.parameters import gateway_parameters
from daemun.translate.written import Written


class Gateways:
    """Gateway API's Gateways: `resolved`, the `frontends` that they listen on and the `owners` of hosts there, and the
    `placements` of their proxies. `parents` are they and their ListenerSets, each by itself.
    """

    def __init__(
        self,
        written: Written,
        others: Collection[Ref, Claim],
        setbacks: Source[str, Setback],
        settings: Settings,
    ) -> None:
        """`others` are the claims to ports of Gateways of other APIs."""
        self._written = written
        self._settings = settings
        self._parameter_kinds = (
            *in_config_maps(written.config_maps, settings),
            gateway_parameters(written.sources[GLOO_KUBE_GATEWAY, "GatewayParameters"]),
        )
        classes = written.gateway_classes
        parameters = derive(written.gateways, parameter_rule(classes, self._parameter_kinds, settings), "parameters")
        of_listeners = listener.Inputs(written.secrets, written.granted)
        of_sets = listenersets.Inputs(classes, written.gateways, written.namespaces, of_listeners, settings)
        brought = derive(written.listener_sets, listenersets.set_rule(of_sets), "brought listeners")
        claims = union(
            derive(written.gateways, claim_rule(classes, settings), "claims"),
            derive(brought, set_claim_rule(written.gateways, settings), "ListenerSet claims"),
            others,
            name="all claims",
        )
        self.by_port = claims.index(lambda _, claim: claim.sockets)
        by_gateway = brought.index(listenersets.allowed_by)
        self.resolved = derive(
            written.gateways,
            gateways.gateway_rule(classes, by_gateway, self.by_port, of_listeners, written.authorities, settings),
            "gateways",
        )
        self.defaults = self.resolved.index(gateways.default_of)
        self.frontends = derive(self.resolved, gateways.frontend_rule(settings), "frontends")
        self.owners = derive(self.frontends, owners.owner_rule, "host owners")
        self.parents = union(
            derive(self.resolved, gateways.parent_rule, "accepted parents"),
            derive(brought, listenersets.refused_rule, "refused ListenerSets"),
            name="parents",
        )
        ports = self.frontends.index(placement.proxy_of)
        self.placements = derive(
            self.resolved, placement.placement_rule(written.gateways, ports, parameters), "placements"
        )
        self._surroundings = Surroundings(settings, written.services, parameters, self.placements, setbacks)

    def tell(self, heard: Heard) -> Reports:
        """Of GatewayClasses, Gateways and ListenerSets."""
        written, around, rejected = self._written, self._surroundings, heard.rejected
        inputs = listener_status.Inputs(
            uses=heard.routes.index(listener_status.uses_of),
            acknowledged=derive(heard.proxies, listener_status.acknowledged_of, "acknowledged"),
            rejections=rejected,
            ports=rejected.of.index(listener_status.port_of),
            settings=self._settings,
            unread=heard.unread,
        )
        of_classes = gateway_status.class_rule(self._parameter_kinds, heard.unread)
        return Reports(
            (
                derive(written.gateway_classes, of_classes, "GatewayClass status"),
                derive(self.resolved, gateway_status.gateway_rule(inputs, around), "Gateway status"),
                derive(self.parents, set_status.set_rule(inputs, self.parents, around), "ListenerSet status"),
            ),
            (
                derive(self.parents, problems.parent_problems(rejected, around), "parents' problems"),
                derive(written.gateways, problems.unclaimed_gateways(written.gateway_classes), "unclaimed Gateways"),
                derive(written.listener_sets, problems.orphaned_sets, "orphaned ListenerSets"),
            ),
        )
