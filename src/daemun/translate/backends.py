"""Backends: what requests and streams can be sent to, with all that is known of the way there."""

from daemun.base.names import CORE, DAEMUN, GLOO, Name
from daemun.envoy.described import Described
from daemun.envoy.upstreams import CHECKS
from daemun.features import BY_KIND
from daemun.flow import Graph, Source, derive, distinct
from daemun.gatewayapi import egresses
from daemun.gatewayapi.routes import backends, backendtls
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status import policies as policy_status
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.discovery.wiring import Discovery
from daemun.gloo.functions import offers, prepared
from daemun.gloo.functions.descriptors import TRANSCODER, transcoder_meaning
from daemun.gloo.functions.transcoding import Transcoding
from daemun.gloo.settings.scope import Scopes
from daemun.gloo.settings.upstream_defaults import defaults_rule
from daemun.gloo.upstreams import services, upstream
from daemun.gloo.upstreams import status as upstream_status
from daemun.gloo.upstreams.internals import guard_of, guarded
from daemun.gloo.upstreams.registries import Registries
from daemun.ir.discovered import Said
from daemun.translate.written import Written


class Backends:
    """Services, Upstreams and Egresses, the BackendTLSPolicies and registries that say more of them, and the functions
    that they have. `described` is what Envoy's clusters are made of, `inputs` what references are resolved by.
    """

    def __init__(self, graph: Graph, written: Written, scopes: Scopes, settings: Settings) -> None:
        self._services = written.services
        self._policies = derive(
            written.tls_policies, backendtls.policy_rule(written.authorities, settings), "BackendTLSPolicies"
        )
        self.by_service = self._policies.index(backendtls.services_of)
        self.upstream_defaults = derive(written.sources[GLOO, "Settings"], defaults_rule, "defaults of Upstreams")
        checks = guarded(CHECKS, settings)
        self.registries = Registries(graph, written.sources, settings)
        self.said: Source[Name, Said] = Source(graph, "functions that servers and clouds say they have")
        judge = BY_KIND[TRANSCODER].faults
        transcoding = Transcoding(transcoder_meaning(written.config_maps, judge, written.granted), judge, self.said)
        upstream_inputs = upstream.Inputs(
            written.services,
            written.secrets,
            self.upstream_defaults,
            self.registries.nameable(written.granted),
            prepared.Inputs(written.secrets, transcoding, settings.system_authorities),
        )
        self.upstreams = derive(written.upstreams, upstream.upstream_rule(upstream_inputs, checks), "Upstreams")
        self.doors = derive(self.upstreams, upstream.door_rule, "Upstreams as routes know them")
        self.functions = derive(self.upstreams, offers.offer_rule, "functions of Upstreams")
        said = derive(
            written.services, services.service_rule(self.upstream_defaults), "Services with the annotations of all"
        )
        self._annotated = derive(
            said, services.annotated_rule(written.secrets, checks), "Services with Gloo's annotations"
        )
        annotations = backends.Annotations(services.spoken, services.closed(self._annotated))
        self.discovery = Discovery(graph, written.sources, said, scopes, settings)
        self._egresses = derive(
            written.sources[DAEMUN, egresses.KIND],
            egresses.egress_rule(written.authorities, guard_of(settings), settings),
            "Egresses",
        )
        self.ways_out = derive(self._egresses, egresses.way_rule, "Egresses as routes know them")
        self.described = Described(
            self.upstreams,
            self._annotated,
            self.registries.instances,
            guard_of(settings),
            self.upstream_defaults,
            self._egresses,
        )
        self.inputs = backends.Inputs(
            {
                (CORE, "Service"): backends.service_backends(said, self.by_service, annotations),
                (GLOO, "Upstream"): upstream.upstream_backends(self.doors),
            },
            {(DAEMUN, egresses.KIND): egresses.egress_backends(self.ways_out)},
            written.granted,
            egresses.egress_calls(self.ways_out, offers.call_of(self.functions)),
        )

    def tell(self, heard: Heard) -> Reports:
        """Of BackendTLSPolicies, Upstreams, Registries and Egresses, and of annotations of Services."""
        rejected = heard.rejected
        used = distinct(heard.routes.index(policy_status.uses_of), name="policy uses").index(policy_status.policy_of)
        about_policies = (self.by_service, self._services, used, rejected)
        return Reports(
            (
                derive(self._policies, policy_status.policy_rule(*about_policies, heard.unread), "policy status"),
                derive(self.upstreams, upstream_status.status_rule(rejected, heard.unread), "Upstream status"),
                self.registries.statuses(heard.unread),
                derive(self._egresses, egresses.status_rule(rejected, heard.unread), "Egress status"),
            ),
            (
                derive(self._policies, policy_status.policy_problems(*about_policies), "policy problems"),
                derive(self.upstreams, upstream_status.problem_rule(rejected), "Upstream problems"),
                derive(self._annotated, services.problem_rule, "problems of annotations"),
                self.registries.problems,
                derive(self._egresses, egresses.problem_rule(rejected), "Egress problems"),
            ),
        )
