"""The clusters of destinations outside: of each request Envoy looks up the host that it names (dynamic forward proxy).

No filter has a part in it: the cluster itself waits for the addresses. Who may be asked for is checked there once more,
when it is known where the request would go, after all that routes and filters do to it; so are addresses, twice. Those
of the machine, the link and clouds' metadata are left out of what DNS says, all of them, and none of them is chosen.
"""

from collections.abc import Iterable

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.rbac.v3 import rbac_pb2 as rules_v3
from envoy.extensions.clusters.dynamic_forward_proxy.v3 import cluster_pb2 as forward_v3
from envoy.extensions.common.dynamic_forward_proxy.v3 import dns_cache_pb2 as cache_v3
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_v3
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.network.dns_resolver.cares.v3 import cares_dns_resolver_pb2 as cares_v3
from envoy.extensions.rbac.matchers.upstream_ip_port.v3 import upstream_ip_port_matcher_pb2 as address_v3
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3
from envoy.type.matcher.v3 import address_pb2

from daemun.base import wire
from daemun.base.digest import digest, version
from daemun.base.guard import Guard, Network
from daemun.envoy.defaults import HTTP_OPTIONS, bounded
from daemun.envoy.tls import TLS_SOCKET, upstream
from daemun.features import upstream_filters
from daemun.features.egress import AUTHORITY, matchers
from daemun.ir.backend import BackendKey
from daemun.ir.egress import Allowed, Egress
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf
from daemun.ir.tls import bundle_name

_MOST_NAMES = 1024
"""Names whose addresses are known at once: beyond, requests for others are answered with 503."""
_UNUSED_SECONDS = 300
"""How long those of a name are kept that nobody asks for."""
_MOST_LOOKUPS = 256
_AGAIN_SECONDS, _LATER_SECONDS = 5, 30
"""How soon a name is looked up again that has no address, and how late at most if nobody answers."""
_QUERY_SECONDS, _QUERIES = 2, 2
_ADDRESS_FILTER = wire.tag(16)
"""DnsCacheConfig.resolved_address_filter, an AddressMatcher: Envoy 1.40 has it, xds-protos 1.85 not yet."""
_CODEC = "envoy.filters.http.upstream_codec"
_CHECK = "envoy.filters.http.upstream_rbac"
"""The RBAC that is asked when a host was chosen for a request, before a connection is opened."""
_EVERYTHING = {4: ("0.0.0.0", 0), 6: ("::", 0)}  # noqa: S104 - compared with, not bound


def egress_leaf(key: BackendKey, egress: Egress, guard: Guard) -> Leaf:
    """The cluster, with the secrets that it needs."""
    refused = guard.networks()
    proto = cluster_pb2.Cluster(name=key.cluster, lb_policy=cluster_pb2.Cluster.CLUSTER_PROVIDED)
    bounded(proto)
    forward = forward_v3.ClusterConfig()
    forward.dns_cache_config.CopyFrom(_cache(key, egress, refused))
    proto.cluster_type.name = "envoy.clusters.dynamic_forward_proxy"
    proto.cluster_type.typed_config.Pack(forward, deterministic=True)
    options = http_v3.HttpProtocolOptions()
    if key.protocol == "h2c":
        options.explicit_http_config.http2_protocol_options.SetInParent()
    else:
        options.explicit_http_config.http_protocol_options.SetInParent()
    # With TLS the host that is asked for is greeted, and its certificate must bear its name.
    options.upstream_http_protocol_options.auto_sni = True
    options.upstream_http_protocol_options.auto_san_validation = True
    options.http_filters.extend(upstream_filters())
    options.http_filters.add(name=_CHECK).typed_config.Pack(_check(egress.allowed, refused), deterministic=True)
    options.http_filters.add(name=_CODEC).typed_config.Pack(upstream_codec_pb2.UpstreamCodec(), deterministic=True)
    proto.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options, deterministic=True)
    secrets: list[str] = []
    if egress.tls is not None:
        proto.transport_socket.name = TLS_SOCKET
        proto.transport_socket.typed_config.Pack(upstream(egress.tls, key, egress.certificate), deterministic=True)
        secrets += [bundle_name(egress.tls.bundle)] if egress.tls.bundle else []
        secrets += [egress.certificate] if egress.certificate else []
    return Leaf(wire.encoded(proto), Origin(key.ref), secrets=tuple(secrets))


