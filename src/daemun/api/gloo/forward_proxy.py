"""Hosts that are looked up when a request asks for them."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import Address, Empty, SocketAddress
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.gloo.ssl import UpstreamSslConfig
from daemun.api.meta import Api, List

DnsLookupFamily: TypeAlias = Literal["V4_PREFERRED", "V4_ONLY", "V6_ONLY", "AUTO", "ALL"]


class DnsCacheCircuitBreakers(Api, frozen=True):
    """How many look-ups there may be at a time."""

    max_pending_requests: UInt32 | None = None


class DnsRefreshRate(Api, frozen=True):
    """How long to wait after a look-up that failed."""

    base_interval: Duration | None = None
    max_interval: Duration | None = None


class DnsResolverOptions(Api, frozen=True):
    """How DNS servers are asked."""

    use_tcp_for_dns_lookups: bool = False
    no_default_search_domain: bool = False


class CaresDnsResolverConfig(Api, frozen=True):
    """The resolver c-ares, and the servers it asks."""

    resolvers: List[Address] = ()
    dns_resolver_options: DnsResolverOptions | None = None


class DnsCacheConfig(Api, frozen=True):
    """How hosts are looked up, and how long that is kept."""

    ONE_OF: ClassVar[OneOf] = (("cares_dns", "apple_dns"),)

    dns_lookup_family: DnsLookupFamily = "V4_PREFERRED"
    dns_refresh_rate: Duration | None = None
    host_ttl: Duration | None = None
    max_hosts: UInt32 | None = None
    dns_failure_refresh_rate: DnsRefreshRate | None = None
    dns_cache_circuit_breaker: DnsCacheCircuitBreakers | None = None
    cares_dns: CaresDnsResolverConfig | None = None
    apple_dns: Empty | None = None
    preresolve_hostnames: List[SocketAddress] = ()
    dns_query_timeout: Duration | None = None


class DynamicForwardProxy(Api, frozen=True):
    """The listener may serve routes to hosts that are looked up."""

    dns_cache_config: DnsCacheConfig | None = None
    save_upstream_address: bool = False
    ssl_config: UpstreamSslConfig | None = None


class ForwardProxyRoute(Api, frozen=True):
    """Which host a route looks up, if not the request's own."""

    ONE_OF: ClassVar[OneOf] = (("host_rewrite", "auto_host_rewrite_header"),)

    host_rewrite: str | None = None
    auto_host_rewrite_header: str | None = None
