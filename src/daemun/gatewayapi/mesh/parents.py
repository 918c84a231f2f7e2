"""Services as parents of routes: for whose requests a route is, and at which ports (GEP-1426).

A route in the Service's own namespace is its *producer's* and is for every client. One in another namespace is a
*consumer's*: it is for the clients of that namespace, and the producer's routes are not.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from daemun.api.core import Namespace, Service
from daemun.api.meta import ParentReference, Resource
from daemun.api.routes import RouteSpec
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.classes import CONTROLLER
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.mesh.clients import IN_MESH, LABEL, mesh_of, proxy_of
from daemun.gatewayapi.resolved import Attachment, ParentResult
from daemun.gatewayapi.routes.kinds import RouteKind
from daemun.ir.listener import FrontendKey

_HTTP = {"", "http", "http2", "grpc", "kubernetes.io/h2c", "kubernetes.io/ws"}
"""What a port may say that it speaks (appProtocol) whose requests are routed."""
_NONE: frozenset[Ref] = frozenset()
_NO_PROXY = "NoProxy"


class Consumed(NamedTuple):
    """A Service of another namespace that a namespace has routes of its own for."""

    client: str
    service: Name


class Inputs(msgspec.Struct, frozen=True):
    """What Services are as parents: they themselves, who is in the mesh, and the consumers' routes of each kind.

    `provided` says whether somebody brings clients the proxies that serve them; None: who knows.
    """

    services: Collection[Name, Service]
    clients: Index[bool, Name, Namespace]
    consumers: tuple[tuple[RouteKind, Index[Consumed, Name, Any]], ...]
    provided: bool | None


def is_service(parent: ParentReference) -> bool:
    """Whether a parent is a Service."""
    return (parent.group, parent.kind) == (CORE, "Service")


def consumed_by(kind: RouteKind) -> Callable[[Name, Resource], Iterator[Consumed]]:
    """The Services that a route consumes; for an index."""

    def consumed(name: Name, route: Resource) -> Iterator[Consumed]:
        for parent in kind.spec(route).parent_refs:
            if is_service(parent) and parent.namespace not in (None, name.namespace):
                yield Consumed(name.namespace, Name(parent.namespace, parent.name))

    return consumed


def stood_for(ref: Ref, spec: RouteSpec) -> frozenset[Ref]:
    """The Services of other namespaces whose clients' requests, and no others, come to a route."""
    if spec.use_default_gateways == "All" or not all(map(is_service, spec.parent_refs)):
        return _NONE
    found = {Ref(CORE, "Service", one.namespace, one.name) for one in spec.parent_refs if one.namespace}
    return frozenset(found) if found else _NONE


def ports_of(service: Service, parent: ParentReference) -> tuple[int, ...]:
    """The ports of a Service that a parentRef means, by number and by name; all that speak HTTP if it says nothing."""
    return tuple(
        one.port
        for one in service.spec.ports
        if one.protocol == "TCP"
        and (one.app_protocol or "").lower() in _HTTP
        and parent.port in (None, one.port)
        and parent.section_name in (None, one.name)
    )


def frontend_of(client: str, service: Name, port: int) -> FrontendKey:
    """The port of a Service, for the clients of a namespace. Neither name can have a dot."""
    return FrontendKey(str(proxy_of(client)), port, section=f"{service.name}.{service.namespace}", apart=True)


def attach(
    reader: Reader, of: Inputs, ref: Ref, kind: RouteKind, where: str, parent: ParentReference
) -> tuple[list[ParentResult], list[Attachment]]:
    """What a parentRef to a Service comes to, client by client.

    Where nobody is in the mesh, nor would get proxies, it may be for another mesh: nothing is said of it.
    """
    clients = sorted(name.name for name in reader.find_keys(of.clients, True))
    if not clients and not of.provided:
        return [], []
    owner = Ref(CORE, "Service", parent.namespace or ref.namespace, parent.name)
    if not clients:
        return [ParentResult(parent, CONTROLLER, owner, "", notes=(_unasked(where, owner),))], []
    service = reader.get(of.services, owner.key)
    consumes = owner.namespace != ref.namespace
    finding = _unfit(kind, where, parent, owner, service)
    if finding is None and consumes and ref.namespace not in clients:
        text = f"namespace {ref.namespace} is not in the mesh, and a route for {owner} of another is for no others"
        finding = Finding("NoMatchingParent", where, text, f"Label the Namespace {LABEL}: {IN_MESH}.")
    if finding is not None or service is None:
        return [ParentResult(parent, CONTROLLER, owner, "", (), (finding,) if finding else ())], []
    ports, results, attachments = ports_of(service, parent), [], []
    notes = (_unprovided(where),) if of.provided is False else ()
    for client in [ref.namespace] if consumes else clients:
        mesh = mesh_of(client)
        taken = set() if consumes else set(_consumed(reader, of, client, owner.key, service))
        found = [
            Attachment(frontend_of(client, owner.key, port), mesh, listener_name(owner.key, port), ("",))
            for port in ports
            if port not in taken
        ]
        attachments += found
        names = tuple(one.listener for one in found)
        results.append(ParentResult(parent, CONTROLLER, mesh, str(mesh.key), names, notes=notes))
    return results, attachments


def _unasked(where: str, service: Ref) -> Finding:
    """That nobody is in the mesh."""
    text = f"no Namespace is in the mesh, so the route gets nobody's requests to {service}"
    return Finding(_NO_PROXY, where, text, f"Label a Namespace whose pods are clients {LABEL}: {IN_MESH}.")


def _unprovided(where: str) -> Finding:
    """That somebody is in the mesh, and that Daemun was not told to put proxies beside pods."""
    text = "Daemun is installed without its mesh, so no pod gets the proxy that would serve it"
    return Finding(_NO_PROXY, where, text, "Set mesh.enabled of the chart.")


def listener_name(service: Name, port: int) -> str:
    """What a port of a Service is called among all that a mesh has."""
    return f"{service.name}.{service.namespace}:{port}"


def _unfit(kind: RouteKind, where: str, parent: ParentReference, owner: Ref, service: Service | None) -> Finding | None:
    """Why a Service cannot be this route's parent."""
    if kind.streams:
        text = f"{owner} as a parent takes HTTPRoutes and GRPCRoutes, and no {kind.kind}"
        return Finding("NotAllowedByListeners", where, text)
    if service is None:
        return absent("NoMatchingParent", where, owner)
    if not service.own_addresses:
        text = f"{owner} has no address of its own, by which its requests could be known"
        return Finding("NoMatchingParent", where, text, "Give it a spec.clusterIP.")
    if not ports_of(service, parent):
        has = ", ".join(f"{one.port}/{one.app_protocol or one.protocol}" for one in service.spec.ports) or "none"
        text = f"{owner} has no such port for requests (it has {has})"
        return Finding("NoMatchingParent", where, text)
    return None


def _consumed(reader: Reader, of: Inputs, client: str, name: Name, service: Service) -> Iterator[int]:
    """The ports of a Service that a client's namespace has routes of its own for."""
    if client == name.namespace:
        return
    for kind, consumers in of.consumers:
        for route in reader.find(consumers, Consumed(client, name)):
            for parent in kind.spec(route).parent_refs:
                if is_service(parent) and (parent.namespace, parent.name) == name:
                    yield from ports_of(service, parent)
