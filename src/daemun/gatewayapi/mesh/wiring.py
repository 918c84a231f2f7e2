"""The mesh's collections, wired together: `parents` for routes to attach to, then all that comes of those that did."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from daemun.api.core import Namespace, Service
from daemun.base.names import CORE, GATEWAY, Name, Ref
from daemun.flow import Collection, Reader, Source, derive, distinct, union
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.mesh.clients import DEFAULT_PORT, LOOPBACK, in_mesh, mesh_of, port_of, proxy_of
from daemun.gatewayapi.mesh.parents import Inputs, consumed_by, listener_name
from daemun.gatewayapi.resolved import ResolvedGateway
from daemun.gatewayapi.routes.kinds import RouteKind
from daemun.gatewayapi.routes.owners import HostOwner
from daemun.gatewayapi.routes.parents import Candidate
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.status.problems import Problems, Rejections, from_findings, rejected
from daemun.gatewayapi.status.reports import Heard, Reports
from daemun.ir.listener import Frontend, FrontendKey, HostKey, Listener
from daemun.ir.origin import Origin
from daemun.ir.placement import CONFIGURATION, Placement

_CLASS_NAME = "mesh"


class Meshes:
    """`proxies` are those beside the pods of each namespace that is in the mesh, and `frontends` what they listen on:
    one port that all connections are redirected to, and each port of a Service that has routes.
    """

    def __init__(
        self, sources: Mapping[tuple[str, str], Source[Name, Any]], kinds: Iterable[RouteKind], settings: Settings
    ) -> None:
        self._namespaces: Source[Name, Namespace] = sources[CORE, "Namespace"]
        namespaces = self._namespaces
        self._services: Source[Name, Service] = sources[CORE, "Service"]
        consumers = [(kind, sources[GATEWAY, kind.kind].index(consumed_by(kind))) for kind in kinds if not kind.streams]
        self.parents = Inputs(self._services, namespaces.index(in_mesh), tuple(consumers), settings.meshes)
        self._settings = settings
        self.proxies = derive(namespaces, _proxy_rule, "meshes")
        self._captured = derive(namespaces, self._capture, "ports of meshes")

    def serve(self, candidates: Collection[Ref, Candidate]) -> None:
        """What comes of the routes that attached."""
        asked = distinct(candidates.index(_frontends_of), name="ports of Services")
        served = derive(asked, _frontend_rule(self._services), "frontends of Services")
        self.frontends = union(self._captured, served, name="frontends of meshes")
        self.owners = derive(served, _owner_rule, "Services as owners of hosts")
        self.placements = derive(self.proxies, _placement_rule(self._settings), "placements of meshes")

    def _capture(self, _: Reader, name: Name, namespace: Namespace) -> Iterator[tuple[FrontendKey, Frontend]]:
        """From a namespace in the mesh to the port that its connections are redirected to."""
        if any(in_mesh(name, namespace)):
            port, _findings = self._port(namespace)
            origin = Origin(mesh_of(name.name), "port")
            listener = Listener("captured", "captured", origin, port, "TCP")
            yield FrontendKey(str(proxy_of(name.name)), port), Frontend((LOOPBACK,), (listener,), captures=True)

    def _port(self, namespace: Namespace) -> tuple[int, tuple[Finding, ...]]:
        """The port, and what is wrong with it. Each pod has a network of its own, where it is always the same."""
        return (DEFAULT_PORT, ()) if self._settings.clustered else port_of(namespace)

    def tell(self, heard: Heard) -> Reports:
        """Of namespaces whose mesh has something wrong with it."""
        rule = self._problem_rule(heard.rejected)
        return Reports(problems=(derive(self._namespaces, rule, "problems of meshes"),))

    def _problem_rule(
        self, rejections: Rejections
    ) -> Callable[[Reader, Name, Namespace], Iterator[tuple[Ref, Problems]]]:
        """The rule from a namespace to what is wrong with its mesh; what its proxies refused is the mesh's as well."""

        def problems(reader: Reader, name: Name, namespace: Namespace) -> Iterator[tuple[Ref, Problems]]:
            findings = [*self._port(namespace)[1], *rejected(reader, rejections, mesh_of(name.name))]
            if findings and any(in_mesh(name, namespace)):
                ref = Ref(CORE, "Namespace", *name)
                yield ref, from_findings(ref, findings)

        return problems


def _proxy_rule(_: Reader, name: Name, namespace: Namespace) -> Iterator[tuple[Name, ResolvedGateway]]:
    """From a namespace in the mesh to its proxies, as they are known to whoever provides them."""
    if any(in_mesh(name, namespace)):
        yield (
            proxy_of(name.name),
            ResolvedGateway(
                ref=mesh_of(name.name), generation=0, controller=CONTROLLER, addresses=(LOOPBACK,), listeners=()
            ),
        )


def _placement_rule(
    settings: Settings,
) -> Callable[[Reader, Name, ResolvedGateway], Iterator[tuple[Name, Placement]]]:
    """The rule from such proxies to what must run: on one machine one of them, in a cluster those beside pods."""

    def placement(_: Reader, name: Name, mesh: ResolvedGateway) -> Iterator[tuple[Name, Placement]]:
        yield name, Placement(mesh.ref, "", _CLASS_NAME, CONFIGURATION, beside=settings.clustered)

    return placement


def _frontends_of(_: Ref, candidate: Candidate) -> Iterator[FrontendKey]:
    """The ports of Services that a route is attached to."""
    yield from (one.frontend for one in candidate.attachments if one.frontend.apart)


def _frontend_rule(
    services: Collection[Name, Service],
) -> Callable[[Reader, FrontendKey, FrontendKey], Iterator[tuple[FrontendKey, Frontend]]]:
    """The rule from a port of a Service, for the clients of a namespace, to what is listened on for it."""

    def frontend(reader: Reader, key: FrontendKey, _: FrontendKey) -> Iterator[tuple[FrontendKey, Frontend]]:
        name = Name(*reversed(key.section.split(".")))
        service = reader.get(services, name)
        addresses = service.own_addresses if service else ()
        if addresses:
            called = listener_name(name, key.port)
            origin = Origin(mesh_of(Name.of(key.proxy).namespace), called)
            yield key, Frontend(addresses, (Listener(called, called, origin, key.port, "HTTP"),), bound=False)

    return frontend


def _owner_rule(_: Reader, key: FrontendKey, frontend: Frontend) -> Iterator[tuple[HostKey, HostOwner]]:
    """From a port of a Service to who answers there for all hosts: the Service, whatever a client calls it."""
    (listener,) = frontend.listeners
    yield HostKey(key, ""), HostOwner(listener, listener.origin, requests=True, tls=False)
