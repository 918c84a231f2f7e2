"""A30: a set of keys that is made to take long holds up nobody but the tokens that are to be verified by it."""

import asyncio
import json
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from daemun.extauth.oauth import tokens
from daemun.extauth.oauth.sealing import text
from daemun.extauth.oauth.tokens import TokenError, parse_keys, verified
from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth
from daemun.ir.auth.oauth import SignedToken
from support.envoys.door import Door
from support.servers.sites import serve

Written = dict[str, Any]
TOKENS = 12


def odd(bits: int) -> str:
    """A number of so many bits, as a key has it."""
    number = secrets.randbits(bits) | 1 | 1 << (bits - 1)
    return text(number.to_bytes(bits // 8, "big"))


def slow() -> Written:
    """To verify by it takes as long as to sign: the exponent is as long as the key."""
    return {"kty": "RSA", "n": odd(3072), "e": odd(3072 - 8)}


SETS: dict[str, Callable[[], list[Written]]] = {
    "private ones without their factors": lambda: [
        {"kty": "RSA", "n": odd(16384), "e": "AQAB", "d": odd(16384)} for _ in range(8)
    ],
    "exponents without an end": lambda: [slow() for _ in range(100)],
    "huge ones": lambda: [{"kty": "RSA", "n": odd(16384), "e": "AQAB"} for _ in range(100)],
    "numbers without an end": lambda: [{"kty": "RSA", "n": odd(1 << 22), "e": "AQAB"}],
}


@pytest.mark.parametrize("name", SETS)
async def test_a30_keys_that_take_long_hold_up_nobody_else(name: str) -> None:
    """Through Envoy: tokens of one policy, whose issuer has such keys, and meanwhile requests of another one."""
    document = json.dumps({"keys": SETS[name]()})

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=document)

    claims = text(b"{}")
    head = text(json.dumps({"alg": "RS256"}).encode())
    async with serve(answer) as site:
        slow_chain = Chain("evil", (Step("token", SignedToken(f"http://127.0.0.1:{site.port}/keys")),))
        keys = Chain("good", (Step("keys", ApiKeyAuth((ApiKey(sha256(b"gold").hexdigest(), "ann"),))),))
        async with Door(slow_chain, keys) as door:
            bad = [f"{head}.{claims}.{text(bytes(1) + secrets.token_bytes(383))}" for _ in range(TOKENS)]
            asked = [asyncio.create_task(door.ask("evil", headers={"authorization": f"Bearer {one}"})) for one in bad]
            async with asyncio.timeout(6):
                for _ in range(20):
                    assert (await door.ask("good", headers={"api-key": "gold"})).status == 200
                assert {one.status for one in await asyncio.gather(*asked)} == {401}


def test_a30_one_token_is_tried_with_few_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may say which key it is of; if it does not, or many are called that, it is not tried with a hundred."""
    tried = []
    once = tokens._jws.decode
    monkeypatch.setattr(tokens._jws, "decode", lambda *args, **more: [tried.append(1), once(*args, **more)][1])
    private = [ec.generate_private_key(ec.SECP256R1()) for _ in range(20)]
    public = [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(one.public_key())) for one in private]
    for named in ({}, {"kid": "one"}):
        keys = parse_keys(json.dumps({"keys": [{**one, **named} for one in public]}))
        assert verified(jwt.encode({"sub": "a"}, private[0], "ES256", named), keys) == {"sub": "a"}
        tried.clear()
        with pytest.raises(TokenError):
            verified(jwt.encode({"sub": "a"}, private[-1], "ES256", named), keys)
        assert len(tried) <= 8
    keys = parse_keys(json.dumps({"keys": [{**one, "kid": str(at)} for at, one in enumerate(public)]}))
    assert verified(jwt.encode({"sub": "a"}, private[-1], "ES256", {"kid": "19"}), keys) == {"sub": "a"}


@pytest.mark.parametrize("size", [2048, 4096, 8192])
def test_a30_keys_that_people_have_are_taken(size: int) -> None:
    number = odd(size)
    (key,) = parse_keys(json.dumps({"keys": [{"kty": "RSA", "n": number, "e": "AQAB", "x5c": ["AA"], "kid": "a"}]}))
    assert isinstance(key.public, rsa.RSAPublicKey)
    assert (key.kid, key.public.key_size) == ("a", size)
