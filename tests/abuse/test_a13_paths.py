"""A13: routing, whoever guards a route, and the backend see the same path, however a client spells it."""

import asyncio
import random
from urllib.parse import unquote

import pytest
import pytest_asyncio

from support.clients.client import connection, exchange
from support.objects.documents import gateway, listener, prefix, route, rule, use
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATED = 5_000
_SEEDS = 20
_ELEMENTS = (
    *("admin", "Admin", "%61dmin", "adm%69n", "admin;x", "admin;/..", "a", "b", "public", "strip", ""),
    *(".", "..", "%2e", "%2E%2e", ".%2e", "..;", "...", "..%00", "%252e%252e", "..%c0%af", "%ef%bc%8e"),
    *("x%2f..", "x%2F..", "%5c..", "..%5cadmin", "..%2fadmin", "\\..", "..\\admin", "admin%20", "admin%09", "admin."),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """`/admin` is for its own backend; `/strip` hands on what comes after it; all else is open."""
    await shared.echo("open", "admin", "stripped")
    replace = use("URLRewrite", path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "route.yaml",
        route(
            "r",
            rule(prefix("/"), to="open"),
            rule(prefix("/admin"), to="admin"),
            rule(prefix("/strip"), to="stripped", filters=[replace]),
        ),
    )
    await shared.start()


@pytest.mark.parametrize("seed", range(_SEEDS))
async def test_no_spelling_gets_around_the_route_of_a_path(shared: World, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311 - the same paths each time
    paths = ["/" + "/".join(choose.choices(_ELEMENTS, k=choose.randint(1, 6))) for _ in range(GENERATED // _SEEDS)]
    by: dict[str, int] = {}
    async with asyncio.timeout(120):
        for path in paths:
            backend = await _ask(shared, path)
            by[backend] = by.get(backend, 0) + 1
    assert by["open"], "something gets through"
    assert by["admin"], "and something is guarded"


async def _ask(shared: World, path: str) -> str:
    async with connection(shared.port) as (reader, writer):
        got = await exchange(reader, writer, path, headers={"connection": "close"})
    if not got.backend:
        assert got.status in (307, 400, 404), (path, got)
        return ""
    seen = got.seen["path"]
    plain = _plain(seen)
    assert "//" not in seen or seen == "//", (path, seen)  # Envoy leaves two slashes of nothing but slashes
    assert not {".", ".."} & {unquote(one) for one in seen.split("/")}, (path, seen)
    assert "%2f" not in seen.lower(), (path, seen)
    assert "%5c" not in seen.lower(), (path, seen)
    if got.backend == "open":
        assert plain[:1] != ["admin"], (path, seen)
        assert plain[:1] != ["strip"], (path, seen)
    elif got.backend == "admin":
        assert plain[:1] == ["admin"], (path, seen)
    return got.backend


def _plain(path: str) -> list[str]:
    """The elements of a path as a server that decodes and resolves them would see them."""
    found: list[str] = []
    for one in unquote(path).replace("\\", "/").split("/"):
        if one == "..":
            del found[-1:]
        elif one not in ("", "."):
            found.append(one)
    return found
