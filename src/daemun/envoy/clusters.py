"""Envoy clusters: one per backend, shared by every route that uses it."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3

from daemun.base import wire
from daemun.envoy.ads import ads
from daemun.envoy.defaults import HTTP_OPTIONS, bounded
from daemun.envoy.described import Described
from daemun.envoy.egress import egress_leaf
from daemun.envoy.own import PROXY_PAIR, own_cluster
from daemun.envoy.upstreams import built, tunnel
from daemun.flow import Collection, Reader
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.settings import Settings
from daemun.ir.backend import BackendKey
from daemun.ir.listener import ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, LISTENER, Leaf, Part, PartKey, part
from daemun.ir.route import RouteKey
from daemun.ir.uses import ListenerUses


class ProxyBackend(NamedTuple):
    """A backend that a proxy needs."""

    proxy: str
    backend: BackendKey


def backends_of(_: RouteKey, resolved: ResolvedRoute) -> Iterator[ProxyBackend]:
    """The backends that a route needs, at each proxy it is attached to."""
    ways = {(attachment.frontend.proxy, attachment.through) for attachment in resolved.attachments}
    if ways:
        keys = resolved.backends()
        yield from {ProxyBackend(proxy, key.at(through)) for key in keys for proxy, through in ways}


def backends_of_listener(_: ListenerKey, uses: ListenerUses) -> Iterator[ProxyBackend]:
    """The backends that policies of a listener need."""
    yield from {ProxyBackend(proxy, key) for key in uses.backends() for proxy in uses.proxies}


def backend_of(_: ProxyBackend, needed: ProxyBackend) -> tuple[BackendKey]:
    """The backend alone, whoever needs it."""
    return (needed.backend,)


def cluster_rule(
    described: Described, settings: Settings
) -> Callable[[Reader, BackendKey, BackendKey], Iterator[tuple[BackendKey, Part]]]:
    """The rule from a backend to its cluster."""

    def cluster(reader: Reader, key: BackendKey, _: BackendKey) -> Iterator[tuple[BackendKey, Part]]:
        upstream = described.of(reader, key)
        if upstream is not None:
            draft = built(key, upstream)
            yield key, part("", [_leaf(draft.cluster, key, draft.secrets)])
        elif key.kind == "service":
            yield key, part("", [Leaf(wire.encoded(_service_cluster(key)), Origin(key.ref))])
        elif (egress := described.egress(reader, key)) is not None:
            yield key, part("", [egress_leaf(key, egress, described.guard)])
        elif (own := own_cluster(key, settings)) is not None:
            yield key, part("", [_leaf(own, key, [PROXY_PAIR] if own.HasField("transport_socket") else [])])

    return cluster


def _leaf(cluster: cluster_pb2.Cluster, key: BackendKey, secrets: Iterable[str]) -> Leaf:
    late = bool(cluster.health_checks) or cluster.type == cluster.STRICT_DNS
    return Leaf(wire.encoded(cluster), Origin(key.ref), secrets=tuple(secrets), late=late)


def _service_cluster(key: BackendKey) -> cluster_pb2.Cluster:
    proto = cluster_pb2.Cluster(
        name=key.cluster,
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=ads()),
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        ignore_health_on_host_removal=True,
    )
    bounded(proto)
    if key.protocol in {"http", "h2c"}:
        options = http_v3.HttpProtocolOptions()
        if key.protocol == "h2c":
            options.explicit_http_config.http2_protocol_options.SetInParent()
        else:
            options.explicit_http_config.http_protocol_options.SetInParent()
        proto.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options, deterministic=True)
    return proto


class Behind(msgspec.Struct, frozen=True, gc=False):
    """What stands behind a cluster whose connections go through a further proxy: that one's cluster, and the way."""

    name: str
    cluster: Part
    listener_name: str
    listener: Part


def behind_rule(
    described: Described,
) -> Callable[[Reader, BackendKey, BackendKey], Iterator[tuple[BackendKey, Behind]]]:
    """The rule from a backend to what stands behind it, if anything does."""

    def behind(reader: Reader, key: BackendKey, _: BackendKey) -> Iterator[tuple[BackendKey, Behind]]:
        upstream = described.of(reader, key)
        found = tunnel(key, upstream) if upstream is not None else None
        if found is not None:
            near = found.near
            cluster = _leaf(near.cluster, key, near.secrets)
            listener = Leaf(wire.encoded(found.listener), Origin(key.ref, "spec.httpProxyHostname"))
            yield key, Behind(near.cluster.name, part("", [cluster]), found.listener.name, part("", [listener]))

    return behind


def at_proxy(
    clusters: Collection[BackendKey, Part],
    endpoints: Collection[BackendKey, Part],
    behind: Collection[BackendKey, Behind],
    encrypted: Callable[[Reader, str, BackendKey, Leaf], Leaf | None],
) -> Callable[[Reader, ProxyBackend, ProxyBackend], Iterator[tuple[PartKey, Part]]]:
    """The rule that gives each proxy the clusters and endpoints that it needs, and no others.

    All proxies share a cluster, but for what its TLS has of the proxy's own: `encrypted` puts it on.
    """

    def place(reader: Reader, needed: ProxyBackend, _: ProxyBackend) -> Iterator[tuple[PartKey, Part]]:
        key, proxy = needed.backend, needed.proxy
        cluster, assignment = reader.get(clusters, key), reader.get(endpoints, key)
        if cluster is None:
            return
        if key.tls:
            leaf = encrypted(reader, proxy, key, cluster.leaves[0])
            if leaf is None:
                return
            cluster = part("", [leaf])
        yield PartKey(proxy, CLUSTER, key.cluster), cluster
        further = reader.get(behind, key)
        if further is not None:
            yield PartKey(proxy, CLUSTER, further.name), further.cluster
            yield PartKey(proxy, LISTENER, further.listener_name), further.listener
        if assignment is not None:
            yield PartKey(proxy, ENDPOINT, further.name if further else key.cluster), assignment

    return place
