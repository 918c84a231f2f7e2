"""A9: an Upstream that a tenant writes is no way to have the control plane ask for functions where only it may ask."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from daemun.base.guard import LOOPBACK, Guard
from daemun.ir.discovered import Documents, Lambdas, Question, Reflection
from daemun.sources.functions.asking import asking
from daemun.sources.functions.failure import AskError
from support.servers.sites import serve
from support.standins.petstore import DOCUMENT

OPEN = Guard.of(*LOOPBACK)
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{', '.join([f'*{chr(97 + at)}'] * 10)}]\n" for at in range(9)
)
"""A document in YAML of which a reader without bounds would make a billion texts."""

LAYERS: dict[str, Any] = {
    "openapi": "3.0.0",
    "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/layers/0"}}}}}}},
    "layers": {
        **{str(at): {"allOf": [{"$ref": f"#/layers/{at + 1}"}] * 10} for at in range(8)},
        "8": {"properties": {"a": {"type": "string"}}},
    },
}
"""A document whose schema has a field that a reader without bounds would look at a hundred million times."""
SHARED: dict[str, Any] = {
    "openapi": "3.0.0",
    "paths": {f"/{at}": {"$ref": "#/item"} for at in range(900)},
    "item": {"parameters": [{"in": "query", "name": f"p{at}"} for at in range(1000)], "get": {"operationId": "same"}},
}
"""A document whose paths are all of one item, which is large."""


@contextlib.asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[int]:
    """A tenant's server; where it is."""
    async with serve(answer) as site:
        yield site.port


def documents(port: int) -> Documents:
    return Documents((f"http://127.0.0.1:{port}",), ("/swagger.json",))


@pytest.mark.parametrize("kind", ["documents", "lambdas", "reflection", "by-name"])
async def test_a9_functions_are_asked_for_nowhere_on_the_gateways_own_machine(kind: str) -> None:
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response(DOCUMENT)

    async with server(answer) as port:
        questions: dict[str, Question] = {
            "documents": documents(port),
            "by-name": Documents((f"http://localhost:{port}",), ("/swagger.json",)),
            "lambdas": Lambdas(f"http://127.0.0.1:{port}", "eu-central-1", "AKIAEXAMPLE", "s"),
            "reflection": Reflection((("127.0.0.1", port),)),
        }
        with pytest.raises(AskError, match="this machine's own"):
            await asking(questions[kind], Guard())()
        assert not heard
        # The same, where it is allowed: so it would have been heard.
        await asking(documents(port), OPEN)()
        assert heard


@pytest.mark.parametrize("target", ["http://localhost:{}/x", "http://169.254.169.254/", "file:///etc/passwd"])
async def test_a9_a_document_is_not_followed_elsewhere(target: str) -> None:
    heard: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response(status=302, headers={"Location": target.format(request.url.port)})

    async with server(answer) as port:
        with pytest.raises(AskError):
            await asking(documents(port), OPEN)()
    assert heard == ["/swagger.json"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b" " * (5 << 20), "more than 4194304 bytes"),
        (BOMB.encode(), "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        (b"\xff\xfe", "cannot be used"),
        (b"!!python/object/apply:os.system [ls]", "cannot be used"),
        (
            json.dumps({"swagger": "2.0", "paths": {f"/{at}": {"get": {}} for at in range(2000)}}).encode(),
            "more than 1000",
        ),
        (json.dumps({"swagger": "2.0", "paths": 1}).encode(), "it has no paths"),
        (json.dumps(LAYERS).encode(), "too much"),
        (json.dumps(SHARED).encode(), "too much"),
    ],
)
async def test_a9_a_document_is_bounded_and_no_more_than_data(body: bytes, why: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async with server(answer) as port:
        with pytest.raises(AskError, match=why):
            await asking(documents(port), OPEN)()


async def test_a9_what_a_document_says_becomes_no_template_of_its_own() -> None:
    """Names that are more than names are left out: what is between braces could read the environment."""
    hostile = {
        "swagger": "2.0",
        "basePath": '/{{ env("HOSTNAME") }}',
        "paths": {
            '/{{ env("HOSTNAME") }}': {"get": {"operationId": "a"}},
            "/x/{id{% set y = 1 %}}": {"get": {"operationId": "b"}},
            "/{# comment #}": {"get": {"operationId": "c"}},
            "/ok": {
                "get": {"operationId": "d", "parameters": [{"in": "query", "name": 'q")}}{{ env("X'}]},
                "post": {
                    "operationId": "e",
                    "parameters": [{"in": "body", "name": "b", "schema": {"properties": {'"}}{{ env("X': {}}}}],
                },
            },
            "/self": {"get": {"$ref": "#/paths/~1self/get", "operationId": "f"}},
        },
    }

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(hostile)

    async with server(answer) as port:
        found = json.loads(await asking(documents(port), OPEN)())
    assert found.keys() == {"d", "e", "f"}
    assert "env" not in json.dumps(found)
    assert found["d"]["headers"][":path"] == {"text": "/ok"}
    assert "body" not in found["e"]
