"""Upstreams whose endpoints a registry knows; they come by EDS, as those of Services do (`envoy.endpoints`)."""

from collections.abc import Iterable

from daemun.api.gloo.cloud import (
    ConsulQueryOptions,
    ConsulUpstreamSpec,
    Ec2KvPair,
    Ec2TagFilter,
    Ec2UpstreamSpec,
)
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family, Fault
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams import registered
from daemun.gloo.upstreams.upstream import ResolvedUpstream


class Registered(Family):
    """`consul` and `awsEc2`."""

    serves = (
        Fields(UpstreamSpec, ("consul", "awsEc2")),
        Fields(
            ConsulUpstreamSpec,
            (
                *("serviceName", "instanceTags", "instanceBlacklistTags", "dataCenters"),
                *("consistencyMode", "queryOptions", "connectEnabled", "serviceSpec", "serviceTags", "subsetTags"),
            ),
        ),
        Fields(ConsulQueryOptions, ("useCache",)),
        Fields(Ec2UpstreamSpec, ("region", "secretRef", "roleArn", "filters", "publicIp", "port")),
        Fields(Ec2TagFilter, ("key", "kvPair")),
        Fields(Ec2KvPair, ("key", "value")),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """A service without a name, or with two kinds of TLS."""
        spec = upstream.spec
        if spec.consul is not None:
            yield from registered.faults(spec.consul)
            if spec.consul.connect_enabled and spec.ssl_config is not None:
                text = "has no place with connectEnabled: Consul's mesh has a TLS of its own"
                yield "spec.sslConfig", text, "Leave out one of them."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Nothing: the cluster is as any other."""
        del spec, draft
