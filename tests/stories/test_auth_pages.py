"""Further pages of docs/auth, served as they stand: what Envoy does itself, and servers of somebody else's."""

import base64
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from test_auth_docs import DOCS, page, serve, try_out

from support.clients.checked import login
from support.scenes.world import World
from support.standins.checker import Checker


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.stop()


async def test_basic_auth(world: World) -> None:
    await serve(world, page("basic-auth", world.port))
    await world.answers(200, headers=login("ann", "secret"))
    await try_out(world, "basic-auth")
    assert (await world.ask(headers=login("ann", "other"))).status == 401


async def test_api_keys(world: World) -> None:
    await serve(world, page("api-keys", world.port))
    await world.answers(200, headers={"api-key": "N2YwMDIx"})
    await try_out(world, "api-keys")
    assert (await world.ask(headers={"api-key": "other"})).status == 401
    world.write("page.yaml", page("api-keys", world.port).replace("N2YwMDIx", "M2ZkMDIy"))
    await world.answers(200, headers={"api-key": "M2ZkMDIy"})
    assert (await world.ask(headers={"api-key": "N2YwMDIx"})).status == 401


async def test_jwt(world: World) -> None:
    await serve(world, page("jwt", world.port))
    await world.answers(200, headers=login("ann", "secret"))
    await try_out(world, "jwt")
    for said in ({"authorization": f"Bearer {_token(b'other')}"}, {}):
        assert (await world.ask(headers=said)).status == 401


async def test_policy(world: World) -> None:
    await serve(world, page("policy", world.port))
    ann, key = login("ann", "secret"), {"api-key": "N2YwMDIx"}
    good = {"authorization": f"Bearer {_token(b'secret-secret-secret-secret')}"}
    ways = {"/": ann, "/keys": key, "/tokens": good}
    await world.answers(200, headers=ann)
    await try_out(world, "policy")
    for path in ways:
        for at, headers in ways.items():
            assert (await world.ask(path, headers=headers)).status == (200 if path == at else 401), (path, at)
    assert world.condition("AuthPolicy", "keys", "Accepted")[:2] == ("True", "Accepted")
    text = (
        page("policy", world.port).replace("claims: {sub: ann}", "claims: {sub: bob}").replace("N2YwMDIx", "M2ZkMDIy")
    )
    world.write("page.yaml", text)
    await world.answers(403, "/tokens", headers=good)
    await world.answers(401, "/keys", headers=key)
    assert (await world.ask("/keys", headers={"api-key": "M2ZkMDIy"})).status == 200


async def test_custom_server(world: World) -> None:
    async with Checker() as server:
        text = page("custom-server", world.port)
        assert "port: 9001}" in text
        await serve(world, text.replace("port: 9001}", f"port: {server.port}}}"))
        server.good = {"open"}
        await world.answers(200, "/x?y", headers={"authorization": "open"})
        assert server.asked[-1] == "/check/x?y"
        got = await world.ask(headers={"authorization": "shut"})
        assert (got.status, got.headers["www-authenticate"]) == (401, "word")
    assert (await world.ask(headers={"authorization": "open"})).status == 403


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    assert [one.name for one in sorted(Path(DOCS).glob("*.md")) if f"({one.name})" not in index] == ["README.md"]


def _token(key: bytes) -> str:
    parts = [json.dumps(one).encode() for one in ({"alg": "HS256"}, {"iss": "example", "sub": "ann"})]
    said = b".".join(base64.urlsafe_b64encode(one).rstrip(b"=") for one in parts)
    return (said + b"." + base64.urlsafe_b64encode(hmac.digest(key, said, "sha256")).rstrip(b"=")).decode()
