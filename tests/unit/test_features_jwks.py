"""Keys as a JWKS: what is one, what is made one, and what is neither."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from daemun.api.gloo.jwt import Jwks, JwtProvider, JwtVhostExtension, LocalJwks
from daemun.features.jwks import MOST, cost, jwks
from daemun.features.options.jwt import Jwt


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def test_a_public_key_becomes_one() -> None:
    (key,) = json.loads(jwks(pem(rsa.generate_private_key(65537, 2048))) or "")["keys"]
    assert (key["kty"], key["e"]) == ("RSA", "AQAB")
    (key,) = json.loads(jwks(pem(ec.generate_private_key(ec.SECP256R1()))) or "")["keys"]
    assert (key["kty"], key["crv"], len(key["x"])) == ("EC", "P-256", 43)


def test_a_key_alone_becomes_one_and_one_stays() -> None:
    key = {"kty": "oct", "k": "AAAA"}
    assert json.loads(jwks(json.dumps(key)) or "") == {"keys": [key]}
    assert json.loads(jwks(json.dumps({"keys": [key]})) or "") == {"keys": [key]}


@pytest.mark.parametrize(
    "text",
    ["", "x", "{}", "[]", '{"keys": []}', '{"keys": [{}]}', '{"keys": 1}', "-----BEGIN PUBLIC KEY-----\nx\n", "\ud800"],
)
def test_anything_else_is_none(text: str) -> None:
    assert jwks(text) is None


def test_of_keys_only_those_count_that_envoy_verifies_tokens_by() -> None:
    good = {"kty": "oct", "k": "AAAA", "alg": "HS256"}
    for other in ({**good, "alg": "HS999"}, {**good, "kty": "XYZ"}, {"kty": "RSA", "alg": "RSA-OAEP"}):
        assert jwks(json.dumps({"keys": [other]})) is None, "it has no key that Envoy could use"
        assert json.loads(jwks(json.dumps({"keys": [other, good]})) or "") == {"keys": [other, good]}


def test_a_key_that_envoy_cannot_read_is_none() -> None:
    assert jwks(pem(ed25519.Ed25519PrivateKey.generate())) is None


@pytest.mark.parametrize(
    ("count", "bits", "fits"),
    [(1, 2048, True), (990, 2048, True), (1100, 2048, False), (200, 4096, True), (10, 16384, True), (20, 16384, False)],
)
def test_a30_a_set_that_takes_long_to_be_tried_is_told(count: int, bits: int, fits: bool) -> None:
    """Envoy tries a token that does not say its key with all of them: 20 of 16,384 bits are 100 ms of a worker."""
    key = {"kty": "RSA", "e": "AQAB", "n": "x" * (bits // 6)}
    written = jwks(json.dumps({"keys": [key] * count}))
    assert written is not None
    assert (cost(written) <= MOST) == fits
    local = JwtVhostExtension(providers={"p": JwtProvider(jwks=Jwks(local=LocalJwks(key=written)))})
    assert [where for where, *_ in Jwt().faults(local, "jwt")] == ([] if fits else ["jwt.providers.p.jwks.local.key"])
