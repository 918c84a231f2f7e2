"""The translation engine: typed resources in, Envoy's resources and every object's status out, incrementally.

This is the whole pure core wired together, and the best place to start reading: each collection is one step, named
after what it holds, and depends only on those above it.
"""

from collections.abc import Callable, Iterable
from typing import Any

from daemun.api.core import ConfigMap, Namespace, Secret, Service
from daemun.api.gateway import Gateway, GatewayClass
from daemun.api.gloo.upstream import Upstream
from daemun.api.grant import ReferenceGrant
from daemun.api.kinds import KINDS
from daemun.api.listenerset import ListenerSet
from daemun.api.policy import BackendTLSPolicy
from daemun.api.routes import HTTPRoute
from daemun.api.status import GatewayStatus
from daemun.base.names import CORE, DAEMUN, GATEWAY, GLOO, GLOO_GATEWAY, GLOO_KUBE_GATEWAY, Name, Ref
from daemun.envoy.described import Described
from daemun.envoy.matches import match_faults
from daemun.envoy.resources import EnvoyResources
from daemun.envoy.resources import Inputs as EnvoyInputs
from daemun.envoy.upstreams import CHECKS as UPSTREAM_CHECKS
from daemun.features import BY_KIND, rule_faults
from daemun.features.levels import settled
from daemun.flow import MISSING, Failure, Graph, Source, derive, distinct, union
from daemun.gatewayapi import egresses
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.listeners import gateways, listenersets
from daemun.gatewayapi.listeners import listener as gateway_listeners
from daemun.gatewayapi.listeners.claims import claim_rule, set_claim_rule
from daemun.gatewayapi.mesh import wiring as mesh
from daemun.gatewayapi.proxies import placement
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.proxies.parameters import in_config_maps, parameter_rule
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.proxies.reach import Surroundings, assigned
from daemun.gatewayapi.references import grant_keys
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes import backends, backendtls, conflicts, owners, parents
from daemun.gatewayapi.routes.kinds import ROUTE_KINDS
from daemun.gatewayapi.routes.route import Checks, route_rule
from daemun.gatewayapi.routes.route import Inputs as RuleInputs
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status import gateways as status
from daemun.gatewayapi.status import listeners as listener_status
from daemun.gatewayapi.status import listenersets as set_status
from daemun.gatewayapi.status import policies as policystatus
from daemun.gatewayapi.status import problems
from daemun.gatewayapi.status import routes as route_status
from daemun.gatewayapi.tls import cacerts
from daemun.gloo import attach, beside, options_status, unserved_kinds, upstream_status
from daemun.gloo import meshes as gloo_meshes
from daemun.gloo import policies as options
from daemun.gloo import services as gloo_services
from daemun.gloo import settings as gloo_settings
from daemun.gloo import upstreams as gloo_upstreams
from daemun.gloo.classic import wiring
from daemun.gloo.defaults import defaults_rule
from daemun.gloo.delegation import wiring as delegation
from daemun.gloo.descriptors import TRANSCODER, transcoder_meaning
from daemun.gloo.discovery.wiring import Discovery
from daemun.gloo.escapes import escapes_rule
from daemun.gloo.escapes import meanings as meanings_of
from daemun.gloo.functions import offers, prepared
from daemun.gloo.functions.transcoding import Transcoding
from daemun.gloo.header_secrets import headers_of
from daemun.gloo.internals import guard_of, guarded
from daemun.gloo.listener_defaults import listener_defaults_rule
from daemun.gloo.parameters import gateway_parameters
from daemun.gloo.registries import Registries
from daemun.gloo.secrets.labels import LABELS
from daemun.gloo.unserved_kinds import UNSERVED_KINDS
from daemun.ir.discovered import Said


