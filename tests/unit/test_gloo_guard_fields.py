"""No field of the options that guard is silent: each changes what Envoy gets, or is told of in a status.

The same law as for AuthConfigs (`test_gloo_auth_fields.py`), for `extauth`, `jwt`, `jwtStaged` and `rbac` wherever they
stand, and for what Settings say of them.
"""

from typing import Any

import msgspec
import pytest
from test_gloo_auth_fields import messages

from daemun.api.decode import decode
from daemun.api.gloo.extauth import ExtAuthExtension, ExtAuthSettings
from daemun.api.gloo.jwt import (
    JwtRouteExtension,
    JwtStagedRouteExtension,
    JwtStagedVhostExtension,
    JwtVhostExtension,
)
from daemun.api.gloo.rbac import RbacExtensionSettings
from daemun.ir.resource import encode
from support.objects.cases import documents, translation
from support.objects.documents import paths, without

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: default}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: default}
spec: {parentRefs: [{name: gate}], rules: [{backendRefs: [{name: a, port: 80}]}]}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: door, namespace: default}
spec: {static: {hosts: [{addr: 10.0.0.9, port: 9001}]}}
---
apiVersion: enterprise.gloo.solo.io/v1
kind: AuthConfig
metadata: {name: who, namespace: default}
spec: {configs: [{basicAuth: {realm: r, apr: {users: {ann: {salt: s, hashedPassword: h}}}}}]}
"""
ON = {
    "RouteOption": {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"},
    "VirtualHostOption": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gate"},
    "HttpListenerOption": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gate"},
}
DOOR = {"name": "door", "namespace": "default"}
SERVER = {
    "extauthzServerRef": DOOR,
    "userIdHeader": "x-user",
    "requestTimeout": "9s",
    "failureModeAllow": True,
    "requestBody": {"maxRequestBytes": 9, "allowPartialMessage": True, "packAsBytes": True},
    "clearRouteCache": True,
    "statusOnError": 429,
    "statPrefix": "mine",
}
OVER_HTTP = {
    **SERVER,
    "httpService": {
        "pathPrefix": "/check",
        "request": {"allowedHeaders": ["a"], "headersToAdd": {"b": "c"}, "allowedHeadersRegex": ["d.*"]},
        "response": {
            "allowedUpstreamHeaders": ["e"],
            "allowedClientHeaders": ["f"],
            "allowedUpstreamHeadersToAppend": ["g"],
        },
    },
}
OVER_GRPC = {**SERVER, "grpcService": {"authority": "door.example.com"}}
PROVIDERS = {
    "remote": {
        "issuer": "https://issuer.example.com",
        "jwks": {
            "remote": {
                "url": "http://keys/jwks.json",
                "upstreamRef": {"name": "door"},
                "cacheDuration": "9s",
                "asyncFetch": {"fastListener": True},
            }
        },
    },
    "local": {
        "issuer": "local",
        "audiences": ["here"],
        "keepToken": True,
        "clockSkewSeconds": 5,
        "tokenSource": {"headers": [{"header": "x-token", "prefix": "Token "}], "queryParams": ["token"]},
        "claimsToHeaders": [{"claim": "sub", "header": "x-user", "append": True}],
        "jwks": {"local": {"key": '{"keys": [{"kty": "oct", "k": "AAAA"}]}'}},
    },
}
HOST_TOKENS = {"providers": PROVIDERS, "allowMissingOrFailedJwt": True}
READER = {"claims": {"org.name": "here"}, "provider": "p", "matcher": "LIST_CONTAINS"}
RBAC = {
    "policies": {
        "readers": {
            "principals": [{"jwtPrincipal": READER}],
            "permissions": {"pathPrefix": "/api", "methods": ["GET"]},
            "nestedClaimDelimiter": ".",
        }
    }
}
ASKED = {"extauth": {"customAuth": {"contextExtensions": {"level": "high"}}}}
"""A route that a server is asked about, without which there is nothing that Settings could change."""
Case = tuple[str, dict[str, Any], dict[str, dict[str, Any]]]
CASES: dict[str, Case] = {
    "route: configRef": ("RouteOption", {"extauth": {"configRef": {"name": "who"}}}, {}),
    "route: customAuth": (
        "RouteOption",
        {"extauth": {"customAuth": {"contextExtensions": {"level": "high"}, "name": "mine"}}},
        {"Settings": {"namedExtauth": {"mine": OVER_GRPC}}},
    ),
    "route: disable": (
        "RouteOption",
        {"extauth": {"disable": True}, "rbac": {"disable": True}, "jwt": {"disable": True}},
        {"VirtualHostOption": {"extauth": {"configRef": {"name": "who"}}, "jwt": HOST_TOKENS, "rbac": RBAC}},
    ),
    "route: jwtStaged": (
        "RouteOption",
        {"jwtStaged": {"beforeExtAuth": {"disable": True}, "afterExtAuth": {"disable": True}}},
        {"VirtualHostOption": {"jwtStaged": {"beforeExtAuth": HOST_TOKENS, "afterExtAuth": HOST_TOKENS}}},
    ),
    "host: jwt": ("VirtualHostOption", {"jwt": HOST_TOKENS}, {}),
    "host: jwtStaged": (
        "VirtualHostOption",
        {"jwtStaged": {"beforeExtAuth": HOST_TOKENS, "afterExtAuth": HOST_TOKENS}},
        {},
    ),
    "host: extauth": ("VirtualHostOption", {"extauth": {"configRef": {"name": "who"}}}, {}),
    "host: rbac": ("VirtualHostOption", {"rbac": RBAC}, {}),
    "route: rbac": ("RouteOption", {"rbac": RBAC}, {}),
    "listener: over HTTP": ("HttpListenerOption", {"extauth": OVER_HTTP}, {"RouteOption": ASKED}),
    "listener: over gRPC": ("HttpListenerOption", {"extauth": OVER_GRPC}, {"RouteOption": ASKED}),
    "settings: over HTTP": ("Settings", {"extauth": OVER_HTTP}, {"RouteOption": ASKED}),
    "settings: over gRPC": ("Settings", {"extauth": OVER_GRPC}, {"RouteOption": ASKED}),
    "settings: Daemun's server": (
        "Settings",
        {"extauth": {name: one for name, one in SERVER.items() if name != "extauthzServerRef"}},
        {"RouteOption": {"extauth": {"configRef": {"name": "who"}}}},
    ),
    "settings: named": (
        "Settings",
        {"namedExtauth": {"mine": OVER_HTTP}},
        {"RouteOption": {"extauth": {"customAuth": {"name": "mine"}}}},
    ),
    "settings: rbac": ("Settings", {"rbac": {"requireRbac": True}}, {}),
}
MEANT = (
    ExtAuthExtension,
    ExtAuthSettings,
    JwtRouteExtension,
    JwtStagedRouteExtension,
    JwtStagedVhostExtension,
    JwtVhostExtension,
    RbacExtensionSettings,
)
ANYWAY = {"transportApiVersion"}
"""Fields of which there is only one value."""
NOTHING = {
    ("listener: over HTTP", "namespace"),  # a listener's own is meant, if none is said
    ("listener: over gRPC", "namespace"),
    ("settings: Daemun's server", "packAsBytes"),  # it takes a body in either form
}
"""Fields that change nothing, and why that is right."""


def document(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Options on what they are for, or Settings."""
    if kind == "Settings":
        meta = {"name": "default", "namespace": "gloo-system"}
        return {"apiVersion": "gloo.solo.io/v1", "kind": kind, "metadata": meta, "spec": spec}
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": kind,
        "metadata": {"name": kind.lower(), "namespace": "default"},
        "spec": {"targetRefs": [ON[kind]], "options": spec},
    }


