"""Keys as a JWKS: what is one, what is made one, and what is neither."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from daemun.features.jwks import jwks


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
