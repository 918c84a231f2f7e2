"""The CustomResourceDefinitions of the kinds that are typed here and that nobody else need have installed: Gloo's.

Names, short names and versions are Gloo 1.17's, so that objects, scripts and `kubectl` cannot tell the difference.
"""

import inspect
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from daemun.api.gloo.proxy import Proxy
from daemun.api.gloo.ratelimit import RateLimitConfig
from daemun.api.gloo.resource import GlooResource
from daemun.api.kinds import BY_NAME, Kind
from daemun.api.schema import OPAQUE, Schema, kind_schema
from daemun.base.names import DAEMUN, GLOO, GLOO_GATEWAY, GLOO_KUBE_GATEWAY


class Names(msgspec.Struct, frozen=True):
    """How a kind is called in URLs and on command lines."""

    plural: str
    short: tuple[str, ...] = ()
    singular: str = ""


NAMES: Mapping[tuple[str, str], Names] = MappingProxyType(
    {
        (GLOO_GATEWAY, "Gateway"): Names("gateways", ("gw", "ggw")),
        (GLOO_GATEWAY, "VirtualService"): Names("virtualservices", ("vs", "gvs")),
        (GLOO_GATEWAY, "RouteTable"): Names("routetables", ("rt", "grt")),
        (GLOO_GATEWAY, "MatchableHttpGateway"): Names("httpgateways", ("hgw", "ghgw"), "httpgateway"),
        (GLOO_GATEWAY, "MatchableTcpGateway"): Names("tcpgateways", ("tgw", "gtgw"), "tcpgateway"),
        (GLOO_GATEWAY, "RouteOption"): Names("routeoptions", ("rto", "rtopts", "grto")),
        (GLOO_GATEWAY, "VirtualHostOption"): Names("virtualhostoptions", ("vho", "vhopts", "gvho")),
        (GLOO_GATEWAY, "ListenerOption"): Names("listeneroptions", ("lisopts", "glisopts")),
        (GLOO_GATEWAY, "HttpListenerOption"): Names("httplisteneroptions", ("hlisopts", "ghlisopts")),
        (GLOO, "Upstream"): Names("upstreams", ("us", "gus")),
        (GLOO, "UpstreamGroup"): Names("upstreamgroups", ("ug", "gug")),
        (GLOO, "Settings"): Names("settings", ("st", "gst")),
        (GLOO, "Proxy"): Names("proxies", ("px", "gpx")),
        (GLOO_KUBE_GATEWAY, "GatewayParameters"): Names("gatewayparameters", ("gwp",)),
        (GLOO_KUBE_GATEWAY, "DirectResponse"): Names("directresponses", ("dr",)),
        ("enterprise.gloo.solo.io", "AuthConfig"): Names("authconfigs", ("ac", "gac")),
        ("ratelimit.solo.io", "RateLimitConfig"): Names("ratelimitconfigs", ("rlc", "grlc")),
        ("graphql.gloo.solo.io", "GraphQLApi"): Names("graphqlapis", ("gql", "ggql")),
        (DAEMUN, "AuthPolicy"): Names("authpolicies"),
        (DAEMUN, "RateLimitPolicy"): Names("ratelimitpolicies"),
        (DAEMUN, "Egress"): Names("egresses"),
        (DAEMUN, "Registry"): Names("registries"),
    }
)
"""(group, kind) to its names."""
_OPEN = (Proxy, RateLimitConfig)
"""Kinds of which the API server takes any spec: nobody writes the one by hand, and of the other Gloo has it so too."""


def definitions(*, gloo: bool = True, daemun: bool = True) -> Iterator[dict[str, Any]]:
    """The CustomResourceDefinitions of Gloo's kinds, and of Daemun's own."""
    for group, kind in NAMES:
        found = BY_NAME[group, kind]
        if (gloo and issubclass(found.type, GlooResource)) or (daemun and group == DAEMUN):
            yield definition(found)


def definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    names = NAMES[kind.group, kind.kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": names.plural,
                "singular": names.singular or kind.kind.lower(),
                "shortNames": list(names.short),
            },
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == kind.versions[0],
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": _schema(kind)},
                }
                for version in kind.versions
            ],
        },
    }


def _schema(kind: Kind) -> Schema:
    made: Schema = {"description": inspect.getdoc(kind.type), **kind_schema(kind.type)}
    if kind.type in _OPEN:
        made["properties"] = made["properties"] | {"spec": dict(OPAQUE)}
    return made
