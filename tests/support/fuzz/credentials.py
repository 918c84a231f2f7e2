"""Who may come in, and how often: what AuthPolicies and RateLimitPolicies ask for, and what requests bear."""

import base64
import json

import jwt

from support.objects.documents import Doc

TEAMS = ("good", "other")
"""Labels of Secrets with API keys, and issuers of tokens."""
KEY_HEADER = "api-key"
KEYS = {team: f"{team}-key" for team in TEAMS}
FEW, MANY = 2, 1_000_000_000
"""Requests in a day: so that soon everything is too much, and so that nothing ever is."""
_SECRET = "secret-secret-secret-secret-secret"  # noqa: S105 - of nobody
TOKENS = {team: f"Bearer {jwt.encode({'iss': team}, _SECRET, 'HS256')}" for team in (*TEAMS, "unknown")}
_JWKS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(_SECRET.encode()).decode()}]})


def by_key(team: str) -> Doc:
    """Of an AuthPolicy: who has a key of a team."""
    return {"apiKey": {"selector": {"team": team}}}


def by_token(team: str) -> Doc:
    """Of an AuthPolicy: who has a token of an issuer."""
    return {"jwt": {"providers": [{"name": "one", "issuer": team, "jwks": {"inline": _JWKS}}]}}


def lets_in(policy: Doc | None, headers: dict[str, str]) -> bool:
    """Whether a policy lets a request in: all ways that it has must hold."""
    spec = policy["spec"] if policy else {}
    key = "apiKey" not in spec or headers.get(KEY_HEADER) == KEYS[spec["apiKey"]["selector"]["team"]]
    token = "jwt" not in spec or headers.get("authorization") == TOKENS[spec["jwt"]["providers"][0]["issuer"]]
    return key and token


def limit(requests: int, *headers: str) -> Doc:
    """Of a RateLimitPolicy: so many in a day, of each value of these headers if there are any."""
    by = [{"type": "Header", "name": name} for name in headers]
    return {"local": [{"requests": requests, "per": "24h", "by": by}]}


def is_counted(policy: Doc | None, headers: dict[str, str]) -> bool:
    """Whether a request is counted by a policy that lets only few in."""
    every = policy["spec"]["local"] if policy else []
    return any(one["requests"] <= FEW and all(by["name"] in headers for by in one["by"]) for one in every)


def secret(team: str, namespace: str) -> Doc:
    """The Secret with the key of a team."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"key-{team}", "namespace": namespace, "labels": {"team": team}},
        "type": "extauth.solo.io/apikey",
        "stringData": {KEY_HEADER: KEYS[team]},
    }
