"""A28: a token that was not signed for here, in whatever way it says that it was, lets nobody in."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from support.clients.client import Answer
from support.objects.auth import auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY, OTHER = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
DER = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
ISSUER, AUDIENCE = "https://issuer.test", "gate"
_DAY = 24 * 3600
"""Many of the tokens are made when the tests are gathered, and are to be bad for their own reason at the end, too."""


def part(value: object) -> bytes:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def jwk(key: Any, kid: str, **fields: str) -> Doc:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **fields}


def claims(**more: Any) -> Doc:
    found = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": int(time.time()) + _DAY, **more}
    return {name: value for name, value in found.items() if value is not None}


def token(key: Any = KEY, algorithm: str = "RS256", headers: Doc | None = None, **more: Any) -> str:
    return jwt.encode(claims(**more), key, algorithm, headers={"kid": "a", **(headers or {})})


def by_hand(header: object, signature: bytes, payload: object = None) -> str:
    return b".".join((part(header), part(claims() if payload is None else payload), signature)).decode()


def by_hash(secret: bytes) -> str:
    said = part({"alg": "HS256", "typ": "JWT", "kid": "a"}) + b"." + part(claims())
    return (said + b"." + part(hmac.digest(secret, said, "sha256"))).decode()


def twice() -> str:
    """Says two algorithms, and is signed for neither."""
    return b".".join((part(b'{"alg":"RS256","kid":"a","alg":"none"}'), part(claims()), b"")).decode()


def _unsigned() -> Iterator[tuple[str, str]]:
    for name in ("none", "None", "nOnE", "", "RS256", "HS256"):
        yield f"unsigned {name}", by_hand({"alg": name, "typ": "JWT"}, b"")
        yield f"unsigned {name} with a key", by_hand({"alg": name, "typ": "JWT", "kid": "a"}, b"")
    yield "no algorithm", by_hand({"kid": "a"}, part(b"x" * 256))
    yield "two algorithms", twice()
    yield "no header", by_hand([], part(b"x"))
    yield "no claims", by_hand({"alg": "RS256", "kid": "a"}, part(b"x" * 256), [])
    yield "zeros", by_hand({"alg": "RS256", "kid": "a"}, part(bytes(256)))
    yield "of a curve, zeros", by_hand({"alg": "ES256", "kid": "b"}, part(bytes(64)))


def _of_another_key() -> Iterator[tuple[str, str]]:
    for name, secret in ("PEM", PUBLIC), ("PEM without its end", PUBLIC.rstrip()), ("DER", DER):
        yield f"hashed with the public key in {name}", by_hash(secret)
    yield "hashed with nothing", by_hash(b"")
    yield "another key", token(OTHER)
    for name, kid in ("another's", "b"), ("a path", "../../../../dev/null"), ("nothing", ""), ("nobody's", "z"):
        yield f"another key, {name} kid", token(OTHER, headers={"kid": kid})
    yield "a key in the token", token(OTHER, headers={"jwk": jwk(OTHER, "a")})
    for name in ("jku", "x5u"):
        yield f"a key at {name}", token(OTHER, headers={name: "http://127.0.0.1/keys"})
    yield "a key of the curve", token(CURVE, "ES256", {"kid": "a"})
    yield "another hash", by_hand({"alg": "RS512", "kid": "a"}, part(KEY.sign(_signed(), padding.PKCS1v15(), SHA256())))


def _signed() -> bytes:
    return part({"alg": "RS512", "kid": "a"}) + b"." + part(claims())


def _of_other_claims() -> Iterator[tuple[str, str]]:
    for issuer in (None, "", "https://issuer.test/", "https://ISSUER.test", [ISSUER], "x"):
        yield f"iss {issuer!r}", by_hand(*_with(iss=issuer))
    for audience in (None, "", "gat", "gateway", ["other"], [], {"gate": 1}):
        yield f"aud {audience!r}", by_hand(*_with(aud=audience))
    now = int(time.time())
    for name, expiry in {"past": now - 120, "negative": -1, "a word": "soon", "a text": str(now + _DAY)}.items():
        yield f"exp, {name}", by_hand(*_with(exp=expiry))
    yield "not yet", by_hand(*_with(nbf=now + _DAY // 2))


def _with(**more: Any) -> tuple[Doc, bytes, Doc]:
    """Well signed, whatever it says."""
    header, payload = {"alg": "RS256", "kid": "a"}, claims(**more)
    said = part(header) + b"." + part(payload)
    return header, part(KEY.sign(said, padding.PKCS1v15(), SHA256())), payload


def _maimed() -> Iterator[tuple[str, str]]:
    good = token()
    head, payload, signature = good.split(".")
    yield from (
        ("cut off", good[:-2]),
        ("two parts", f"{head}.{payload}"),
        ("four parts", f"{good}.x"),
        ("five parts", f"{good}.x.y"),
        ("other claims", f"{head}.{part(claims(sub='eve')).decode()}.{signature}"),
        ("upside down", f"{signature}.{payload}.{head}"),
        ("spaces", good.replace(".", " . ")),
        ("nothing", ""),
        ("points", ".."),
        ("long", f"{head}.{payload}.{'A' * 40_000}"),
        ("as a text", f'"{good}"'),
    )


BAD = dict((*_unsigned(), *_of_another_key(), *_of_other_claims(), *_maimed()))


def provider(**more: Any) -> Doc:
    keys = json.dumps({"keys": [jwk(KEY, "a"), jwk(CURVE, "b")]})
    return {"name": "p", "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"inline": keys}, **more}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """Hosts whose policy takes tokens by a set of keys, by one in PEM, in a place of their own, or if there are any."""
    await shared.echo("a")
    told = [{"claim": "sub", "header": "x-user"}, {"claim": "role", "header": "x-role"}]
    ways = {
        "set": {"providers": [provider()]},
        "pem": {"providers": [provider(jwks={"inline": PUBLIC.decode()})]},
        "place": {"providers": [provider(fromHeaders=[{"name": "x-token"}])]},
        "told": {"providers": [provider(claimsToHeaders=told)]},
        "optional": {"providers": [provider(claimsToHeaders=told)], "optional": True},
    }
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    for name, spec in ways.items():
        shared.write(f"{name}.yaml", route(name, rule(prefix("/"), to="a"), hosts=[f"{name}.test"]))
        shared.write(f"{name}-policy.yaml", auth_policy(name, {"kind": "HTTPRoute", "name": name}, jwt=spec))
    await shared.start()


async def ask(shared: World, way: str, path: str = "/", **headers: str) -> Answer:
    return await shared.ask(path, host=f"{way}.test", headers=headers)


def bearer(text: str) -> str:
    return f"Bearer {text}"


@pytest.mark.parametrize("way", ["set", "pem"])
@pytest.mark.parametrize("name", BAD)
async def test_a28_a_token_that_is_not_for_here(shared: World, way: str, name: str) -> None:
    got = await ask(shared, way, authorization=bearer(BAD[name]))
    assert (got.status in {400, 401, 403}, got.backend) == (True, ""), got.status


@pytest.mark.parametrize("way", ["set", "pem"])
async def test_a28_one_that_is_comes_in(shared: World, way: str) -> None:
    for good in (token(), token(aud=["other", AUDIENCE])):
        assert (await ask(shared, way, authorization=bearer(good))).backend == "a"
    assert (await ask(shared, "set", authorization=bearer(token(CURVE, "ES256", {"kid": "b"})))).backend == "a"


async def test_a28_a_key_is_the_one_that_the_token_names(shared: World) -> None:
    assert (await ask(shared, "set", authorization=bearer(token(headers={"kid": "b"})))).status == 401


async def test_a28_only_where_it_is_looked_for(shared: World) -> None:
    good = token()
    assert (await ask(shared, "place", **{"x-token": good})).backend == "a"
    for path, headers in (
        ("/", {"authorization": bearer(good)}),
        (f"/?access_token={good}", {}),
        (f"/?x-token={good}", {}),
        ("/", {"cookie": f"x-token={good}; access_token={good}"}),
        ("/", {"x-token": bearer(good)}),
        ("/", {"proxy-authorization": bearer(good)}),
    ):
        got = await ask(shared, "place", path, **headers)
        assert (got.status, got.backend) == (401, ""), (path[:20], list(headers))


async def test_a28_a_good_one_beside_a_bad_one(shared: World) -> None:
    """Whichever is looked at first, who is told of is who was verified."""
    good, bad = token(), by_hand({"alg": "none"}, b"", claims(sub="eve"))
    for said in (f"Bearer {good}, Bearer {bad}", f"Bearer {bad}, Bearer {good}", f"Bearer {bad} {good}"):
        got = await ask(shared, "told", authorization=said)
        assert got.status == 401 or got.sent("x-user") == ["ann"], said


@pytest.mark.parametrize("way", ["told", "optional"])
async def test_a28_what_a_client_says_of_itself_is_not_told(shared: World, way: str) -> None:
    forged = {"x-user": "eve", "X-Role": "admin"}
    got = await ask(shared, way, authorization=bearer(token()), **forged)
    assert (got.sent("x-user"), got.sent("x-role")) == (["ann"], [])
    for said in ({}, {"authorization": bearer(by_hand({"alg": "none"}, b""))}):
        got = await ask(shared, way, **said, **forged)
        if way == "told":
            assert (got.status, got.backend) == (401, "")
        else:
            assert (got.sent("x-user"), got.sent("x-role")) == ([], [])


@pytest.mark.parametrize("name", ["ann\r\nx-role: admin", "ann\nx-role: admin", "ann\0", "ann\x7f"])
async def test_a28_a_claim_begins_no_other_header(shared: World, name: str) -> None:
    """Though who issued the token lets people choose their names."""
    got = await ask(shared, "told", authorization=bearer(token(sub=name)))
    assert (got.status >= 400, got.backend) == (True, "")


@pytest.mark.parametrize("text", ['{"sub":"eve"', '{"iss":"x"', '{"exp":1', '{"aud":"x"'])
async def test_a28_nor_does_one_count_that_is_said_twice(shared: World, text: str) -> None:
    said = part({"alg": "RS256", "kid": "a"}) + b"." + part(f"{text},{json.dumps(claims())[1:]}".encode())
    signed = said + b"." + part(KEY.sign(said, padding.PKCS1v15(), SHA256()))
    got = await ask(shared, "told", authorization=bearer(signed.decode()))
    assert (got.status, got.backend) == (401, "")


async def test_a28_a_token_that_was_good_is_not_for_ever(shared: World) -> None:
    """What was verified is remembered; its time is looked at each time."""
    ends = int(time.time()) - 58  # within the minute that clocks may differ
    short = bearer(token(exp=ends))
    assert (await ask(shared, "set", authorization=short)).backend == "a"
    await shared.answers(401, host="set.test", headers={"authorization": short})
