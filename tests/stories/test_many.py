"""More and more hosts and routes until they are laid out otherwise, and fewer again: no request notices."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from daemun.ir.resource import SCOPE, encode
from support.clients.client import Answer, websocket
from support.objects.documents import exact, gateway, listener, prefix, regex, route, rule, service
from support.scenes.world import World, load, until
from support.worlds.crowds import thresholds

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOST = "crowd.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> AsyncIterator[None]:
    await shared.echo("a", "b", "c", "d")
    shared.write(
        "all.yaml",
        gateway("gw", listener(shared.port)),
        route("rest", rule(to="d")),
        route("wild", rule(to="a"), hosts=["*.w0.example.com"]),
        route(
            "one",
            rule(prefix("/one"), to="b"),
            rule(regex("/r[0-9]+"), to="c"),
            rule(exact("/ws"), to="b"),
            rule(prefix("/api"), to="d"),
            rule(prefix("/api/v1/"), to="a"),
            rule(regex("/api/v1/r[0-9]+"), to="b"),
            hosts=[HOST],
        ),
    )
    with thresholds(3, 3):
        await shared.start()
        yield


def _grow(world: World, many: int) -> None:
    """So many wildcards, and routes of one host and of any host, more."""
    wilds = [route(f"w{at}", rule(to="b"), hosts=[f"*.w{at}.example.com"]) for at in range(1, many + 1)]
    paths = [route(f"p{at}", rule(exact(f"/p{at}:x/y"), to="c"), hosts=[HOST]) for at in range(1, many + 1)]
    alike = [route(f"a{at}", rule(prefix(f"/api/v1/a{at}:x"), to="c"), hosts=[HOST]) for at in range(1, many + 1)]
    others = [route(f"o{at}", rule(exact(f"/o{at}"), to="a")) for at in range(1, many + 1)]
    world.write("more.yaml", *wilds, *paths, *alike, *others)


def _laid_out(world: World) -> tuple[bool, bool, bool]:
    """Whether wildcards are in a directory, routes in scopes by path, and those that begin alike by more of it."""
    assert world.app is not None
    resources = world.app.plane.translation.resources
    heads = [encode(value) for key, value in resources.items() if key.type_url == SCOPE and not key.part]
    looked_for = ("/~*", f"{HOST}/p", f"{HOST}/api/v1/a")
    wilds, paths, alike = (any(one.encode() in head for head in heads) for one in looked_for)
    return wilds, paths, alike


async def _ask(world: World) -> Answer:
    """A few requests; the answer of the last. Where one is not as it should be that is an error."""
    wanted = [
        ("/", "x.w0.example.com", "a"),
        ("/one/two?three", HOST, "b"),
        ("/r77", HOST.upper(), "c"),
        ("/api/v2?v1", HOST, "d"),
        ("/api/v1", HOST, "a"),
        ("/api/v1/other/a1", HOST.upper(), "a"),
        ("/api/v1/r5", HOST, "b"),
        ("/", "X.W0.example.com:80", "a"),
        ("/", "other.org", "d"),
    ]
    for path, host, backend in wanted:
        got = await world.ask(path, host=host)
        if got.backend != backend:
            raise OSError(f"{host}{path} was answered by {got.backend or got.status}")
    return got


@pytest.mark.parametrize("round_", range(3))
async def test_growing_and_shrinking(shared: World, round_: int) -> None:
    async with load(lambda: _ask(shared)) as steady:
        for many in (2, 8, 1, 3, 4, 0):
            _grow(shared, many)
            await until(lambda many=many: _laid_out(shared) == (many + 2 > 3, 2 * many + 1 > 3, many + 1 > 3))
            await shared.synced()
            if many:
                await shared.answered_by("b", host=f"x.W{many}.example.com")
                await shared.answered_by("c", f"/p{many}:x/y?q", host=HOST)
                await shared.answered_by("c", f"/p{many}:x/y?q", host=HOST.upper())
                await shared.answered_by("c", f"/api/v1/a{many}:x/y", host=HOST)
                await shared.answered_by("c", f"/api/v1/a{many}:x", host=HOST.upper())
                await shared.answered_by("a", f"/o{many}", host="other.org")
                upgraded, _ = await websocket(shared.port, "/ws", "hello", host=HOST)
                assert upgraded.status == 101
            assert (await shared.ask("/nothing", host=HOST)).status == 404
            assert (await shared.ask("/", host="*")).backend == "d"
    assert not [one for one in steady.answers if isinstance(one, Exception)], round_


async def test_growing_by_what_still_waits(shared: World) -> None:
    """What is laid out otherwise gives way to something else, not to what stays while a new backend is awaited."""
    port = shared.backends["b"].port

    def grow(many: int, name: str) -> None:
        wilds = [route(f"w{at}", rule(to=name), hosts=[f"*.w{at}.example.com"]) for at in range(1, many + 1)]
        shared.write("more.yaml", service(name, port), *wilds)

    async with load(lambda: _ask(shared)) as steady:
        for at, many in enumerate((8, 1, 8, 1)):
            grow(many, f"n{at}")
            await until(lambda many=many: _laid_out(shared)[0] == (many + 2 > 3))
            await shared.answered_by("b", host="x.w1.example.com")
            await shared.synced()
    assert not [one for one in steady.answers if isinstance(one, Exception)]
    assert shared.app is not None
    said = (await shared.app.proxies.admin_get("default/gw", "/stats?filter=scoped_rds.*update_rejected")).decode()
    assert said
    assert all(line.endswith(": 0") for line in said.splitlines()), said