class Translation:
    """The graph of collections. Feed it with `apply`, read its results or subscribe to them.

    Results: `resources` (Envoy's, as parts), `statuses` and `problems` (by object), `placements` (what must run), and
    on the way `gateways`, `parents` (they and their ListenerSets, each by itself) `host_owners`, and `routes` as
    resolved, which `explain` reads.
    """

    def __init__(  # noqa: PLR0915 - one statement is one step
        self,
        settings: Settings | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        access_log: str = "",
    ) -> None:
        self.settings = settings = settings or Settings()
        self.graph = graph = Graph(on_failure)
        self.sources: dict[tuple[str, str], Source[Name, Any]] = {
            (kind.group, kind.kind): Source(graph, kind.kind) for kind in KINDS
        }
        self.proxies: Source[str, ProxyState] = Source(graph, "proxies")
        self.rejections: Source[RejectionKey, Rejection] = Source(graph, "rejections")
        self.setbacks: Source[str, Setback] = Source(graph, "setbacks")
        self.troubles: Source[str, Finding] = Source(graph, "troubles with places for Secrets")
        self.identities = gloo_meshes.identities(graph)

        gateway_classes: Source[Name, GatewayClass] = self.sources[GATEWAY, "GatewayClass"]
        written: Source[Name, Gateway] = self.sources[GATEWAY, "Gateway"]
        written_sets: Source[Name, ListenerSet] = self.sources[GATEWAY, "ListenerSet"]
        grants: Source[Name, ReferenceGrant] = self.sources[GATEWAY, "ReferenceGrant"]
        namespaces: Source[Name, Namespace] = self.sources[CORE, "Namespace"]
        services: Source[Name, Service] = self.sources[CORE, "Service"]
        config_maps: Source[Name, ConfigMap] = self.sources[CORE, "ConfigMap"]
        secret_objects: Source[Name, Secret] = self.sources[CORE, "Secret"]
        tls_policies: Source[Name, BackendTLSPolicy] = self.sources[GATEWAY, "BackendTLSPolicy"]
        written_upstreams: Source[Name, Upstream] = self.sources[GLOO, "Upstream"]
        granted = grants.index(grant_keys)
        authorities = cacerts.Inputs(config_maps, secret_objects, granted)

        # Gateways, with their ListenerSets: who has which port, which listeners can serve, what Envoy must listen on.
        parameter_kinds = (
            *in_config_maps(config_maps, settings),
            gateway_parameters(self.sources[GLOO_KUBE_GATEWAY, "GatewayParameters"]),
        )
        parameters = derive(written, parameter_rule(gateway_classes, parameter_kinds, settings), "parameters")
        listener_inputs = gateway_listeners.Inputs(secret_objects, granted)
        set_inputs = listenersets.Inputs(gateway_classes, written, namespaces, listener_inputs, settings)
        brought = derive(written_sets, listenersets.set_rule(set_inputs), "brought listeners")
        classic_ports = wiring.Ports(self.sources, settings)
        claims = union(
            derive(written, claim_rule(gateway_classes, settings), "claims"),
            derive(brought, set_claim_rule(written, settings), "ListenerSet claims"),
            classic_ports.claims,
            name="all claims",
        )
        by_port = claims.index(lambda _, claim: claim.sockets)
        by_gateway = brought.index(listenersets.allowed_by)
        ours = derive(
            written,
            gateways.gateway_rule(gateway_classes, by_gateway, by_port, listener_inputs, authorities, settings),
            "gateways",
        )
        of_ours = derive(ours, gateways.frontend_rule, "frontends")
        self.parents = union(
            derive(ours, gateways.parent_rule, "accepted parents"),
            derive(brought, listenersets.refused_rule, "refused ListenerSets"),
            name="parents",
        )

        # Proxies: what must be there to serve the Gateways, and how it is reached.
        ports = of_ours.index(placement.proxy_of)
        placements = derive(ours, placement.placement_rule(written, ports, parameters), "placements")
        surroundings = Surroundings(settings, services, parameters, placements, self.setbacks)

        # Routes: their parents, then everything else about them, in one path for all kinds.
        defaults = ours.index(gateways.default_of)
        kinds_of_parents = {kind: self.sources[GATEWAY, kind] for kind in ("Gateway", "ListenerSet")}
        meshes = mesh.Meshes(self.sources, ROUTE_KINDS, settings)
        parent_inputs = parents.Inputs(kinds_of_parents, self.parents, defaults, namespaces, settings, meshes.parents)
        candidates = parents.candidates(self.sources, ROUTE_KINDS, parent_inputs)
        meshes.serve(candidates)
        uses = candidates.index(conflicts.host_uses)
        policies = derive(tls_policies, backendtls.policy_rule(authorities, settings), "BackendTLSPolicies")
        by_service = policies.index(backendtls.services_of)
        upstream_defaults = derive(self.sources[GLOO, "Settings"], defaults_rule, "defaults of Upstreams")
        upstream_checks = guarded(UPSTREAM_CHECKS, settings)
        self.registries = Registries(graph, self.sources, settings)
        self.said: Source[Name, Said] = Source(graph, "functions that servers and clouds say they have")
        judge = BY_KIND[TRANSCODER].faults
        transcoding = Transcoding(transcoder_meaning(config_maps, judge, granted), judge, self.said)
        nameable = self.registries.nameable(granted)
        functional = prepared.Inputs(secret_objects, transcoding, settings.system_authorities)
        upstream_inputs = gloo_upstreams.Inputs(services, secret_objects, upstream_defaults, nameable, functional)
        resolve_upstream = gloo_upstreams.upstream_rule(upstream_inputs, upstream_checks)
        self.upstreams = upstreams = derive(written_upstreams, resolve_upstream, "Upstreams")
        doors = derive(upstreams, gloo_upstreams.door_rule, "Upstreams as routes know them")
        functions = derive(upstreams, offers.offer_rule, "functions of Upstreams")
        said = derive(services, gloo_services.service_rule(upstream_defaults), "Services with the annotations of all")
        annotated = derive(
            said, gloo_services.annotated_rule(secret_objects, upstream_checks), "Services with Gloo's annotations"
        )
        annotations = backends.Annotations(gloo_services.spoken, gloo_services.closed(annotated))
        self.discovery = Discovery(graph, self.sources, said, classic_ports.scopes, settings)
        backend_kinds = {
            (CORE, "Service"): backends.service_backends(said, by_service, annotations),
            (GLOO, "Upstream"): gloo_upstreams.upstream_backends(doors),
        }
        self.egresses = outside = derive(
            self.sources[DAEMUN, "Egress"], egresses.egress_rule(authorities, guard_of(settings), settings), "Egresses"
        )
        ways_out = derive(outside, egresses.way_rule, "Egresses as routes know them")
        described = Described(
            upstreams, annotated, self.registries.instances, guard_of(settings), upstream_defaults, outside
        )
        of_rules = {(DAEMUN, egresses.KIND): egresses.egress_backends(ways_out)}
        call = egresses.egress_calls(ways_out, offers.call_of(functions))
        backend_inputs = backends.Inputs(backend_kinds, of_rules, granted, call)
        # Gloo's policies: each by itself, then what they put on listeners and on the rules of routes.
        find_upstream, any_upstream = gloo_upstreams.upstream_of(doors, granted), gloo_upstreams.any_upstream_of(doors)
        of_servers = beside.Inputs(granted, find_upstream, any_upstream, backend_inputs, BY_KIND.get, settings)
        servers = beside.Beside(graph, self.sources, of_servers)
        self.auth, self.limits = servers.auth, servers.limits
        escapes = derive(self.sources[GLOO, "Settings"], escapes_rule, "escapes in transformations")
        meanings = {
            classic: {
                **servers.meanings[classic],
                **meanings_of(escapes),
                TRANSCODER: transcoder_meaning(config_maps, BY_KIND[TRANSCODER].faults, None if classic else granted),
            }
            for classic in (False, True)
        }
        judged = options.Inputs(BY_KIND.get, find_upstream, headers_of(secret_objects, granted), meanings[False])
        self.chosen = chosen = {
            of.kind: derive(self.sources[GLOO_GATEWAY, of.kind], options.policy_rule(of, judged), f"{of.kind}s")
            for of in options.KINDS
        }
        by_target = {kind: one.index(options.targets_of) for kind, one in chosen.items()} | servers.by_target
        classic_judged = options.Inputs(BY_KIND.get, any_upstream, headers_of(secret_objects), meanings[True])
        of_all = derive(
            self.sources[GLOO, "Settings"], listener_defaults_rule(classic_judged), "what Settings say of listeners"
        )
        on_listeners = derive(self.parents, attach.listener_rule(by_target, of_all), "policies of listeners")
        uses_of_ours = derive(on_listeners, attach.uses_of, "uses of listeners")
        extend = attach.extension(
            chosen, by_target, self.sources[GLOO_KUBE_GATEWAY, "DirectResponse"], classic_ports.scopes
        )
        checks = Checks(match_faults, rule_faults, settled)
        rule_inputs = RuleInputs(backend_inputs, checks, extend)
        routed = derive(candidates, route_rule(uses, rule_inputs), "routes")
        # Routes that others delegate to: once for each way by which they are reached.
        http_routes: Source[Name, HTTPRoute] = self.sources[GATEWAY, "HTTPRoute"]
        self.delegated = delegated = delegation.Delegated(delegation.Inputs(http_routes, routed, rule_inputs, settings))

        # Gloo's classic objects come to the same things; from here on nobody knows which API somebody wrote.
        classic_inputs = wiring.Inputs(
            secret_objects,
            backend_kinds,
            functions,
            upstream_defaults,
            egresses.forwarding(ways_out),
            by_port,
            ours,
            checks,
            classic_judged,
            chosen,
            of_all,
        )
        classic = wiring.Classic(classic_ports, classic_inputs)
        self.listener_uses = union(uses_of_ours, classic.uses, name="all uses of listeners")
        self.gateways = union(ours, classic.proxies, meshes.proxies, name="all gateways")
        self.frontends = union(of_ours, classic.frontends, meshes.frontends, name="all frontends")
        self.placements = union(placements, classic.placements, meshes.placements, name="all placements")
        self.routes = union(routed, delegated.routes, classic.routes, name="all routes")
        servers.use(self.routes, self.listener_uses)

        # Envoy: the parts that its resources are joined from.
        self.host_owners = union(
            derive(of_ours, owners.owner_rule, "host owners"), classic.owners, meshes.owners, name="all host owners"
        )
        made = EnvoyResources(
            self.sources,
            EnvoyInputs(
                gateways=self.gateways,
                frontends=self.frontends,
                owners=self.host_owners,
                routes=self.routes,
                listener_uses=self.listener_uses,
                described=described,
                tls_policies=by_service,
                standing=gloo_meshes.standing(upstream_defaults, servers.standing),
                shown=self.auth.shown,
                identities=self.identities,
            ),
            settings,
            access_log,
        )
        self.resources, self.holders, self.asked = made.parts, made.holders, made.asked

        # Status: from the same values, and from what the proxies said to them.
        rejected = made.blame(self.rejections, delegated.ways).index(lambda _, one: (one.ref,))
        heard = listener_status.Inputs(
            uses=self.routes.index(listener_status.uses_of),
            acknowledged=derive(self.proxies, listener_status.acknowledged_of, "acknowledged"),
            rejections=rejected,
            ports=self.rejections.index(listener_status.port_of),
            settings=settings,
        )
        policy_uses = distinct(self.routes.index(policystatus.uses_of), name="policy uses")
        about_policies = (by_service, services, policy_uses.index(policystatus.policy_of), rejected)
        about_options = options_status.Inputs(
            routes=self.routes.index(options_status.options_of),
            listeners=on_listeners.index(attach.policies_of),
            parents=self.parents,
            written=lambda kind: self.sources[GATEWAY, kind],
            rejections=rejected,
        )
        of_places = (self.troubles, self.registries.troubles, self.identities)
        of_settings = gloo_settings.Notes(*of_places, of_all, *servers.found)
        classic.tell(rejected, self.setbacks)
        servers.tell(lambda kind: self.sources[GATEWAY, kind], rejected)
        told = delegated.told
        self.statuses = union(
            derive(gateway_classes, status.class_rule(parameter_kinds), "GatewayClass status"),
            derive(ours, status.gateway_rule(heard, surroundings), "Gateway status"),
            derive(self.parents, set_status.set_rule(heard, self.parents, surroundings), "ListenerSet status"),
            derive(routed, route_status.route_rule(rejected, told), "route status"),
            derive(delegated.objects, route_status.reached_rule(rejected, told), "status of reached routes"),
            derive(policies, policystatus.policy_rule(*about_policies), "policy status"),
            *(derive(one, options_status.status_rule(about_options), f"{kind} status") for kind, one in chosen.items()),
            derive(upstreams, upstream_status.status_rule(rejected), "Upstream status"),
            *(classic.statuses, self.registries.statuses),
            derive(outside, egresses.status_rule(rejected), "Egress status"),
            servers.statuses,
            *(
                derive(self.sources[one], unserved_kinds.status_rule(*one), f"{one[1]} status")
                for one in UNSERVED_KINDS
            ),
            derive(self.sources[GLOO, "Settings"], gloo_settings.status_rule(of_settings), "Settings status"),
            name="statuses",
        )
        self.problems = union(
            derive(self.parents, problems.parent_problems(rejected, surroundings), "parents' problems"),
            derive(routed, problems.route_problems(rejected, self.holders, told), "route problems"),
            derive(delegated.objects, problems.reached_problems(rejected, told), "problems of reached routes"),
            derive(policies, policystatus.policy_problems(*about_policies), "policy problems"),
            *(
                derive(one, options_status.problem_rule(about_options), f"{kind} problems")
                for kind, one in chosen.items()
            ),
            derive(upstreams, upstream_status.problem_rule(rejected), "Upstream problems"),
            derive(annotated, gloo_services.problem_rule, "problems of annotations"),
            derive(written, problems.unclaimed_gateways(gateway_classes), "unclaimed Gateways"),
            derive(written_sets, problems.orphaned_sets, "orphaned ListenerSets"),
            *(
                derive(
                    self.sources[GATEWAY, kind.kind],
                    problems.orphaned_routes(kind, defaults, told),
                    f"orphaned {kind.kind}s",
                )
                for kind in ROUTE_KINDS
            ),
            *(classic.problems, self.registries.problems),
            derive(outside, egresses.problem_rule(rejected), "Egress problems"),
            servers.problems,
            derive(namespaces, meshes.problem_rule(rejected), "problems of meshes"),
            *(
                derive(self.sources[one], unserved_kinds.problem_rule(*one), f"{one[1]} problems")
                for one in UNSERVED_KINDS
            ),
            derive(self.sources[GLOO, "Settings"], gloo_settings.problem_rule(of_settings), "Settings problems"),
            name="problems",
        )

    def reached_at(self, gateway: Name) -> tuple[str, ...]:
        """The addresses at which clients reach a Gateway: in a cluster its Service's, else those that are bound."""
        found = self.gateways.get(gateway)
        if found is None or not self.settings.clustered:
            return found.addresses if found else ()
        if found.ref.kind == "Proxy":
            service = self.sources[CORE, "Service"].get(Name(gateway.namespace, self.placements[gateway].name))
            return tuple(one.value for one in assigned(service))
        status = self.statuses.get(found.ref)
        return tuple(one.value for one in status.addresses) if isinstance(status, GatewayStatus) else ()

    def resolved(self, ref: Ref) -> list[ResolvedRoute]:
        """A route, by itself if it is attached, and by the ways through others that delegate to it."""
        attached = self.routes.get(ref)
        return [*([attached] if attached else []), *self.delegated.ways.found(ref)]

    def apply(self, objects: Iterable[tuple[Ref, object | None]]) -> None:
        """Take over changed objects (None: gone), in one batch."""
        changes: dict[tuple[str, str], dict[Name, Any]] = {}
        for ref, value in objects:
            changes.setdefault((ref.group, ref.kind), {})[ref.key] = MISSING if value is None else value
        with self.graph.batch():
            for kind, changed in changes.items():
                if kind in self.sources:
                    self.sources[kind].update(changed)
                elif kind == LABELS:
                    self.auth.labelled.update(changed)
