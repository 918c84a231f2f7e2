"""What is migrated: Gloo's classic objects as classic mode reads them, down to the routes that RouteTables come to."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.destinations import UpstreamGroup
from daemun.api.gloo.options import RouteOptions, VirtualHostOptions
from daemun.api.gloo.policies import RouteOption, VirtualHostOption
from daemun.api.gloo.virtual_service import RouteTable, VirtualService
from daemun.api.kinds import KINDS
from daemun.api.meta import Resource
from daemun.base.names import CORE, GLOO, GLOO_GATEWAY, Name, Ref
from daemun.flow import Graph, Reader, Source, derive
from daemun.gatewayapi.settings import Settings
from daemun.gloo.classic import parts, wiring
from daemun.gloo.classic.delegation import Flattening, Placing, Tables, facts_rule, labels_of
from daemun.gloo.classic.hosts import Tenant, tenant_rule
from daemun.gloo.classic.report import Problems, Report
from daemun.gloo.classic.tls import Secrets
from daemun.gloo.migrate.pieces import Piece, entrance_rule, piece_rule
from daemun.gloo.settings.scope import SETTINGS, Scope, Scopes, scope_of

Objects = Mapping[Ref, Resource]
T = TypeVar("T", bound=Resource)

CLASSIC = frozenset(
    {
        (GLOO_GATEWAY, "Gateway"),
        (GLOO_GATEWAY, "VirtualService"),
        (GLOO_GATEWAY, "RouteTable"),
        (GLOO_GATEWAY, "MatchableHttpGateway"),
        (GLOO_GATEWAY, "MatchableTcpGateway"),
        (GLOO, "UpstreamGroup"),
    }
)
"""The kinds that are converted."""


class Flat(msgspec.Struct, frozen=True):
    """The routes of a VirtualService, those of RouteTables in their places, and what was found on the way."""

    placings: tuple[Placing, ...]
    problems: Problems


class World(msgspec.Struct, frozen=True):
    """The classic objects there are, and what they mean to each other.

    `pieces` are the parts of the Gateways that count, Gloo's built-in ones included where nobody wrote any; `tenants`
    are the VirtualServices without, and `flat` those with their routes.
    """

    objects: Objects
    scope: Scope
    pieces: list[Piece]
    tenants: Mapping[Name, Tenant]
    flat: Mapping[Name, Flat]

    def service(self, name: Name) -> VirtualService:
        """A VirtualService that is there."""
        found = self._get(GLOO_GATEWAY, "VirtualService", name, VirtualService)
        assert found is not None  # noqa: S101 - it is a tenant
        return found

    def group(self, name: Name) -> UpstreamGroup | None:
        """An UpstreamGroup."""
        return self._get(GLOO, "UpstreamGroup", name, UpstreamGroup)

    def secret(self, name: Name) -> Secret | None:
        """A Secret."""
        return self._get(CORE, "Secret", name, Secret)

    def route_options(self, name: Name) -> RouteOptions | None:
        """What a RouteOption says."""
        found = self._get(GLOO_GATEWAY, "RouteOption", name, RouteOption)
        return found.spec.options if found else None

    def host_options(self, name: Name) -> VirtualHostOptions | None:
        """What a VirtualHostOption says."""
        found = self._get(GLOO_GATEWAY, "VirtualHostOption", name, VirtualHostOption)
        return found.spec.options if found else None

    def _get(self, group: str, kind: str, name: Name, of: type[T]) -> T | None:
        found = self.objects.get(Ref(group, kind, *name))
        return found if isinstance(found, of) else None


def read(objects: Objects) -> World:
    """The world that these objects are, as classic mode would serve it."""
    graph = Graph()
    sources: wiring.Sources = {(kind.group, kind.kind): Source(graph, kind.kind) for kind in KINDS}
    ports = wiring.Ports(sources, Settings())
    matchable = parts.Inputs(
        sources[GLOO_GATEWAY, "MatchableHttpGateway"],
        sources[GLOO_GATEWAY, "MatchableTcpGateway"],
        Secrets(sources[CORE, "Secret"], ports.settings),
        ports.scopes,
    )
    found = derive(ports.doors, piece_rule(matchable, lambda reader, name: reader.get(ports.gateways, name)), "pieces")
    entrances = derive(found, entrance_rule, "entrances")
    tenants = derive(ports.services, tenant_rule(entrances, ports.scopes), "tenants")
    written: Source[Name, RouteTable] = sources[GLOO_GATEWAY, "RouteTable"]
    facts = derive(written, facts_rule, "facts")
    tables = Tables(written, facts, facts.index(labels_of))
    flat = derive(ports.services, _flat_rule(tables, ports.scopes), "routes")
    with graph.batch():
        for ref, value in objects.items():
            sources[ref.group, ref.kind].set(ref.key, value)
    return World(
        objects=objects,
        scope=ports.scopes.get(SETTINGS) or Scope(),
        pieces=sorted(found.values(), key=lambda one: (one.gateway.age, int(one.section.part or 0))),
        tenants=dict(sorted(tenants.items())),
        flat=dict(flat.items()),
    )


def _flat_rule(tables: Tables, scopes: Scopes) -> Callable[[Reader, Name, VirtualService], Iterator[tuple[Name, Flat]]]:
    """The rule from a VirtualService to its routes."""

    def flat(reader: Reader, name: Name, service: VirtualService) -> Iterator[tuple[Name, Flat]]:
        report = Report()
        ref = Ref(GLOO_GATEWAY, "VirtualService", *name)
        written = service.spec.virtual_host.routes if service.spec.virtual_host else ()
        flattening = Flattening(reader, tables, scope_of(reader, scopes), report, ref)
        placings = flattening.whole("spec.virtualHost.routes", written)
        yield name, Flat(placings, report.problems)

    return flat
