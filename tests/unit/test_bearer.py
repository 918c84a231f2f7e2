"""Access tokens that requests bear."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.oauth.bearer import IntrospectionCheck, SignedTokenCheck
from daemun.extauth.request import Request
from daemun.fetch import Guard
from daemun.ir.auth.oauth import Introspection, SignedToken
from support.clients.asking import question
from support.standins.provider import CLIENT, SECRET, Provider, running

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def made(check: Introspection | SignedToken, clock: Clock, ticks: Clock | None = None) -> AsyncIterator[Checker]:
    tools = Tools(clock, ticks=ticks or clock, guard=Guard.of("127.0.0.0/8"))
    kind = IntrospectionCheck if isinstance(check, Introspection) else SignedTokenCheck
    checker = kind(check, Place("chain", "token"), tools)
    yield checker
    await checker.close()
    await tools.close()


async def ask(checker: Checker, token: str | None, state: State | None = None) -> Answer:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    return await checker.check(Request(question("chain", headers)), state or State())


def introspection(provider: Provider, **more: object) -> Introspection:
    return Introspection(f"{provider.issuer}/introspect", **{"client_id": CLIENT, "client_secret": SECRET, **more})


async def test_introspection() -> None:
    clock = Clock()
    async with running(clock) as provider:
        check = introspection(provider, user_attribute="username", metadata={"level": "level"}, scopes=("a", "b"))
        async with made(check, clock) as checker:
            good = provider.access_token(level=3, scope="a b c")
            state = State()
            answers = await asyncio.gather(*(ask(checker, good, state) for _ in range(20)))
            assert all(isinstance(one, Allowed) for one in answers)
            assert answers[0].user == "ada"
            assert answers[0].metadata == {"level": 3}
            assert state.values["introspection"]["active"] is True
            assert provider.asked["introspect"] == 1
            narrow = await ask(checker, provider.access_token(scope="a"))
            assert isinstance(narrow, Denied)
            assert narrow.status == 403
            assert 'error="insufficient_scope"' in narrow.headers[0][1]
            assert (await ask(checker, "opaque")).status == 401
            assert (await ask(checker, provider.access_token(active=False, scope="a b"))).status == 401
            assert (await ask(checker, provider.access_token(active="true", scope="a b"))).status == 401
            assert (await ask(checker, provider.access_token(username=None, scope="a b"))).status == 401
            asked = provider.asked["introspect"]
            for token in (None, "", "a b", "é"):
                missing = await ask(checker, token)
                assert isinstance(missing, Denied)
                assert missing.status == 401
            assert provider.asked["introspect"] == asked


async def test_what_was_said_is_kept_until_the_token_expires() -> None:
    clock = Clock()
    async with running(clock) as provider:
        async with made(introspection(provider, cache=600), clock) as checker:
            token = provider.access_token()
            assert isinstance(await ask(checker, token), Allowed)
            clock.now += 59
            provider.away = True
            assert isinstance(await ask(checker, token), Allowed)
            clock.now += 2
            assert isinstance(await ask(checker, token), Failed)
        async with made(introspection(provider, cache=0), clock) as checker:
            provider.away = False
            before = provider.asked["introspect"]
            long = provider.access_token(exp=NOW + 10_000)
            for _ in range(3):
                assert isinstance(await ask(checker, long), Allowed)
            assert provider.asked["introspect"] == before + 3


@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_f08_what_was_said_is_remembered_as_long_if_the_clock_jumps(jump: int) -> None:
    """And a token for no longer than it says itself."""
    clock, ticks = Clock(), Clock()
    async with running(clock) as provider, made(introspection(provider, cache=600), clock, ticks) as checker:
        token, short = (provider.access_token(exp=NOW + seconds) for seconds in (90_000, 1_800))
        assert isinstance(await ask(checker, token), Allowed)
        assert isinstance(await ask(checker, short), Allowed)
        clock.now += jump
        provider.away = True
        ticks.now += 599
        assert isinstance(await ask(checker, token), Allowed)
        assert isinstance(await ask(checker, short), Allowed if jump < 0 else Failed)
        ticks.now += 2
        assert isinstance(await ask(checker, token), Failed)


async def test_an_issuer_that_is_away_lets_nobody_in() -> None:
    clock = Clock()
    async with running(clock) as provider:
        provider.away = True
        async with made(introspection(provider), clock) as checker:
            answer = await ask(checker, provider.access_token())
            assert isinstance(answer, Failed)
            assert answer.status == 401
            provider.away = False
            assert isinstance(await ask(checker, provider.access_token()), Allowed)
        async with made(introspection(provider, client_secret="wrong"), clock) as checker:  # noqa: S106 - of nobody
            assert isinstance(await ask(checker, provider.access_token()), Failed)


async def test_userinfo() -> None:
    clock = Clock()
    async with running(clock) as provider:
        check = introspection(provider, userinfo_url=f"{provider.issuer}/userinfo", metadata={"mail": "email"})
        async with made(check, clock) as checker:
            state = State()
            answer = await ask(checker, provider.access_token(), state)
            assert isinstance(answer, Allowed)
            assert answer.metadata == {"mail": "a@b"}
            assert state.values["userinfo"] == {"sub": "ada", "email": "a@b"}
            told = state.values["introspection"]
            assert (told["active"], told["email"]) == (True, "a@b")


@pytest.mark.parametrize("local", [False, True])
async def test_signed_tokens(local: bool) -> None:
    clock = Clock()
    async with running(clock) as provider:
        (kid, key), *_ = provider.keys.items()
        public = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": kid}
        keys = json.dumps({"keys": [public, {"kty": "oct", "k": "AAAA"}]})
        check = SignedToken("" if local else f"{provider.issuer}/keys", keys if local else "", issuer=provider.issuer)
        async with made(check, clock) as checker:
            state = State()
            answer = await ask(checker, provider.access_token(), state)
            assert isinstance(answer, Allowed)
            assert answer.user == "ada"
            assert state.values["jwtAccessToken"]["sub"] == "ada"
            for wrong in ({"iss": "https://evil"}, {"exp": NOW - 61}, {"nbf": NOW + 61}, {"exp": None}, {"exp": True}):
                claims = {"iss": provider.issuer, "sub": "ada", "exp": NOW + 60, **wrong}
                token = provider.sign({name: one for name, one in claims.items() if one is not None})
                assert (await ask(checker, token)).status == 401, wrong
            assert provider.asked["keys"] == (0 if local else 1)


async def test_signatures_that_are_none() -> None:
    """The tricks of old: no signature, one with the public key as a secret, another key, a changed payload, a key of
    its own in the header.
    """
    clock = Clock()
    async with running(clock) as provider, made(SignedToken(f"{provider.issuer}/keys"), clock) as checker:
        good = provider.access_token()
        head, body, signature = good.split(".")
        claims = jwt.decode(good, options={"verify_signature": False})
        kid = next(iter(provider.keys))
        other = rsa.generate_private_key(65537, 2048)
        tokens = [
            jwt.encode(claims, "", "none", {"kid": kid}),
            jwt.encode(claims, "0" * 64, "HS256", {"kid": kid}),
            jwt.encode(claims, other, "RS256", {"kid": kid}),
            jwt.encode(claims, other, "RS256", {"jku": provider.issuer, "jwk": {"kty": "RSA"}}),
            f"{head}.{body[:-4]}AAAA.{signature}",
            f"{head}.{body}.",
            f"{head}.{body}",
            f"{head}.{body}.{signature}.x",
            f".{body}.{signature}",
            "A" * 70_000,
            provider.sign(claims, {"crit": ["exp"], "exp": 1}),
        ]
        for token in tokens:
            assert (await ask(checker, token)).status == 401, token[:60]
        assert isinstance(await ask(checker, good), Allowed)


async def test_unknown_keys_are_asked_for_but_not_by_every_token() -> None:
    clock = Clock()
    async with running(clock) as provider, made(SignedToken(f"{provider.issuer}/keys"), clock) as checker:
        assert isinstance(await ask(checker, provider.access_token()), Allowed)
        for number in range(30):
            assert (await ask(checker, provider.sign({"sub": "x"}, {"kid": f"k{number}"}))).status == 401
        assert provider.asked["keys"] == 1
        provider.turn_key()
        checker._keyring._gap = 0
        assert isinstance(await ask(checker, provider.access_token()), Allowed)
        assert provider.asked["keys"] == 2


async def test_a10_keys_that_were_never_there() -> None:
    clock = Clock()
    async with running(clock) as provider:
        provider.away = True
        async with made(SignedToken(f"{provider.issuer}/keys"), clock) as checker:
            answer = await ask(checker, provider.access_token())
            assert isinstance(answer, Failed)
            assert answer.status == 401


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/keys", "http://localhost/keys", "http://[::ffff:127.0.0.1]/keys"]
)
async def test_a9_addresses_that_are_not_asked(url: str) -> None:
    """Requests with such a provider are as those with a token that counts for nothing; negated too."""
    clock = Clock()
    tools = Tools(clock)
    for checker in (
        SignedTokenCheck(SignedToken(url), Place("chain", "token"), tools),
        IntrospectionCheck(Introspection(url), Place("chain", "token"), tools),
    ):
        answer = await ask(checker, jwt.encode({"exp": NOW + 60}, "0" * 64))
        assert isinstance(answer, Failed)
        assert answer.status == 401
        await checker.close()
    await tools.close()


@pytest.mark.parametrize("garbage", [b"<html>", b"[]", b"[" * 100_000, b"{}", b'{"active": "yes"}'])
async def test_f18_an_issuer_that_talks_nonsense(garbage: bytes) -> None:
    clock = Clock()
    async with running(clock) as provider:
        provider.garbage = garbage
        token = provider.access_token()
        for check in (introspection(provider), SignedToken(f"{provider.issuer}/keys")):
            async with made(check, clock) as checker:
                assert (await ask(checker, token)).status == 401
