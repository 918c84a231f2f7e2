"""Classic mode's collections, wired together: `Ports` first, then `Classic` with all that the rest of the translation
takes from a front end.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemun.api.core import Namespace, Secret
from daemun.api.gloo.gateway import Gateway
from daemun.api.gloo.virtual_service import RouteTable, VirtualService
from daemun.base.names import CORE, GLOO, GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader, Source, derive, distinct, union
from daemun.gatewayapi.egresses import Forward
from daemun.gatewayapi.listeners.claims import Claim
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.routes.backends import Resolver
from daemun.gatewayapi.routes.route import Checks
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.gloo.classic import (
    delegation,
    destinations,
    gateways,
    hidden,
    hosts,
    options,
    parts,
    placed,
    proxies,
    routes,
    status,
    tcp,
)
from daemun.gloo.classic.tls import Secrets
from daemun.gloo.functions.offers import Offers
from daemun.gloo.policies import policy
from daemun.gloo.policies.policy import Policy
from daemun.gloo.settings import scope
from daemun.gloo.settings.listener_defaults import ListenerDefaults
from daemun.gloo.settings.upstream_defaults import Defaults
from daemun.ir.listener import Socket

Sources = Mapping[tuple[str, str], Source[Name, Any]]
_TOLD = (
    (GLOO_GATEWAY, "Gateway"),
    (GLOO_GATEWAY, "VirtualService"),
    (GLOO_GATEWAY, "RouteTable"),
    (GLOO_GATEWAY, "MatchableHttpGateway"),
    (GLOO_GATEWAY, "MatchableTcpGateway"),
    (GLOO, "UpstreamGroup"),
)
"""Kinds whose status says what was found about them."""


class Ports:
    """The ports that classic Gateways ask for: what Gateway API's Gateways must know of them."""

    def __init__(self, sources: Sources, settings: Settings) -> None:
        self.sources = sources
        self.settings = settings
        written: Source[Name, Gateway] = sources[GLOO_GATEWAY, "Gateway"]
        self.services: Source[Name, VirtualService] = sources[GLOO_GATEWAY, "VirtualService"]
        namespaces: Source[Name, Namespace] = sources[CORE, "Namespace"]
        said = scope.scope_rule(namespaces.index(scope.together))
        self.scopes = derive(sources[GLOO, "Settings"], said, "scope")
        self.unwritten = derive(
            distinct(self.services.index(gateways.asked_by), name="whether there are VirtualServices"),
            gateways.built_in_rule(written.index(gateways.asked_of)),
            "unwritten Gateways",
        )
        self.gateways = union(written, self.unwritten, name="classic Gateways")
        self.doors = derive(self.gateways, gateways.door_rule(self.scopes, settings), "doors")
        self.claims = derive(self.doors, gateways.claim_rule, "classic claims")


class Inputs(msgspec.Struct, frozen=True):
    """What classic mode takes from the others."""

    secrets: Collection[Name, Secret]
    backends: Mapping[tuple[str, str], Resolver]
    functions: Offers
    upstream_defaults: Collection[Name, Defaults]
    forward: Forward
    claims: Index[Socket, Ref, Claim]
    gateways: Collection[Name, ResolvedGateway]
    checks: Checks
    judged: policy.Inputs
    options: Mapping[str, Collection[Name, Policy]]
    defaults: ListenerDefaults


