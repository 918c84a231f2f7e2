"""What is refused of an AuthPolicy, as a folder and an API server's webhook say it."""

from typing import Any

import pytest

from daemun.api.decode import decode
from support.objects.auth import auth_policy

ROUTE = {"kind": "HTTPRoute", "name": "r"}
PROVIDER = {"name": "p", "issuer": "i", "jwks": {"inline": "k"}}
USERS = {"secretRef": {"name": "users"}}
LOGIN = {"issuerUrl": "https://i", "clientId": "c", "appUrl": "https://a", "callbackPath": "/callback"}
ALLOW = {"rules": [{"claims": {"a": "b"}}]}


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({"jwt": {"providers": [PROVIDER]}, "basicAuth": USERS, "authorization": ALLOW}, ""),
        ({}, "spec"),
        ({"basicAuth": USERS, "apiKey": {"selector": {"a": "b"}}}, "spec"),
        ({"basicAuth": USERS, "authorization": ALLOW}, "spec.authorization"),
        ({"jwt": {"providers": [PROVIDER, PROVIDER]}}, "spec.jwt.providers"),
        ({"jwt": {"providers": []}}, "spec.jwt.providers"),
        ({"jwt": {"providers": [{**PROVIDER, "jwks": {}}]}}, "spec.jwt.providers[0].jwks"),
        ({"apiKey": {}}, "spec.apiKey"),
        ({"authConfigRef": {"group": "", "kind": "Secret", "name": "a"}}, "spec.authConfigRef"),
        ({"ext": {"protocol": "HTTP", "backendRef": {"name": "a", "port": 1}, "grpc": {}}}, "spec.ext"),
        ({"basicAuth": USERS, "basicauth": USERS}, "spec"),
        ({"apiKey": {"selector": {"a": "b"}, "queryParam": "a&b"}}, "spec.apiKey.queryParam"),
        ({"oidc": {**LOGIN, "session": {"store": "Redis", "cookieName": "sid"}}}, ""),
        ({"oidc": {**LOGIN, "session": {"cookieName": "sid"}}}, "spec.oidc.session.cookieName"),
        ({"oidc": {**LOGIN, "session": {"sameSite": "None", "insecure": True}}}, "spec.oidc.session.sameSite"),
    ],
)
def test_what_is_refused(spec: dict[str, Any], where: str) -> None:
    found = decode(auth_policy("p", ROUTE, **spec))
    assert found is not None
    wheres = [one.where for one in found.problems]
    assert bool(wheres) == bool(where)
    assert all(one.startswith(where) for one in wheres)


@pytest.mark.parametrize("target", [{"kind": "Service", "name": "a"}, {**ROUTE, "group": "other.dev"}])
def test_what_it_is_not_for(target: dict[str, str]) -> None:
    found = decode(auth_policy("p", target, basicAuth=USERS))
    assert found is not None
    assert found.problems


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ({"ipBlocks": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]}, ""),
        ({"remoteIpBlocks": ["192.0.2.0/24"], "methods": ["GET"]}, ""),
        ({"methods": ["GET"]}, ".rules[0]"),
        ({"claims": {"a": "b"}, "ipBlocks": ["192.0.2.7"]}, ".rules[0].claims"),
        ({"ipBlocks": ["192.0.2.7"], "provider": "p"}, ".rules[0].provider"),
        ({"ipBlocks": ["192.0.2.7/24"]}, ".rules[0].ipBlocks[0]"),
        ({"remoteIpBlocks": ["192.0.2.7", "example.com"]}, ".rules[0].remoteIpBlocks[1]"),
        ({"ipBlocks": ["fe80::1%eth0"]}, ".rules[0].ipBlocks[0]"),
    ],
)
def test_rules_by_address(rule: dict[str, Any], where: str) -> None:
    found = decode(auth_policy("p", ROUTE, authorization={"rules": [rule]}))
    assert found is not None
    assert [one.where for one in found.problems] == ([f"spec.authorization{where}"] if where else [])
