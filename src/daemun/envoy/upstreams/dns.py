"""How often the hostnames of an Upstream are looked up."""

from collections.abc import Iterable

from envoy.extensions.network.dns_resolver.cares.v3 import cares_dns_resolver_pb2 as cares_v3

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.durations import nanoseconds
from daemun.envoy.upstreams.family import Draft, Family, Fault, duration
from daemun.gloo.served.fields import Fields

_LEAST = 10**6
_QUERY_SECONDS = 2
_QUERIES = 2


class Dns(Family):
    """`respectDnsTtl` and `dnsRefreshRate`; of no effect where nothing is looked up."""

    serves = (Fields(UpstreamSpec, ("respectDnsTtl", "dnsRefreshRate")),)

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """A rate that nobody can mean is left out, as Gloo does."""
        if spec.dns_refresh_rate and nanoseconds(spec.dns_refresh_rate) <= _LEAST:
            text = f"{spec.dns_refresh_rate} is left out: it must be more than 1ms"
            yield "spec.dnsRefreshRate", text, "Give some seconds."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Lookups are bounded: until the first has ended, no other change of a cluster gets to the proxy."""
        cluster = draft.cluster
        if not draft.named:
            return
        cluster.respect_dns_ttl = bool(spec.respect_dns_ttl)
        if spec.dns_refresh_rate and nanoseconds(spec.dns_refresh_rate) > _LEAST:
            duration(cluster.dns_refresh_rate, spec.dns_refresh_rate)
        resolver = cares_v3.CaresDnsResolverConfig()
        resolver.query_timeout_seconds.value = _QUERY_SECONDS
        resolver.query_tries.value = _QUERIES
        cluster.typed_dns_resolver_config.name = "envoy.network.dns_resolver.cares"
        cluster.typed_dns_resolver_config.typed_config.Pack(resolver, deterministic=True)