class Classic:
    """What classic mode comes to: `frontends`, `owners` of hosts, `routes`, `proxies` and their `placements`.

    `uses` is what options put on listeners and on virtual hosts.
    """

    def __init__(self, ports: Ports, of: Inputs) -> None:
        self._ports = ports
        judged = options.Inputs(of.judged, of.options, of.defaults)
        to = destinations.Inputs(
            of.backends,
            ports.sources[GLOO, "UpstreamGroup"],
            ports.sources[GLOO, "Upstream"],
            ports.sources[CORE, "Service"],
            of.functions,
            of.upstream_defaults,
            of.forward,
        )
        self._scopes = scopes = ports.scopes
        opened = gateways.opened_rule(
            ports.doors.index(gateways.sockets_of), of.claims if ports.settings.shared_host else None, of.gateways
        )
        self._doors = derive(ports.doors, opened, "open doors")
        written, held = ports.sources, Secrets(of.secrets, ports.settings)
        matchable = parts.Inputs(
            written[GLOO_GATEWAY, "MatchableHttpGateway"],
            written[GLOO_GATEWAY, "MatchableTcpGateway"],
            held,
            scopes,
        )
        self._parts = derive(self._doors, parts.part_rule(matchable), "parts of Gateways")
        entrances = derive(self._parts, parts.entrance_rule, "entrances")
        tenants = derive(ports.services, hosts.tenant_rule(entrances, scopes), "VirtualServices without routes")
        placing = placed.Inputs(
            entrances, tenants.index(hosts.domains_of), tenants.index(hosts.server_names_of), held, scopes
        )
        self._placed = derive(tenants, placed.placed_rule(placing), "VirtualServices where they are served")
        answers = derive(self._placed, placed.answer_rule, "handshakes").index(placed.gateways_of)
        self._streams = derive(
            self._parts, tcp.streams_rule(tcp.Inputs(held, scopes, to, judged)), "connections of classic Gateways"
        )
        listening = proxies.Inputs(
            self._parts.index(parts.gateway_of),
            answers,
            derive(self._streams, tcp.listener_rule, "listeners of TCP hosts"),
        )
        self.frontends = derive(self._doors, proxies.frontend_rule(listening, ports.settings), "classic frontends")
        self.owners = union(
            derive(self._placed, placed.owner_rule, "hosts of VirtualServices"),
            derive(self.frontends, tcp.owner_rule, "server names of TCP hosts"),
            name="classic owners",
        )
        by_proxy = self.frontends.index(proxies.proxies_of)
        self.proxies = derive(
            distinct(by_proxy, name="classic proxies"), proxies.proxy_rule(by_proxy), "proxies as Gateways"
        )
        self.placements = derive(self.proxies, proxies.placement_rule(by_proxy), "classic placements")
        self._part_uses = derive(self._parts, options.part_rule(judged), "options of classic Gateways")
        of_services = options.of_service_rule(judged, self._placed, self._part_uses)
        self.uses = union(
            derive(self._part_uses, options.of_part_rule, "uses of classic Gateways"),
            derive(ports.services, of_services, "uses of VirtualServices"),
            name="classic uses",
        )
        tables: Source[Name, RouteTable] = ports.sources[GLOO_GATEWAY, "RouteTable"]
        facts = derive(tables, delegation.facts_rule, "RouteTables without routes")
        inputs = routes.Inputs(
            self._placed,
            delegation.Tables(tables, facts, facts.index(delegation.labels_of)),
            to,
            judged,
            scopes,
            of.checks,
        )
        pieces = derive(ports.services, routes.piece_rule(inputs), "pieces of VirtualServices")
        self.resolved = derive(pieces, routes.resolve_rule(inputs), "VirtualServices")
        standing = self.resolved.index(routes.tables_of)
        times = derive(
            distinct(standing, name="RouteTables in VirtualServices"),
            routes.times_rule(standing),
            "places of RouteTables",
        )
        self.routes = union(
            derive(self.resolved, routes.route_rule(times), "routes of VirtualServices"),
            derive(self._streams, tcp.route_rule, "routes of TCP hosts"),
            name="classic routes",
        )

    def tell(self, heard: Heard) -> Reports:
        """Of classic objects, now that it is known what proxies reject, and which there cannot be."""

        def scope_now(reader: Reader) -> scope.Scope:
            return scope.scope_of(reader, self._scopes)

        written = self._ports.sources
        found = union(
            derive(self.resolved, routes.problems_rule, "what was found by VirtualServices"),
            derive(
                self._ports.services,
                hidden.hidden_rule(self.resolved.index(hidden.service_of), self._scopes),
                "hidden matchers",
            ),
            derive(
                self._ports.gateways,
                status.gateway_rule(status.Gateways(self._doors, heard.setbacks), scope_now),
                "unserved Gateways",
            ),
            derive(
                self._parts, status.part_rule(self._part_uses, self._streams, self.frontends), "what was found of parts"
            ),
            name="what was found",
        ).index(status.about)
        told = [
            derive(written[kind], status.object_rule(*kind, found, heard.rejected, heard.unread), f"about {kind[1]}s")
            for kind in _TOLD
        ]
        everything = union(*told, name="about classic objects")
        # Nobody can look at the status of what nobody wrote, but its problems are told.
        about = status.object_rule(GLOO_GATEWAY, "Gateway", found, heard.rejected, heard.unread)
        unwritten = derive(self._ports.unwritten, about, "about unwritten Gateways")
        about_all = union(everything, unwritten, name="about all classic objects")
        return Reports(
            (derive(everything, status.status_rule, "classic statuses"),),
            (derive(about_all, status.problem_rule, "classic problems"),),
        )
