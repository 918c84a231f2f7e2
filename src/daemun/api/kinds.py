"""The kinds Daemun reads: a table, so that a new kind is one line."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daemun.api import core, gateway, grant, listenerset, policy, routes, streams
from daemun.api.meta import Resource
from daemun.base.names import CORE, GATEWAY


class Kind(msgspec.Struct, frozen=True):
    """A kind: the type that holds it and the versions in which it was or is served.

    `strict` kinds are ours to judge: a field that their API does not have is an error, as `kubectl` has it too. Of the
    others only the fields that routing needs are typed.
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
    Kind(CORE, "Namespace", ("v1",), core.Namespace, namespaced=False),
    Kind(CORE, "Service", ("v1",), core.Service),
    Kind(CORE, "Secret", ("v1",), core.Secret),
    Kind(CORE, "ConfigMap", ("v1",), core.ConfigMap),
    Kind("discovery.k8s.io", "EndpointSlice", ("v1",), core.EndpointSlice),
)

BY_NAME: Mapping[tuple[str, str], Kind] = MappingProxyType({(kind.group, kind.kind): kind for kind in KINDS})
"""(group, kind) to its entry."""
