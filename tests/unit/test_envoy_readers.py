"""What tokens say becomes metadata just where something may read it: nobody who reads finds nothing."""

import json
from typing import Any

import pytest

from daemun.ir.resource import SCOPE, PartKey
from daemun.translate import Translation
from support.objects.auth import auth_config, auth_policy, simple_users, users
from support.objects.cases import objects, translation
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, service
from support.scenes.world import manifest

KEY = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]})
PROVIDERS = {"p": {"issuer": "issuer.test", "jwks": {"local": {"key": KEY}}}}
JWT = {"providers": [{"name": "p", "issuer": "issuer.test", "jwks": {"inline": KEY}}]}
ASKS = {"rules": [{"claims": {"sub": "ann"}}]}
CLAIMS = {"policies": {"p": {"principals": [{"jwtPrincipal": {"claims": {"sub": "ann"}}}]}}}
TOKENS = "envoy.filters.http.jwt_authn"
METADATA = {"metadataKey": {"key": TOKENS, "path": [{"key": "daemun.claims"}, {"key": "sub"}]}, "descriptorKey": "sub"}
HTTP = {"kind": "HTTPRoute", "name": "r"}
HOSTS = ("hit.test", "*.wild.test")
GATE = {"kind": "Gateway", "name": "gw"}


def option(kind: str, target: Doc, **options: Any) -> Doc:
    refs = [{"group": "gateway.networking.k8s.io", **target}]
    name = f"{kind}-{'-'.join(options)}".lower()
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"targetRefs": refs, "options": options},
    }


