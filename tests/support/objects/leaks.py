"""Every way in which a secret is used, each with a marker of its own, and whether a text has one in any form."""

import base64
from urllib.parse import quote

from support.objects.auth import auth_config, auth_policy
from support.objects.certificates import authority
from support.objects.documents import Doc, gateway, listener, prefix, route, rule

GLOO = "gloo.solo.io"
CA = authority()
KEYS = {name: CA.issue(f"{name}.example") for name in ("listener", "upstream", "gateway-client", "signing")}
HASH = "DoNotShowThisHashAtAll"
"""As long as one of APR1."""
CLOSED = "http://127.0.0.1:9"
"""Nobody answers there."""


def marker(way: str) -> str:
    """What stands for the secret of a way."""
    return f"dontshow-{way}-dontshow"


SECRETS: dict[str, tuple[str, dict[str, str]]] = {
    "api-key": ("extauth.solo.io/apikey", {"api-key": "", "mail": "public@example.com"}),
    "api-key-asked": ("extauth.solo.io/apikey", {"api-key": "", "mail": "public@example.com"}),
    "introspection": ("extauth.solo.io/oauth", {"client-secret": ""}),
    "oidc": ("extauth.solo.io/oauth", {"client-secret": ""}),
    "plain-oauth": ("extauth.solo.io/oauth", {"client-secret": ""}),
    "azure-oidc": ("extauth.solo.io/oauth", {"client-secret": ""}),
    "policy-oidc": ("extauth.solo.io/oauth", {"client-secret": ""}),
    "ldap": ("extauth.solo.io/accountcredentials", {"username": "reader", "password": ""}),
    "hmac": ("extauth.solo.io/accountcredentials", {"username": "ann", "password": ""}),
    "aws": ("Opaque", {"aws_access_key_id": "AKIA", "aws_secret_access_key": "", "aws_session_token": ""}),
    "header": ("gloo.solo.io/header", {"x-injected": ""}),
    "nomad": ("Opaque", {"token": ""}),
}
"""Secrets by the way in which they are used; an empty text is where the marker stands."""
BROKEN = ("oauth-broken", "account-broken", "tls-broken", "session-broken", "aws-broken", "key-broken")
WAYS = (
    *SECRETS,
    *("session", "htpasswd", "azure", "redis", "vault", "vault-aws", "consul-token", "consul-password"),
    *(f"beside-{name}" for name in KEYS),
    *BROKEN,
)


def _secret(name: str, data: dict[str, str], kind: str = "Opaque", **metadata: Doc) -> Doc:
    meta = {"name": name, "namespace": "default", **metadata}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind, "stringData": data}


def _ref(name: str) -> Doc:
    return {"name": name, "namespace": "default"}


def secrets() -> list[Doc]:
    """All of them; some are broken."""
    found = [
        _secret(name, {key: value or marker(name) for key, value in data.items()}, kind)
        for name, (kind, data) in SECRETS.items()
    ]
    for name, (certificate, key) in KEYS.items():
        if name == "signing":
            found.append(_secret(name, {"client-secret": key.decode()}, "extauth.solo.io/oauth"))
            continue
        pair = {"tls.crt": certificate.decode(), "tls.key": key.decode(), "note": marker(f"beside-{name}")}
        found.append(_secret(name, pair, "kubernetes.io/tls"))
    found += [
        _secret("session", {"key": marker("session").ljust(32, "k")[:32]}, "gloo.solo.io.EncryptionKeySecret"),
        _secret("htpasswd", {".htpasswd": f"ann:$apr1$saltsalt${HASH}\n"}),
        _secret(
            "azure", {"azure": f"apiKeys: {{_master: {marker('azure')}}}"}, annotations={"resource_kind": "*v1.Secret"}
        ),
        _secret("oauth-broken", {"secret": marker("oauth-broken")}, "extauth.solo.io/oauth"),
        _secret("account-broken", {"password": marker("account-broken")}, "extauth.solo.io/accountcredentials"),
        _secret("tls-broken", {"tls.crt": marker("tls-broken"), "tls.key": marker("tls-broken")}, "kubernetes.io/tls"),
        _secret("session-broken", {"key": marker("session-broken") + "!"}, "gloo.solo.io.EncryptionKeySecret"),
        _secret("aws-broken", {"aws_access_key_id": "", "aws_secret_access_key": marker("aws-broken")}),
        _secret("key-broken", {"user": marker("key-broken")}, "extauth.solo.io/apikey"),
    ]
    return found


