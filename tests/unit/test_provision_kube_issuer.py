"""Tokens of ServiceAccounts, told from forged ones without the API server."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.transport import Answer
from daemun.provision.kube.identity import Identities
from daemun.provision.kube.issuer import Known, account, decode, encode, fetch
from support.api.told_transport import Asked, Told, answered

NOW = 1_000_000.0
ISSUER = "https://kubernetes.default.svc"
GATE = Name("default", "gate")
_RSA = rsa.generate_private_key(65537, 2048)
_EC = ec.generate_private_key(ec.SECP256R1())
_STRANGER = rsa.generate_private_key(65537, 2048)


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int) -> str:
    return coded(value.to_bytes((value.bit_length() + 7) // 8))


def signed_rsa(data: bytes, key: rsa.RSAPrivateKey = _RSA) -> bytes:
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def signed_ec(data: bytes) -> bytes:
    r, s = decode_dss_signature(_EC.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def token(sign: Callable[[bytes], bytes] = signed_rsa, alg: str = "RS256", kid: str = "rsa", **claims: Any) -> str:
    said = {
        "iss": ISSUER,
        "sub": "system:serviceaccount:default:gate",
        "aud": ["daemun-xds"],
        "exp": NOW + 60,
        "nbf": NOW,
    }
    head, body = coded(json.dumps({"alg": alg, "kid": kid}).encode()), coded(json.dumps(said | claims).encode())
    return f"{head}.{body}.{coded(sign(f'{head}.{body}'.encode()))}"


def keys() -> list[dict[str, str]]:
    public, point = _RSA.public_key().public_numbers(), _EC.public_key().public_numbers()
    return [
        {"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": number(public.n), "e": number(public.e)},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "x": coded(point.x.to_bytes(32)), "y": coded(point.y.to_bytes(32))},
    ]


def _serve(request: Asked) -> Answer:
    if request.path == "/openid/v1/jwks":
        return answered({"keys": keys()})
    return answered({"issuer": ISSUER, "jwks_uri": "https://elsewhere.example.com"})


async def known() -> Known:
    found = await fetch(KubeClient(Told(_serve), "", ""))
    assert decode(encode(found)) == found
    return found


async def test_a_token_that_the_cluster_issued_for_us_tells_its_account() -> None:
    assert account(await known(), token(), NOW) == GATE
    assert account(await known(), token(signed_ec, "ES256", "ec", aud="daemun-xds"), NOW) == GATE


@pytest.mark.parametrize(
    "forged",
    [
        token(lambda data: signed_rsa(data, _STRANGER)),
        token(lambda _: b""),
        token(lambda _: b"", alg="none"),
        token(alg="HS256"),
        token(kid="ec"),
        token(signed_ec, "ES256", "rsa"),
        token(kid="another"),
        token(aud=["https://kubernetes.default.svc"]),
        token(aud=[]),
        token(iss="https://elsewhere"),
        token(exp=NOW),
        token(nbf=NOW + 3600),
        token(sub="system:node:one"),
        token(sub="system:serviceaccount:default:"),
        token(sub=None),
        token() + ".more",
        token()[:-3],
        "",
        "a.b.c",
        "é.é.é",
    ],
)
async def test_any_other_is_nobody(forged: str) -> None:
    assert account(await known(), forged, NOW) is None


@pytest.mark.parametrize(("status", "found"), [(503, "default/gate"), (403, None)])
async def test_it_is_asked_only_while_the_api_server_cannot_be(status: int, found: str | None) -> None:
    issuer = await known()
    client = KubeClient(Told(lambda _: Answer(status)), "", "")
    identities = Identities(client, {GATE: "default/gate"}.get, lambda: NOW, lambda: issuer, lambda: NOW)
    ask = identities.authenticate({"authorization": f"Bearer {token()}"})
    if found is None:
        with pytest.raises(ConnectionError):
            await ask
    else:
        assert await ask == found
        assert await identities.authenticate({"authorization": "Bearer " + token(aud=["other"])}) is None
