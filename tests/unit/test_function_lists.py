"""Lists of AWS Lambda's functions: in pages, refused, throttled and without an end; and botocore's word on them."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from botocore.credentials import Credentials

from daemun.base.guard import LOOPBACK, Guard
from daemun.ir.discovered import Lambdas
from daemun.sources.functions.failure import AskError
from daemun.sources.functions.lambdas import LambdaList
from support.servers.moto import KEYS, REGION, ROLE, Moto
from support.servers.sites import serve
from support.standins.sts import fault

GUARD = Guard.of(*LOOPBACK)
Answer = Callable[[web.Request], web.Response]


@contextlib.asynccontextmanager
async def aws(answer: Answer) -> AsyncIterator[str]:
    """An AWS that answers everything so; where it is."""

    async def answering(request: web.Request) -> web.Response:
        return answer(request)

    async with serve(answering) as site:
        yield site.url


async def ask(url: str, guard: Guard = GUARD, **more: str) -> Any:
    return json.loads(await LambdaList(Lambdas(url, REGION, *KEYS.values(), **more), guard).ask())


def page(names: list[str], marker: str | None = None, version: str = "$LATEST") -> web.Response:
    functions = [{"FunctionName": one, "Version": version, "Runtime": "python3.11"} for one in names]
    return web.json_response({"Functions": functions, "NextMarker": marker})


async def test_motos_functions_in_all_versions_and_as_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    moto = await Moto().start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.address)
    try:
        await moto.function("shop", publish=True)
        await moto.function("login")
        found = await ask(moto.address)
        assert [(one["logicalName"], one["lambdaFunctionName"], one["qualifier"]) for one in found] == [
            ("login", "login", "$LATEST"),
            ("shop", "shop", "$LATEST"),
            ("shop:1", "shop", "1"),
        ]
        assert await ask(moto.address, role_arn=ROLE) == found
    finally:
        await moto.stop()


@pytest.mark.parametrize("token", ["", "of-a-session"])
async def test_pages_are_joined_and_signed_as_botocore_signs_them(token: str) -> None:
    told: list[str] = []

    def answer(request: web.Request) -> web.Response:
        url = f"http://{request.headers['Host']}{request.raw_path}"
        held = Credentials(*KEYS.values(), token or None)
        told.append(fault(held, "GET", url, request.headers, b"", "lambda", REGION))
        assert request.query["FunctionVersion"] == "ALL"
        if request.query.get("Marker") == "a/b+c=":
            return page(["b"], version="7")
        return page(["c", "a"], "a/b+c=")

    async with aws(answer) as url:
        found = await ask(url, session_token=token)
    assert [one["logicalName"] for one in found] == ["a", "b:7", "c"]
    assert told == ["", ""]


@pytest.mark.parametrize(
    ("response", "text", "after"),
    [
        (
            lambda: web.Response(status=403, headers={"x-amzn-errortype": "AccessDeniedException:http://x/"}),
            "AccessD",
            0,
        ),
        (lambda: web.Response(status=403, text="AKIAEXAMPLE"), "refuses ListFunctions: 403", 0),
        (lambda: web.Response(status=429, headers={"Retry-After": "7"}), "too much to do", 7),
        (lambda: web.Response(status=429), "too much to do", 5),
        (lambda: web.Response(status=503), "too much to do", 5),
        (lambda: web.Response(text="<html>"), "is not AWS Lambda", 0),
        (lambda: web.json_response({"Functions": 1}), "is not AWS Lambda", 0),
        (lambda: web.Response(body=b" " * (5 << 20)), "more than 4194304 bytes", 0),
        (lambda: web.Response(status=302, headers={"Location": "http://localhost/"}), "refuses ListFunctions: 302", 0),
        (lambda: page([], "more"), "more than 10000 functions", 0),
    ],
)
async def test_what_is_no_list(response: Callable[[], web.Response], text: str, after: float) -> None:
    async with aws(lambda _: response()) as url:
        with pytest.raises(AskError, match=text) as caught:
            await ask(url)
    assert caught.value.after == after
    assert "AKIAEXAMPLE" not in str(caught.value)


async def test_a_list_without_an_end_is_not_followed_for_ever() -> None:
    pages = iter(range(10_000))

    def answer(_: web.Request) -> web.Response:
        at = next(pages)
        return page([f"f{at}-{one}" for one in range(1000)], str(at))

    async with aws(answer) as url:
        with pytest.raises(AskError, match="more than 10000"):
            await ask(url)
    assert next(pages) == 11


async def test_addresses_that_nobody_may_reach_are_not_asked() -> None:
    async with aws(lambda _: page([])) as url:
        with pytest.raises(AskError, match="this machine's own"):
            await ask(url, Guard())