def settings() -> Doc:
    """Settings that log in to places."""
    vault = {"address": CLOSED, "accessToken": marker("vault")}
    aws = {"accessKeyId": "AKIA", "secretAccessKey": marker("vault-aws"), "sessionToken": marker("vault-aws")}
    sources = [{"vault": vault}, {"vault": {"address": CLOSED, "aws": aws}}]
    consul = {"address": "127.0.0.1:9", "token": marker("consul-token")}
    consul |= {"username": "reader", "password": marker("consul-password")}
    spec = {"refreshRate": "1s", "secretOptions": {"sources": sources}, "consul": consul}
    return {
        "apiVersion": f"{GLOO}/v1",
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": spec,
    }


def _oidc(secret: str, **more: Doc) -> Doc:
    code = {
        "clientId": "it",
        "issuerUrl": f"{CLOSED}/",
        "appUrl": "https://app.example.com",
        "callbackPath": "/callback",
        "clientSecretRef": _ref(secret),
        **more,
    }
    return {"oauth2": {"oidcAuthorizationCode": code}}


def _checks() -> dict[str, list[Doc]]:
    ldap = {
        "address": "ldap://127.0.0.1:9",
        "userDnTemplate": "uid=%s,dc=example",
        "groupLookupSettings": {"credentialsSecretRef": _ref("ldap"), "checkGroupsWithServiceAccount": True},
        "allowedGroups": ["cn=all"],
    }
    introspection = {"introspectionUrl": f"{CLOSED}/", "clientId": "it", "clientSecretRef": _ref("introspection")}
    plain = {
        "clientId": "it",
        "clientSecretRef": _ref("plain-oauth"),
        "appUrl": "https://app.example.com",
        "callbackPath": "/callback",
        "authEndpoint": f"{CLOSED}/auth",
        "tokenEndpoint": f"{CLOSED}/token",
    }
    redis = {"redis": {"options": {"host": f"redis://:{marker('redis')}@127.0.0.1:9"}}}
    users = {"ann": {"salt": "saltsalt", "hashedPassword": HASH}}
    keys = {"headersFromMetadata": {"x-mail": {"name": "mail"}}}
    azure = {"clientId": "it", "tenantId": "us", "clientSecret": _ref("azure-oidc")}
    jwt = {"privateKeyJwt": {"signingKeyRef": _ref("signing")}}
    return {
        "api-key": [{"apiKeyAuth": {"k8sSecretApikeyStorage": {"apiKeySecretRefs": [_ref("api-key")]}}}],
        "api-key-asked": [
            {"apiKeyAuth": {"k8sSecretApikeyStorage": {"apiKeySecretRefs": [_ref("api-key-asked")]}, **keys}}
        ],
        "ldap": [{"ldap": ldap}],
        "introspection": [{"oauth2": {"accessTokenValidation": {"introspection": introspection}}}],
        "oidc": [_oidc("oidc", session={"cipherConfig": {"keyRef": _ref("session")}, "cookie": {}})],
        "redis": [_oidc("oidc", session=redis)],
        "signing": [_oidc("oidc", clientAuthentication=jwt)],
        "azure-oidc": [_oidc("oidc", azure=azure)],
        "plain-oauth": [{"oauth2": {"oauth2": plain}}],
        "hmac": [{"hmacAuth": {"secretRefs": {"secretRefs": [_ref("hmac")]}, "parametersInHeaders": {}}}],
        "htpasswd": [{"basicAuth": {"apr": {"users": users}}}],
        "htpasswd-asked": [{"basicAuth": {"apr": {"users": users}}}, {"jwt": {}}],
        # What is broken.
        "oauth-broken": [_oidc("oauth-broken")],
        "tls-broken": [_oidc("tls-broken")],
        "session-broken": [_oidc("oidc", session={"cipherConfig": {"keyRef": _ref("session-broken")}, "cookie": {}})],
        "account-broken": [{"hmacAuth": {"secretRefs": {"secretRefs": [_ref("account-broken")]}}}],
        "key-broken": [{"apiKeyAuth": {"k8sSecretApikeyStorage": {"apiKeySecretRefs": [_ref("key-broken")]}}}],
    }


def _upstream(name: str, spec: Doc, **annotations: str) -> Doc:
    meta = {"name": name, "namespace": "default", "annotations": annotations}
    return {"apiVersion": f"{GLOO}/v1", "kind": "Upstream", "metadata": meta, "spec": spec}


