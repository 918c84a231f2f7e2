"""Mistakes as users write them that only Envoy finds: the field, and words of what Envoy says to it."""

from collections.abc import Mapping
from typing import NamedTuple

from support.objects.documents import Doc

_OCT = '{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]}'


class Written(NamedTuple):
    """The options of a policy, or fields of an Upstream; and words of Envoy's."""

    fields: Doc
    words: str


def _adds(value: str) -> Doc:
    return {"headerManipulation": {"responseHeadersToAdd": [{"header": {"key": "x-added", "value": value}}]}}


def _provider(**more: object) -> Doc:
    return {"jwt": {"providers": {"idp": {"issuer": "i", "jwks": {"local": {"key": _OCT}}, **more}}}}


def _key(**fields: str) -> Doc:
    pairs = ", ".join(f'"{name}": "{value}"' for name, value in fields.items())
    return _provider(jwks={"local": {"key": f'{{"keys": [{{{pairs}}}]}}'}})


def _logs(**sink: str) -> Doc:
    return {"accessLoggingService": {"accessLog": [{"fileSink": sink}]}}


def _check(http: Doc | None = None, **more: object) -> Doc:
    how = {"timeout": "1s", "interval": "60s", "unhealthyThreshold": 1, "healthyThreshold": 1, **more}
    return {"healthChecks": [how | ({"httpHealthCheck": {"path": "/", **http}} if http else {"tcpHealthCheck": {}})]}


def _asks_with(key: str, value: str) -> Doc:
    return _check({"requestHeadersToAdd": [{"header": {"key": key, "value": value}}]})


ROUTES: Mapping[str, Written] = {
    "a variable that there is not": Written(_adds("%NO_SUCH_VARIABLE%"), "NO_SUCH_VARIABLE"),
    "a variable of files": Written(_adds("%FILE_CONTENT(/etc/hostname)%"), "FILE_CONTENT"),
    "a variable of secrets": Written(_adds("%SECRET(default/key)%"), "SECRET"),
    "a variable that is cut after more than can be counted": Written(_adds("%REQ(x):99999999999999999999%"), "%REQ(x)"),
    "state of filters in a form that there is not": Written(_adds("%FILTER_STATE(a:b:c:d)%"), "PLAIN/TYPED/FIELD"),
    "metadata of nobody": Written({"envoyMetadata": {"": {"a": "b"}}}, "FilterMetadata"),
    "origins by a regex that is empty": Written(
        {"cors": {"allowOrigin": ["https://a.example"], "allowOriginRegex": [""]}}, "AllowOriginStringMatch[1]"
    ),
}
"""Options of a RouteOption."""

HOSTS: Mapping[str, Written] = {
    "tokens from a header without a name": Written(_provider(tokenSource={"headers": [{"header": ""}]}), "FromHeaders"),
    "claims for a header that cannot be": Written(
        _provider(claimsToHeaders=[{"claim": "", "header": "a b"}]), "claim_to_headers"
    ),
    "a shared key that is no base64": Written(_key(kty="oct", alg="HS256", k="%"), "invalid Base64"),
    "an RSA key that is none": Written(_key(kty="RSA", alg="RS256", n="AA", e="AQAB"), "RSA [n] or [e]"),
    "a curve that there is not": Written(_key(kty="EC", crv="P-999", x="AA", y="AA"), "[crv] or [alg]"),
    "a point that is on no curve": Written(_key(kty="EC", crv="P-256", x="AA", y="AA"), "EC [x] and [y]"),
}
"""Options of a VirtualHostOption."""

PORTS: Mapping[str, Written] = {
    "a log in a folder that there is not": Written(_logs(path="/no/such/folder/log"), "unable to open file"),
    "a log that is a folder": Written(_logs(path="/"), "Is a directory"),
    "a log of a variable that there is not": Written(
        _logs(path="/dev/null", stringFormat="%NO_SUCH_VARIABLE%"), "NO_SUCH_VARIABLE"
    ),
}
"""Options of a ListenerOption."""

UPSTREAMS: Mapping[str, Written] = {
    "statuses that end before they begin": Written(
        _check({"expectedStatuses": [{"start": 600, "end": 100}]}), "start < end"
    ),
    "checks with another path": Written(_asks_with(":path", "/"), ":-prefixed"),
    "checks with a variable that there is not": Written(_asks_with("x", "%NO_SUCH_VARIABLE%"), "NO_SUCH_VARIABLE"),
    "checks that are told in a folder that there is not": Written(_check(eventLogPath="/no/such/log"), "/no/such/log"),
    "a server name with a NUL": Written({"sslConfig": {"sni": "a\0b"}}, "NULL-byte"),
    "more protocols than fit": Written(
        {"sslConfig": {"alpnProtocols": [f"p{number:0200}" for number in range(400)]}}, "ALPN"
    ),
    "authorities in a file that there is not": Written(
        {"sslConfig": {"sslFiles": {"rootCa": "/no/such/file"}}}, "/no/such/file"
    ),
}
"""Fields of an Upstream."""