def of_gloo(kind: str, name: str, **spec: Any) -> Doc:
    return {"apiVersion": "gloo.solo.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def limits(target: Doc, by: Doc, where: str = "local") -> Doc:
    spec = {"targetRefs": [target], where: [{"requests": 2, "per": "1h", "by": [by]}]}
    return {"apiVersion": "daemun.dev/v1alpha1", "kind": "RateLimitPolicy", "metadata": {"name": "few"}, "spec": spec}


def logged(**sink: Any) -> Doc:
    return option("ListenerOption", GATE, accessLoggingService={"accessLog": [sink]})


def processed(kind: str = "HttpListenerOption", **fields: Any) -> Doc:
    service = {"extProcServerRef": {"name": "proc", "namespace": "default"}}
    return option(kind, GATE, extProc={"grpcService": service, **fields})


def on_route(text: str) -> Doc:
    template = {"requestTransformation": {"transformationTemplate": {"headers": {"x-a": {"text": text}}}}}
    return option("RouteOption", HTTP, stagedTransformations={"regular": {"requestTransforms": [template]}})


def header(value: str) -> Doc:
    added = [{"header": {"key": "x-a", "value": value}}]
    return option("RouteOption", HTTP, headerManipulation={"requestHeadersToAdd": added})


def added_to_all(value: str) -> Doc:
    added = [{"header": {"key": "x-a", "value": value}}]
    return option("VirtualHostOption", GATE, headerManipulation={"requestHeadersToAdd": added})


UPSTREAMS = [
    of_gloo("Upstream", name, useHttp2=True, static={"hosts": [{"addr": "192.0.2.9", "port": 9000}]})
    for name in ("proc", "logs")
]
TOLD = {
    "a route asks for claims": [option("RouteOption", HTTP, rbac=CLAIMS)],
    "hosts ask for claims": [option("VirtualHostOption", GATE, rbac=CLAIMS)],
    "a policy of all asks for claims": [auth_policy("a", GATE, jwt=JWT, authorization=ASKS)],
    "limits by claim": [limits(HTTP, {"type": "Claim", "name": "sub"})],
    "limits of all by claim": [limits(GATE, {"type": "Claim", "name": "sub"})],
    "limits of the service by claim": [limits(HTTP, {"type": "Claim", "name": "sub"}, "global")],
    "limits by metadata": [
        option("RouteOption", HTTP, ratelimit={"rateLimits": [{"actions": [{"metadata": METADATA}]}]})
    ],
    "a server is asked": [
        auth_config("who", users("ann")),
        option("RouteOption", HTTP, extauth={"configRef": {"name": "who"}}),
    ],
    "a server is asked for all": [
        auth_config("who", users("ann")),
        option("VirtualHostOption", GATE, extauth={"configRef": {"name": "who"}}),
    ],
    "a server of somebody else": [
        of_gloo("Settings", "default", extauth={"extauthzServerRef": {"name": "proc", "namespace": "default"}}),
        option("RouteOption", HTTP, extauth={"customAuth": {}}),
    ],
    "a template": [on_route(f'{{{{ dynamic_metadata("daemun.claims:sub", "{TOKENS}") }}}}')],
    "a template that computes where": [on_route('{{ dynamic_metadata("daemun.claims:sub", header("x-where")) }}')],
    "a header": [header(f"%DYNAMIC_METADATA({TOKENS}:daemun.claims:sub)%")],
    "the log": [logged(fileSink={"path": "/dev/stdout", "stringFormat": f"%DYNAMIC_METADATA({TOKENS}:p)%"})],
    "the log in JSON": [
        logged(fileSink={"path": "/dev/stdout", "jsonFormat": {"a": {"b": f"%DYNAMIC_METADATA({TOKENS}:p)%"}}})
    ],
    "the log by an expression": [
        logged(fileSink={"path": "/dev/stdout", "stringFormat": "%CEL(metadata.filter_metadata)%"})
    ],
    "a log service": [logged(grpcService={"logName": "edge", "staticClusterName": "logs_default"})],
    "a processor": [processed(metadataContextNamespaces=[TOKENS])],
    "a processor of attributes": [processed(requestAttributes=["metadata"])],
    "a processor of one attribute": [processed(requestAttributes=["metadata.filter_metadata['a']"])],
    "a processor of hosts": [
        processed(),
        option("VirtualHostOption", GATE, extProc={"overrides": {"metadataContextNamespaces": [TOKENS]}}),
    ],
    "a processor of a route": [
        processed(),
        option("RouteOption", HTTP, extProc={"overrides": {"metadataContextNamespaces": [TOKENS]}}),
    ],
    "a plug-in": [option("HttpListenerOption", GATE, wasm={"filters": [{"filePath": "/a.wasm"}]})],
}
SILENT: dict[str, list[Doc]] = {
    "nobody": [],
    "addresses": [auth_policy("a", GATE, authorization={"rules": [{"ipBlocks": ["10.0.0.0/8"]}]})],
    "no claims here": [option("RouteOption", HTTP, rbac={"disable": True})],
    "limits by header": [limits(HTTP, {"type": "Header", "name": "x-a"})],
    "nobody is asked": [
        auth_config("who", users("ann")),
        option("RouteOption", HTTP, extauth={"disable": True}),
    ],
    "passwords, by Envoy": [
        auth_config("who", simple_users(ann="secret")),
        option("RouteOption", HTTP, extauth={"configRef": {"name": "who"}}),
    ],
    "a template": [on_route('{{ header("x-b") }}')],
    "a header": [header("%REQ(:PATH)%")],
    "the log": [logged(fileSink={"path": "/dev/stdout", "stringFormat": "%DYNAMIC_METADATA(io.solo:a)%"})],
    "a processor": [processed(metadataContextNamespaces=["a"], requestAttributes=["request.path"])],
}
TOKENS_OF = {
    "hosts": option("VirtualHostOption", GATE, jwt={"providers": PROVIDERS}),
    "hosts, before": option("VirtualHostOption", GATE, jwtStaged={"beforeExtAuth": {"providers": PROVIDERS}}),
    "the route": auth_policy("tokens", HTTP, jwt=JWT),
}
tokens_of = pytest.mark.parametrize("tokens", TOKENS_OF)


def _world(*more: Doc) -> Translation:
    every = route("r", rule(prefix("/"), to="a"), hosts=HOSTS)
    return translation(objects(manifest(gateway("gw", listener(8080)), every, service("a", 9), *UPSTREAMS, *more)))


def _is_host(key: PartKey) -> bool:
    """Whether it is a virtual host that has the route."""
    return key.type_url == SCOPE and key.part in HOSTS


def _told(made: Translation) -> set[bool]:
    """Whether those who check tokens tell what these say; each can."""
    leaves = [leaf for key, one in made.resources.data.items() if _is_host(key) for leaf in one.leaves]
    telling = [leaf for leaf in leaves if leaf.forms is not None]
    assert all(b"payload" not in leaf.data or leaf.forms for leaf in leaves)
    return {leaf.data == leaf.forms[True] for leaf in telling if leaf.forms}


@tokens_of
@pytest.mark.parametrize("who", TOLD)
def test_who_reads_is_told(who: str, tokens: str) -> None:
    assert _told(_world(TOKENS_OF[tokens], *TOLD[who])) == {True}


@tokens_of
@pytest.mark.parametrize("who", SILENT)
def test_where_nobody_reads_nobody_is_told(who: str, tokens: str) -> None:
    assert _told(_world(TOKENS_OF[tokens], *SILENT[who])) == {False}


USERS_OF = {
    "hosts": [
        auth_config("names", simple_users(ann="secret")),
        option("VirtualHostOption", GATE, extauth={"configRef": {"name": "names"}}),
    ],
    "the route": [
        auth_config("names", simple_users(ann="secret")),
        option("RouteOption", HTTP, extauth={"configRef": {"name": "names"}}),
    ],
}
FEW = {"requestsPerUnit": 2, "unit": "HOUR"}
NAMES = "envoy.filters.http.ext_authz"
READ = {
    "limits by user": [option("RouteOption", HTTP, ratelimitBasic={"authorizedLimits": FEW})],
    "limits of all by user": [option("VirtualHostOption", GATE, ratelimitBasic={"authorizedLimits": FEW})],
    "a policy on headers": [added_to_all(f"%DYNAMIC_METADATA({NAMES}:daemun.user)%")],
    "the log": [logged(fileSink={"path": "/dev/stdout", "stringFormat": f"%DYNAMIC_METADATA({NAMES})%"})],
    "a processor": [processed(metadataContextNamespaces=[NAMES])],
    "whoever reads what tokens say": [logged(grpcService={"logName": "edge", "staticClusterName": "logs_default"})],
}
UNREAD: dict[str, list[Doc]] = {
    "nobody": [],
    "limits by header": [limits(HTTP, {"type": "Header", "name": "x-a"})],
    "whose place is another policy's": [
        auth_policy("a", HTTP, authorization={"rules": [{"ipBlocks": ["10.0.0.0/8"]}]}),
    ],
}


@pytest.mark.parametrize("users_of", USERS_OF)
@pytest.mark.parametrize("who", READ)
def test_who_reads_users_finds_them(who: str, users_of: str) -> None:
    assert _told(_world(*USERS_OF[users_of], *READ[who])) == {True}


@pytest.mark.parametrize("users_of", USERS_OF)
@pytest.mark.parametrize("who", UNREAD)
def test_where_nobody_reads_users_nothing_is_written(who: str, users_of: str) -> None:
    assert _told(_world(*USERS_OF[users_of], *UNREAD[who])) == {False}