def _upstreams() -> list[Doc]:
    static = {"static": {"hosts": [{"addr": "127.0.0.1", "port": 9}]}}
    signed = '{"service": "s3", "region": "eu-central-1", "secret": "aws"}'
    functions = {"lambdaFunctions": [{"logicalName": "f", "lambdaFunctionName": "f"}]}
    azure = {
        "functionAppName": "app",
        "secretRef": _ref("azure"),
        "functions": [{"functionName": "f", "authLevel": "Function"}],
    }
    return [
        _upstream("up-upstream", {**static, "sslConfig": {"secretRef": _ref("upstream")}}),
        _upstream("up-tls-broken", {**static, "sslConfig": {"secretRef": _ref("tls-broken")}}),
        _upstream("up-aws", static, **{"daemun.dev/aws-request-signing": signed}),
        _upstream("up-lambda", {"aws": {"region": "eu-central-1", "secretRef": _ref("aws"), **functions}}),
        _upstream("up-aws-broken", {"aws": {"region": "eu-central-1", "secretRef": _ref("aws-broken"), **functions}}),
        _upstream("up-azure", {"azure": azure}),
    ]


def scene(port: int) -> list[Doc]:
    """A Gateway on a port, and everything that has to do with secrets; what is asked needs a backend `a`."""
    options: dict[str, Doc] = {name: {"extauth": {"configRef": _ref(name)}} for name in _checks()}
    options["header"] = {"headerManipulation": {"requestHeadersToAdd": [{"headerSecretRef": _ref("header")}]}}
    found: list[Doc] = [*secrets(), settings(), *_upstreams()]
    found += [auth_config(name, *steps) for name, steps in _checks().items()]
    for name, option in options.items():
        found.append(route(f"r-{name}", rule(prefix(f"/{name}"), to="a")))
        target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": f"r-{name}"}
        spec = {"targetRefs": [target], "options": option}
        found.append({"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": _ref(name), "spec": spec})
    for one in _upstreams():
        name = one["metadata"]["name"]
        function = {"group": GLOO, "kind": "Parameter", "name": "f"}
        called = [{"type": "ExtensionRef", "extensionRef": function}] if "static" not in one["spec"] else []
        to = [{"group": GLOO, "kind": "Upstream", "name": name, "filters": called}]
        found.append(route(name, rule(prefix(f"/{name}"), to=to)))
    for name, spec in {
        "policy-oidc": {
            "oidc": {
                "issuerUrl": f"{CLOSED}/",
                "clientId": "it",
                "appUrl": "https://app.example.com",
                "callbackPath": "/callback",
                "clientSecretRef": {"name": "policy-oidc"},
            }
        },
        "policy-basic": {"basicAuth": {"secretRef": {"name": "htpasswd"}}},
        "policy-keys": {"apiKey": {"secretRefs": [{"name": "api-key"}]}},
    }.items():
        found.append(route(name, rule(prefix(f"/{name}"), to="a")))
        found.append(auth_policy(name, {"kind": "HTTPRoute", "name": name}, **spec))
    found.append(
        {
            "apiVersion": "daemun.dev/v1alpha1",
            "kind": "Registry",
            "metadata": {"name": "nomad", "namespace": "default"},
            "spec": {"type": "nomad", "config": {"address": CLOSED}, "secretRef": {"name": "nomad"}},
        }
    )
    https = listener(port + 1, "https", certs=["listener"])
    found.append(gateway("broken", listener(port + 2, "https", certs=["tls-broken"])))
    whole = gateway("gw", listener(port, "http"), https)
    whole["spec"]["tls"] = {"backend": {"clientCertificateRef": {"name": "gateway-client"}}}
    found.append(whole)
    return found


def forms(text: str) -> list[str]:
    """What a text may look like: as it is, in a URL, and in base64 wherever it stands in what is encoded."""
    found = [text, quote(text, safe=""), text[::-1]]
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode().rstrip("=")
        whole = encoded[4:-3] if before else encoded[:-3]
        found += [whole, whole.replace("+", "-").replace("/", "_")]
    return found


def _marks() -> dict[str, list[str]]:
    held = {way: marker(way)[:24] for way in WAYS}
    held |= {f"key of {name}": pair[1].decode().splitlines()[1] for name, pair in KEYS.items()}
    held["hash"] = HASH
    return {way: forms(text) for way, text in held.items()}


MARKS = _marks()


def shown(text: bytes | str) -> set[str]:
    """The ways whose secret is in a text."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return {way for way, some in MARKS.items() if any(one in plain for one in some)}