def comes_to(kind: str, spec: dict[str, Any], others: dict[str, dict[str, Any]]) -> object:
    """What Envoy and Daemun's server get, and what people are told."""
    items = {}
    for one in (*documents(WORLD), document(kind, spec), *(document(*other) for other in others.items())):
        decoded = decode(one)
        assert decoded is not None
        assert decoded.value is not None, decoded.problems
        items[decoded.ref] = decoded.value
    made = translation(items)
    resources = {key: encode(part) for key, part in (*made.resources.items(), *made.auth.chains.items())}
    return resources, {ref: str(status) for ref, status in made.statuses.items()}, dict(made.problems)


@pytest.mark.parametrize("case", CASES)
def test_no_field_is_silent(case: str) -> None:
    kind, spec, others = CASES[case]
    whole = comes_to(kind, spec, others)
    looked = [path for path in paths(spec) if len(path) > 1 and (case, path[-1]) not in NOTHING]
    silent = [path for path in looked if comes_to(kind, without(spec, path), others) == whole]
    assert not silent, f"these say nothing: {silent}"


def test_every_field_is_looked_at() -> None:
    written = {str(key) for _, spec, _ in CASES.values() for path in paths(spec) for key in path}
    wanted = {
        field.encode_name for meant in MEANT for kind in messages(meant) for field in msgspec.structs.fields(kind)
    }
    assert wanted - written - ANYWAY == set()
