"""The kinds Daemun reads: a table, so that a new kind is one line."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daemun.api import (
    auth_policy,
    core,
    egress,
    gateway,
    grant,
    listenerset,
    policy,
    rate_limit_policy,
    registry,
    routes,
    streams,
)
from daemun.api.gloo import (
    auth_config,
    destinations,
    direct_response,
    graphql,
    parameters,
    policies,
    proxy,
    ratelimit,
    upstream,
    virtual_service,
)
from daemun.api.gloo import gateway as classic
from daemun.api.gloo import settings as gloo_settings
from daemun.api.meta import Resource
from daemun.base.names import CORE, DAEMUN, GATEWAY, GLOO, GLOO_GATEWAY, GLOO_KUBE_GATEWAY


class Kind(msgspec.Struct, frozen=True):
    """A kind: the type that holds it and the versions in which it was or is served.

    `strict` kinds are ours to judge: a field that their API does not have is an error, as `kubectl` has it too. Of the
    others only the fields that routing needs are typed.

    That a kind is read does not mean that all of it is served. What is told of an object is told by those who use it:
    of a kind that nothing uses (Gloo's Proxy, GraphQLApi) that its fields are right or wrong, and no more. A cluster
    without its CRD is one without such objects.
    """

    group: str
    kind: str
    versions: tuple[str, ...]
    type: type[Resource]
    namespaced: bool = True
    strict: bool = False


KINDS = (
    Kind(GATEWAY, "GatewayClass", ("v1", "v1beta1"), gateway.GatewayClass, namespaced=False, strict=True),
    Kind(GATEWAY, "Gateway", ("v1", "v1beta1"), gateway.Gateway, strict=True),
    Kind(GATEWAY, "ListenerSet", ("v1",), listenerset.ListenerSet, strict=True),
    Kind(GATEWAY, "HTTPRoute", ("v1", "v1beta1"), routes.HTTPRoute, strict=True),
    Kind(GATEWAY, "GRPCRoute", ("v1", "v1alpha2"), routes.GRPCRoute, strict=True),
    Kind(GATEWAY, "TLSRoute", ("v1", "v1alpha3", "v1alpha2"), streams.TLSRoute, strict=True),
    Kind(GATEWAY, "TCPRoute", ("v1", "v1alpha2"), streams.TCPRoute, strict=True),
    Kind(GATEWAY, "UDPRoute", ("v1", "v1alpha2"), streams.UDPRoute, strict=True),
    Kind(GATEWAY, "ReferenceGrant", ("v1", "v1beta1", "v1alpha2"), grant.ReferenceGrant, strict=True),
    Kind(GATEWAY, "BackendTLSPolicy", ("v1", "v1alpha3"), policy.BackendTLSPolicy, strict=True),
    Kind(GLOO_GATEWAY, "RouteOption", ("v1",), policies.RouteOption, strict=True),
    Kind(GLOO_GATEWAY, "VirtualHostOption", ("v1",), policies.VirtualHostOption, strict=True),
    Kind(GLOO_GATEWAY, "ListenerOption", ("v1",), policies.ListenerOption, strict=True),
    Kind(GLOO_GATEWAY, "HttpListenerOption", ("v1",), policies.HttpListenerOption, strict=True),
    Kind(GLOO_GATEWAY, "Gateway", ("v1",), classic.Gateway, strict=True),
    Kind(GLOO_GATEWAY, "VirtualService", ("v1",), virtual_service.VirtualService, strict=True),
    Kind(GLOO_GATEWAY, "RouteTable", ("v1",), virtual_service.RouteTable, strict=True),
    Kind(GLOO_GATEWAY, "MatchableHttpGateway", ("v1",), classic.MatchableHttpGateway, strict=True),
    Kind(GLOO_GATEWAY, "MatchableTcpGateway", ("v1",), classic.MatchableTcpGateway, strict=True),
    Kind(GLOO, "Upstream", ("v1",), upstream.Upstream, strict=True),
    Kind(GLOO, "UpstreamGroup", ("v1",), destinations.UpstreamGroup, strict=True),
    Kind(GLOO, "Settings", ("v1",), gloo_settings.Settings, strict=True),
    Kind(GLOO, "Proxy", ("v1",), proxy.Proxy, strict=True),
    Kind(GLOO_KUBE_GATEWAY, "GatewayParameters", ("v1alpha1",), parameters.GatewayParameters, strict=True),
    Kind(GLOO_KUBE_GATEWAY, "DirectResponse", ("v1alpha1",), direct_response.DirectResponse, strict=True),
    Kind("enterprise.gloo.solo.io", "AuthConfig", ("v1",), auth_config.AuthConfig, strict=True),
    Kind(DAEMUN, "AuthPolicy", ("v1alpha1",), auth_policy.AuthPolicy, strict=True),
    Kind(DAEMUN, "RateLimitPolicy", ("v1alpha1",), rate_limit_policy.RateLimitPolicy, strict=True),
    Kind(DAEMUN, "Egress", ("v1alpha1",), egress.Egress, strict=True),
    Kind(DAEMUN, "Registry", ("v1alpha1",), registry.Registry, strict=True),
    Kind("ratelimit.solo.io", "RateLimitConfig", ("v1alpha1",), ratelimit.RateLimitConfig, strict=True),
    Kind("graphql.gloo.solo.io", "GraphQLApi", ("v1beta1",), graphql.GraphQLApi, strict=True),
    Kind(CORE, "Namespace", ("v1",), core.Namespace, namespaced=False),
    Kind(CORE, "Service", ("v1",), core.Service),
    Kind(CORE, "Secret", ("v1",), core.Secret),
    Kind(CORE, "ConfigMap", ("v1",), core.ConfigMap),
    Kind(CORE, "Pod", ("v1",), core.Pod),
    Kind("discovery.k8s.io", "EndpointSlice", ("v1",), core.EndpointSlice),
)

CLASSIC = frozenset(
    (GLOO_GATEWAY, kind)
    for kind in ("Gateway", "VirtualService", "RouteTable", "MatchableHttpGateway", "MatchableTcpGateway")
)
"""The kinds of Gloo's classic mode, for whoever does without it."""
BY_NAME: Mapping[tuple[str, str], Kind] = MappingProxyType({(kind.group, kind.kind): kind for kind in KINDS})
"""(group, kind) to its entry."""
_FIRST = {kind.kind: kind.group for kind in reversed(KINDS)}


def called(group: str, kind: str) -> str:
    """The name of a kind where no group is told with it: Gloo's Gateway is `Gateway.gateway.solo.io`."""
    return kind if _FIRST.get(kind, group) == group else f"{kind}.{group}"
