"""A28: an issuer that is asked what a token is worth and answers oddly lets nobody in.

What it said of one token, or to one policy, is not said of another.
"""

import gzip
import json
from collections.abc import AsyncIterator

import pytest

from daemun.extauth.answers import Allowed, Answer
from daemun.extauth.checker import Checker, Tools
from daemun.ir.auth.oauth import Introspection
from support.clients.checked import LOCAL, Clock, asked, checker
from support.standins.passing import RawHttp, http_answer

GOOD = json.dumps({"active": True, "sub": "ann"}).encode()
JSON = "content-type: application/json"


def _says(**fields: object) -> bytes:
    return http_answer("200 OK", JSON, body=json.dumps({"active": True, **fields}).encode())


ANSWERS: dict[str, bytes] = {
    "nothing of it": http_answer("200 OK", JSON, body=b"{}"),
    "true as text": http_answer("200 OK", JSON, body=b'{"active": "true"}'),
    "true as a number": http_answer("200 OK", JSON, body=b'{"active": 1}'),
    "true in a list": http_answer("200 OK", JSON, body=b'{"active": [true]}'),
    "in another case": http_answer("200 OK", JSON, body=b'{"Active": true}'),
    "a list of it": http_answer("200 OK", JSON, body=b"[" + GOOD + b"]"),
    "two of them": http_answer("200 OK", JSON, body=GOOD + GOOD),
    "behind a mark": http_answer("200 OK", JSON, body=b"\xef\xbb\xbf" + GOOD),
    "in UTF-16": http_answer("200 OK", JSON, body=GOOD.decode().encode("utf-16")),
    "in Python": http_answer("200 OK", JSON, body=b"{'active': True}"),
    "as a script": http_answer("200 OK", JSON, body=b"f(" + GOOD + b")"),
    "a part of it": b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + GOOD,
    "another status": http_answer("201 Created", JSON, body=GOOD),
    "partly": http_answer("206 Partial", JSON, body=GOOD),
    "a failure that says yes": http_answer("500 No", JSON, body=GOOD),
    "a no that says yes": http_answer("401 No", JSON, body=GOOD),
    "elsewhere": http_answer("307 There", "location: /there", body=GOOD),
    "to look there": http_answer("303 There", "location: /there", body=GOOD),
    "without end": http_answer("200 OK", JSON, body=GOOD[:-1] + b', "x": "' + b"x" * (2 << 20) + b'"}'),
    "a bomb": http_answer("200 OK", "content-encoding: gzip", body=gzip.compress(GOOD + b" " * (64 << 20))),
    "an end as text": _says(exp="soon"),
    "an end that is true": _says(exp=True),
    "an end in a list": _says(exp=[4e9]),
    "over": _says(exp=1),
    "for renewing": _says(typ="Refresh", scope="email"),
    "for renewing offline": _says(typ="Offline"),
    "for renewing, in another's words": http_answer(
        "200 OK", JSON, body=b'{"active": true, "token_use": "refresh_token"}'
    ),
    "for renewing, in a word of its own": http_answer(
        "200 OK", JSON, body=b'{"active": true, "token_type": "refresh_token"}'
    ),
    "not yet": _says(nbf=4_000_000_000),
}


@pytest.fixture
async def issuer() -> AsyncIterator[RawHttp]:
    one = RawHttp()
    await one.start()
    yield one
    await one.stop()


def _check(issuer: RawHttp, clock: Clock, **fields: object) -> tuple[Checker, Tools]:
    tools = Tools(clock, ticks=clock, guard=LOCAL)
    return checker(Introspection(f"http://127.0.0.1:{issuer.port}/ask", **fields), tools), tools


async def _ask(one: Checker, token: str) -> Answer:
    return await asked(one, {"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", ANSWERS)
async def test_a28_an_odd_answer_lets_nobody_in(issuer: RawHttp, name: str) -> None:
    one, tools = _check(issuer, Clock())
    issuer.says = ANSWERS[name]
    for token in ("a", "a", "b"):
        answer = await _ask(one, token)
        assert not isinstance(answer, Allowed), name
        assert answer.status == 401
    assert not any(heard.split()[1] == "/there" for heard in issuer.heard), "the token is shown to nobody else"
    issuer.says = http_answer("200 OK", JSON, body=GOOD)
    assert isinstance(await _ask(one, "c"), Allowed)
    await one.close()
    await tools.close()


async def test_a28_a_token_that_is_revoked_counts_as_long_as_is_said_and_no_longer(issuer: RawHttp) -> None:
    """Also while the issuer fails; what another token, or another policy, is worth is not known by that."""
    clock = Clock()
    one, tools = _check(issuer, clock, cache=60)
    other, more = _check(issuer, clock, cache=60, scopes=("admin",))
    issuer.says = http_answer("200 OK", JSON, body=GOOD)
    assert isinstance(await _ask(one, "token"), Allowed)
    issuer.says = http_answer("200 OK", JSON, body=b'{"active": false}')
    for near in ("toke", "token1", "Token", "token=", "oken"):
        assert not isinstance(await _ask(one, near), Allowed), near
    assert not isinstance(await _ask(other, "token"), Allowed)
    clock.now += 59
    assert isinstance(await _ask(one, "token"), Allowed), "that is told in the docs"
    issuer.says = http_answer("503 No")
    assert isinstance(await _ask(one, "token"), Allowed)
    clock.now += 2
    assert not isinstance(await _ask(one, "token"), Allowed)
    for checker_, tools_ in ((one, tools), (other, more)):
        await checker_.close()
        await tools_.close()
