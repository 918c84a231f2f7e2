"""The translation engine: typed resources in, Envoy's resources and every object's status out, incrementally.

This is the whole pure core wired together, and the best place to start reading. `Translation` joins its parts; each is
a file here, or the wiring of a package below, and makes one named collection per step, which depends only on those that
were made before it. A part that has objects of its own stands in the list `parts`, and tells what became of them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from daemun.api.status import GatewayStatus
from daemun.base.names import CORE, GATEWAY, Name, Ref
from daemun.envoy.resources import EnvoyResources
from daemun.envoy.resources import Inputs as EnvoyInputs
from daemun.flow import MISSING, Failure, Graph, Source, derive, union
from daemun.gatewayapi import egresses
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.proxies.reach import assigned
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.reports import Heard, Part
from daemun.gatewayapi.status.unread import Unread
from daemun.gloo.classic import wiring as classic_mode
from daemun.gloo.secrets.labels import LABELS
from daemun.gloo.settings import meshes as gloo_meshes
from daemun.gloo.settings.fields import Notes
from daemun.translate.backends import Backends
from daemun.translate.gateways import Gateways
from daemun.translate.others import GlooSettings, Unserved
from daemun.translate.policies import Policies
from daemun.translate.routes import CHECKS, Routes
from daemun.translate.written import Written

Changes = dict[tuple[str, str], dict[Name, Any]]
"""Objects as they are now, by group and kind, and name; MISSING: gone."""


class Translation:
    """The graph of collections. Feed it with `apply`, read its results or subscribe to them.

    Results: `resources` (Envoy's, as parts), `statuses` and `problems` (by object), `placements` (what must run), and
    on the way `gateways`, `parents` (they and their ListenerSets, each by itself) `host_owners`, and `routes` as
    resolved, which `explain` reads.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        on_failure: Callable[[Failure], None] | None = None,
        access_log: str = "",
    ) -> None:
        self.settings = settings = settings or Settings()
        self.graph = graph = Graph(on_failure)
        # What comes from outside: objects, and what edges say.
        written = Written(graph)
        self.sources = written.sources
        self.proxies: Source[str, ProxyState] = Source(graph, "proxies")
        self.rejections: Source[RejectionKey, Rejection] = Source(graph, "rejections")
        self.setbacks: Source[str, Setback] = Source(graph, "setbacks")
        self.troubles: Source[str, Finding] = Source(graph, "troubles with places for Secrets")
        self.unread: Source[Ref, bool] = Source(graph, "objects that cannot be read")
        self.identities = gloo_meshes.identities(graph)

        # Gateway API, and what Gloo adds to it.
        ports = classic_mode.Ports(written.sources, settings)
        gateways = Gateways(written, ports.claims, self.setbacks, settings)
        backends = Backends(graph, written, ports.scopes, settings)
        policies = Policies(graph, written, gateways.parents, backends, ports.scopes, settings)
        routes = Routes(written, gateways, backends, policies.extend, settings)
        meshes, servers = routes.meshes, policies.servers

        # Gloo's classic objects come to the same things; from here on nobody knows which API somebody wrote.
        classic = classic_mode.Classic(
            ports,
            classic_mode.Inputs(
                written.secrets,
                backends.inputs.kinds,
                backends.functions,
                backends.upstream_defaults,
                egresses.forwarding(backends.ways_out),
                gateways.by_port,
                gateways.resolved,
                CHECKS,
                policies.classic,
                policies.chosen,
                policies.of_all,
            ),
        )
        self.listener_uses = union(policies.listener_uses, classic.uses, name="all uses of listeners")
        self.gateways = union(gateways.resolved, classic.proxies, meshes.proxies, name="all gateways")
        self.frontends = union(gateways.frontends, classic.frontends, meshes.frontends, name="all frontends")
        self.placements = union(gateways.placements, classic.placements, meshes.placements, name="all placements")
        self.routes = union(routes.resolved, routes.delegated.routes, classic.routes, name="all routes")
        self.host_owners = union(gateways.owners, classic.owners, meshes.owners, name="all host owners")
        servers.use(self.routes, self.listener_uses)

        # Envoy: the parts that its resources are joined from.
        made = EnvoyResources(
            self.sources,
            EnvoyInputs(
                gateways=self.gateways,
                frontends=self.frontends,
                owners=self.host_owners,
                routes=self.routes,
                listener_uses=self.listener_uses,
                described=backends.described,
                tls_policies=backends.by_service,
                standing=gloo_meshes.standing(backends.upstream_defaults, servers.standing),
                shown=servers.auth.shown,
                identities=self.identities,
            ),
            settings,
            access_log,
        )
        self.resources, self.holders, self.asked = made.parts, made.holders, made.asked

        # Status and problems: from the same values, and from what the proxies said to them.
        heard = Heard(
            written=lambda kind: self.sources[GATEWAY, kind],
            parents=gateways.parents,
            routes=self.routes,
            holders=made.holders,
            proxies=self.proxies,
            setbacks=self.setbacks,
            rejected=made.blame(self.rejections, routes.delegated.ways).index(lambda _, one: (one.ref,)),
            unread=Unread(self.unread),
        )
        places = self.troubles, backends.registries.troubles, self.identities
        notes = Notes(*places, policies.of_all, *servers.found, heard.unread)
        parts: tuple[Part, ...] = (
            gateways,
            routes,
            meshes,
            backends,
            policies,
            servers,
            classic,
            GlooSettings(written, notes),
            Unserved(written),
        )
        reports = [part.tell(heard) for part in parts]
        self.statuses = union(*(one for each in reports for one in each.statuses), name="statuses")
        found = union(*(one for each in reports for one in each.problems), name="problems as they were found")
        self.problems = derive(found, heard.unread.problem_rule, "problems")

        # What edges and readers take from the parts themselves.
        self.parents, self.delegated, self.chosen = gateways.parents, routes.delegated, policies.chosen
        self.registries, self.discovery, self.said = backends.registries, backends.discovery, backends.said
        self.upstreams, self.auth, self.limits = backends.upstreams, servers.auth, servers.limits

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

    def apply(self, objects: Iterable[tuple[Ref, object | None]], unread: Iterable[Ref] | None = None) -> None:
        """Take over changed objects (None: gone), in one batch; and all that are there and cannot be read, if told."""
        changes: Changes = {}
        for ref, value in objects:
            changes.setdefault((ref.group, ref.kind), {})[ref.key] = MISSING if value is None else value
        self.update(changes, unread)

    def update(self, changes: Changes, unread: Iterable[Ref] | None = None) -> None:
        """The same for changes by kind and name."""
        with self.graph.batch():
            if unread is not None:
                self.unread.replace(dict.fromkeys(unread, True))
            for kind, changed in changes.items():
                if kind in self.sources:
                    self.sources[kind].update(changed)
                elif kind == LABELS:
                    self.auth.labelled.update(changed)
