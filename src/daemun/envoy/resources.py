"""Envoy's collections, wired together: each is some of the parts that its resources are joined from."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from daemun.api.core import Secret
from daemun.base.names import CORE, GLOO, Name, Ref
from daemun.envoy import (
    blame,
    blame_ports,
    clusters,
    directory,
    discovered,
    endpoints,
    extensions,
    hosts,
    listeners,
    misses,
    readers,
    routes,
    secrets,
    shards,
    streams,
    tls,
)
from daemun.envoy.described import Described
from daemun.flow import Collection, Index, Reader, Source, derive, distinct, union
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.resolved import ResolvedGateway, ResolvedRoute
from daemun.gatewayapi.routes import owners
from daemun.gatewayapi.routes import streams as gateway_streams
from daemun.gatewayapi.routes.backendtls import ByService
from daemun.gatewayapi.routes.owners import HostOwner
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.tls import clientcerts
from daemun.ir.identity import Credential, Identity
from daemun.ir.listener import Frontend, FrontendKey, HostKey, ListenerKey
from daemun.ir.route import RouteKey, Use
from daemun.ir.uses import ListenerUses

Sources = Mapping[tuple[str, str], Source[Name, Any]]


class Inputs(msgspec.Struct, frozen=True):
    """What the front ends have made, all of them together, and what stands behind it.

    `standing` is what every listener has that does not say otherwise; `shown` are key pairs of the gate's own, and
    `identities` who it is in meshes.
    """

    gateways: Collection[Name, ResolvedGateway]
    frontends: Collection[FrontendKey, Frontend]
    owners: Collection[HostKey, HostOwner]
    routes: Collection[RouteKey, ResolvedRoute]
    listener_uses: Collection[ListenerKey, ListenerUses]
    described: Described
    tls_policies: ByService
    standing: Callable[[Reader], tuple[Use, ...]]
    shown: Collection[Name, Secret]
    identities: Collection[Identity, Credential]


class EnvoyResources:
    """All `parts`; on the way the `holders` of streams; and who is `asked` which functions there are."""

    def __init__(self, sources: Sources, of: Inputs, settings: Settings, access_log: str) -> None:
        self._of = of
        uses, found, ports = of.listener_uses, of.routes, of.frontends

        # Listeners, and the filters that they ask for.
        heads = listeners.listener_rule(settings.shared_host, access_log, uses, of.standing)
        listener_parts = derive(ports, heads, "listeners")
        filters = extensions.extensions(ports, found, uses, of.standing, misses.ways)

        # Virtual hosts, in scopes: those of exact hosts, of paths where there are many, and of the rest.
        encoded = derive(found, routes.encoded_rule(derive(ports, owners.surface_rule, "surfaces")), "encoded routes")
        by_host, crowding = found.index(routes.hosts_of), found.index(routes.crowding_of)
        named = distinct(by_host, of.owners.index(owners.with_requests), name="hosts")
        spreads = derive(ports, directory.spread_rule(named.index(directory.rest_of)), "spread ports")
        sharded = shards.Shards(crowding)
        reading = derive(ports, readers.reader_rule(uses, of.standing), "ports that read what tokens say")
        whole = derive(ports, readers.whole_rule(uses, of.standing), "ports with filters for all requests")
        host_inputs = hosts.Inputs(of.owners, encoded, by_host, crowding, sharded, spreads, uses, reading, whole)
        virtual_hosts = derive(named, hosts.host_rule(host_inputs), "virtual hosts")
        by_path = derive(sharded.keys, shards.shard_rule(of.owners, encoded, sharded, uses, reading), "routes by path")
        listed = distinct(virtual_hosts.index(directory.listed_of), name="listed hosts").index(directory.port_of)
        rest_scopes = derive(ports, directory.rest_rule(spreads, listed), "scopes of the rest")

        # Streams of bytes and of datagrams.
        by_stream = found.index(gateway_streams.streams_of)
        self.holders = derive(
            distinct(by_stream, of.owners.index(owners.with_streams), name="streams that come in"),
            gateway_streams.holder_rule(of.owners, by_stream),
            "holders of streams",
        )
        stream_parts = derive(self.holders, streams.stream_rule(found, ports, access_log), "streams")

        # Backends: each once, then as the proxies need them.
        self._by_backend = found.index(clusters.backends_of)
        needed = distinct(self._by_backend, uses.index(clusters.backends_of_listener), name="needed backends")
        self._used = used = distinct(needed.index(clusters.backend_of), name="backends")
        cluster_parts = derive(used, clusters.cluster_rule(of.described, settings), "clusters")
        services, config_maps, secret_objects = (sources[CORE, kind] for kind in ("Service", "ConfigMap", "Secret"))
        slices = sources["discovery.k8s.io", "EndpointSlice"].index(endpoints.slices_of)
        endpoint_rule = endpoints.endpoint_rule(services, slices, sources[CORE, "Pod"], of.described)
        endpoint_parts = derive(used, endpoint_rule, "endpoints")
        namespaces, upstreams = sources[CORE, "Namespace"], of.described.upstreams
        found_in = discovered.Inputs(sources[GLOO, "Settings"], namespaces, services, slices, upstreams)
        self.asked = derive(sources[GLOO, "Upstream"], discovered.asked_rule(found_in), "who is asked for functions")
        behind = derive(used, clusters.behind_rule(of.described), "what stands behind clusters")
        certificates = derive(of.gateways, clientcerts.certificate_rule, "client certificates")
        encrypted = tls.upstream_rule(of.tls_policies, services, certificates)
        placed = derive(
            needed, clusters.at_proxy(cluster_parts, endpoint_parts, behind, encrypted), "backends by proxy"
        )

        # Secrets that any of these name.
        self._by_secret = (ports.index(secrets.secrets_of), placed.index(secrets.secrets_of_part))
        of_headers = (found.index(secrets.secrets_of_route), uses.index(secrets.secrets_of_uses))
        needed_secrets = distinct(*self._by_secret, *of_headers, name="needed secrets")
        shown = secrets.secret_rule(secret_objects, config_maps, of.shown, of.identities)
        secret_parts = derive(needed_secrets, shown, "secrets")

        scopes = (rest_scopes, virtual_hosts, by_path)
        self.parts = union(placed, listener_parts, filters, stream_parts, *scopes, secret_parts, name="resources")

    def blame(
        self, rejections: Collection[RejectionKey, Rejection], ways: Index[Ref, RouteKey, ResolvedRoute]
    ) -> Collection[RejectionKey, Rejection]:
        """What proxies reject, for each object that is to hear of it."""
        ports = blame_ports.Ports(self._of.frontends.index(blame_ports.name_of), self._of.listener_uses)
        by_cluster = self._used.index(blame.cluster_of)
        rule = blame.blame_rule(by_cluster, self._by_backend, *self._by_secret, self._of.routes, ways, ports)
        return derive(rejections, rule, "blame")
