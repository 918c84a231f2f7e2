"""Whom it concerns that Envoy rejected something: the object it comes from, or those that use what has no status."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import CORE, Ref
from daemun.envoy.blame_ports import Ports
from daemun.envoy.clusters import ProxyBackend
from daemun.envoy.secrets import ProxySecret
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.routes.delegations import ROUTE
from daemun.ir.backend import BackendKey
from daemun.ir.listener import Frontend, FrontendKey, port_name
from daemun.ir.origin import Origin
from daemun.ir.resource import LISTENER, SECRET, Part, PartKey
from daemun.ir.route import RouteKey


def cluster_of(_: BackendKey, key: BackendKey) -> tuple[str]:
    """The name of a backend's cluster, and of its endpoints; for an index."""
    return (key.cluster,)


def blame_rule(
    by_cluster: Index[str, BackendKey, BackendKey],
    by_backend: Index[ProxyBackend, RouteKey, ResolvedRoute],
    by_secret: Index[ProxySecret, FrontendKey, Frontend],
    clusters_by_secret: Index[ProxySecret, PartKey, Part],
    routes: Collection[RouteKey, ResolvedRoute],
    ways: Index[Ref, RouteKey, ResolvedRoute],
    ports: Ports,
) -> Callable[[Reader, RejectionKey, Rejection], Iterator[tuple[RejectionKey, Rejection]]]:
    """The rule from a rejection to the same for each object that is to hear of it.

    What a Service, Secret or ConfigMap caused concerns the routes, listeners and policies that use it. What is wrong
    with a route or a port may come of any policy that it has. What is wrong at each address of a port is told once.
    """

    def blame(reader: Reader, key: RejectionKey, one: Rejection) -> Iterator[tuple[RejectionKey, Rejection]]:
        if one.ref.group != CORE:
            if key.type_url == LISTENER:
                of_port = one.message.replace(key.resource, port_name(key.resource))
                one = msgspec.structs.replace(one, message=of_port)
            yield key, one
            route = reader.get(routes, one.ref)
            every = [*([route] if route else []), *reader.find(ways, one.ref)]
            policies = [policy for route in every for policy in _policies(route, one.where)]
            for policy in dict.fromkeys([*policies, *ports.policies(reader, key, one)]):
                at = f"{one.ref} {one.where}"
                said = Rejection(one.proxy, policy, "spec.options", f"{at}: {one.message}")
                yield key._replace(ref=policy, where=at), said
            return
        if key.type_url == SECRET:
            secret = ProxySecret(key.proxy, key.resource)
            concerned = [
                *_listeners(reader.find(by_secret, secret), key.resource),
                *(leaf.origin for part in reader.find(clusters_by_secret, secret) for leaf in part.leaves),
            ]
        else:
            backends = [ProxyBackend(key.proxy, backend) for backend in reader.find(by_cluster, key.resource)]
            concerned = [_place(route, one.ref) for backend in backends for route in reader.find(by_backend, backend)]
        message = f"{one.ref}: {one.message}"
        for origin in dict.fromkeys(concerned):
            yield (
                key._replace(ref=origin.ref, where=origin.where),
                Rejection(one.proxy, origin.ref, origin.where, message),
            )

    return blame


def _policies(route: ResolvedRoute, where: str) -> Iterator[Ref]:
    """The policies that have a say in a piece of a route."""
    for rule in route.route.rules:
        if where == rule.where or where.startswith(f"{rule.where}."):
            yield from (use.by for use in rule.uses if use.by is not None and use.by.kind != ROUTE)


def _listeners(frontends: list[Frontend], secret: str) -> Iterator[Origin]:
    for frontend in frontends:
        for one in frontend.listeners:
            if secret in one.all_secrets:
                yield one.origin


def _place(route: ResolvedRoute, behind: Ref) -> Origin:
    """Where a route first sends something to the backends of an object."""
    for rule in route.route.rules:
        for backend in rule.backends:
            if backend.key is not None and backend.key.ref == behind:
                return Origin(route.route.author(rule), backend.where)
        for use in rule.every_use():
            if any(key is not None and key.ref == behind for key in use.backends):
                asked = use.by if use.by is not None and use.by.kind == ROUTE else route.route.author(rule)
                return Origin(asked, use.where)
    return Origin(route.ref)
