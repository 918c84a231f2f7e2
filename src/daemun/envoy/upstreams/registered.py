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
from daemun.gloo import registered
from daemun.gloo.served import Fields
from daemun.gloo.upstreams import ResolvedUpstream

_FUNCTIONS = "functions of services are not served; requests are sent on all the same"
_SUBSETS = "subsets of instances are not served yet; requests go to all of them"
_CONNECT = "services behind Consul's own proxies are not served yet"


class Registered(Family):
    """`consul` and `awsEc2`."""

    serves = (
        Fields(UpstreamSpec, ("consul", "awsEc2")),
        Fields(
            ConsulUpstreamSpec,
            (
                *("serviceName", "instanceTags", "instanceBlacklistTags", "dataCenters"),
                *("consistencyMode", "queryOptions"),
            ),
            {
                "serviceSpec": _FUNCTIONS,
                "serviceTags": _SUBSETS,
                "subsetTags": _SUBSETS,
                "connectEnabled": _CONNECT,
            },
        ),
        Fields(ConsulQueryOptions, ("useCache",)),
        Fields(Ec2UpstreamSpec, ("region", "secretRef", "roleArn", "filters", "publicIp", "port")),
        Fields(Ec2TagFilter, ("key", "kvPair")),
        Fields(Ec2KvPair, ("key", "value")),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """A service without a name, or one that is not served."""
        consul = upstream.spec.consul
        return registered.faults(consul) if consul is not None else ()

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Nothing: the cluster is as any other."""
        del spec, draft