def _cache(key: BackendKey, egress: Egress, refused: Iterable[Network]) -> cache_v3.DnsCacheConfig:
    """What is known of names, and how they are looked up.

    Caches of one name must be alike for Envoy, and a cluster's older version may be there yet: the name says what is
    in the configuration.
    """
    config = cache_v3.DnsCacheConfig(dns_lookup_family=cluster_pb2.Cluster.V4_PREFERRED)
    config.host_ttl.seconds = _UNUSED_SECONDS
    # Addresses have a time of their own; this is for names that have none.
    config.dns_refresh_rate.seconds = _AGAIN_SECONDS
    config.dns_failure_refresh_rate.base_interval.seconds = _AGAIN_SECONDS
    config.dns_failure_refresh_rate.max_interval.seconds = _LATER_SECONDS
    config.max_hosts.value = _MOST_NAMES
    config.dns_cache_circuit_breaker.max_pending_requests.value = _MOST_LOOKUPS
    resolver = cares_v3.CaresDnsResolverConfig()
    resolver.query_timeout_seconds.value = _QUERY_SECONDS
    resolver.query_tries.value = _QUERIES
    for address, port in egress.name_servers:
        resolver.resolvers.add().socket_address.address = address
        resolver.resolvers[-1].socket_address.port_value = port
    # A name is what was allowed, and not the beginning of another.
    resolver.dns_resolver_options.no_default_search_domain = True
    config.typed_dns_resolver_config.name = "envoy.network.dns_resolver.cares"
    config.typed_dns_resolver_config.typed_config.Pack(resolver, deterministic=True)
    matcher = address_pb2.AddressMatcher()
    for one in refused:
        matcher.ranges.add(address_prefix=str(one.network_address), prefix_len={"value": one.prefixlen})
    config.MergeFromString(wire.delimited(_ADDRESS_FILTER, wire.encoded(matcher)))
    config.name = f"{key.cluster} {version(digest(wire.encoded(config)))}"
    return config


def _check(allowed: Allowed, refused: Iterable[Network]) -> rbac_v3.RBAC:
    """Its Host is allowed, and the address that was chosen is known and not refused."""
    hosts = [rules_v3.Permission(header=one) for one in matchers(allowed, AUTHORITY)]
    outside = [_outside(family, refused) for family in _EVERYTHING]
    wanted = [rules_v3.Permission(or_rules={"rules": hosts}), rules_v3.Permission(or_rules={"rules": outside})]
    config = rbac_v3.RBAC()
    config.rules.action = rules_v3.RBAC.ALLOW
    policy = config.rules.policies["allowed"]
    policy.permissions.append(rules_v3.Permission(and_rules={"rules": wanted}))
    policy.principals.add(any=True)
    return config


def _outside(family: int, refused: Iterable[Network]) -> rules_v3.Permission:
    """An address of IPv4 or IPv6 that is not refused. Envoy looks at no networks of the other one: each look costs."""
    known = _address(*_EVERYTHING[family])
    inside = [_address(str(one.network_address), one.prefixlen) for one in refused if one.version == family]
    if not inside:
        return known
    beyond = rules_v3.Permission(not_rule=rules_v3.Permission(or_rules={"rules": inside}))
    return rules_v3.Permission(and_rules={"rules": [known, beyond]})


def _address(prefix: str, length: int) -> rules_v3.Permission:
    matcher = address_v3.UpstreamIpPortMatcher()
    matcher.upstream_ip.address_prefix, matcher.upstream_ip.prefix_len.value = prefix, length
    found = rules_v3.Permission()
    found.matcher.name = "envoy.rbac.matchers.upstream_ip_port"
    found.matcher.typed_config.Pack(matcher, deterministic=True)
    return found
