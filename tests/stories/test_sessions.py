"""Session persistence: a client stays with the endpoint that it first met (GEP-1619)."""

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import exact, gateway, listener, prefix, route, rule, service
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c")
    shared.write("all.yaml", service("all", *(shared.backends[name].port for name in "abc")))
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    permanent = {"cookieConfig": {"lifetimeType": "Permanent"}, "absoluteTimeout": "1h"}
    shared.write(
        "route.yaml",
        route(
            "sessions",
            rule(prefix("/cookie/"), to="all", sessionPersistence={}),
            rule(prefix("/named"), to="all", sessionPersistence={"sessionName": "basket"} | permanent),
            rule(exact("/exact"), to="all", sessionPersistence={}),
            rule(prefix("/header"), to="all", sessionPersistence={"type": "Header", "sessionName": "x-basket"}),
            rule(prefix("/none"), to="all"),
        ),
    )
    await shared.start()


def _cookie(got: Answer) -> tuple[str, list[str]]:
    """The cookie itself, and its attributes."""
    first, *attributes = got.headers["set-cookie"].split("; ")
    return first, attributes


async def _stays(world: World, path: str, headers: dict[str, str]) -> set[str]:
    return {(await world.ask(path, headers=headers)).backend for _ in range(20)}


async def test_without_it_a_client_goes_anywhere(shared: World) -> None:
    assert await _stays(shared, "/none", {}) == {"a", "b", "c"}
    assert await _stays(shared, "/cookie", {}) == {"a", "b", "c"}


@pytest.mark.parametrize("path", ["/cookie", "/cookie/deeper", "/named", "/exact"])
async def test_a_cookie_brings_the_client_back(shared: World, path: str) -> None:
    seen = set()
    for _ in range(12):
        first = await shared.ask(path)
        cookie, _ = _cookie(first)
        assert await _stays(shared, path, {"cookie": cookie}) == {first.backend}
        seen.add(first.backend)
    assert len(seen) > 1


async def test_the_cookies_name_path_and_lifetime(shared: World) -> None:
    cookie, attributes = _cookie(await shared.ask("/cookie"))
    assert cookie.startswith("daemun-session=")
    assert "Path=/cookie" in attributes, "and not /cookie/, which a browser would not send with /cookie"
    assert "HttpOnly" in attributes
    assert not [one for one in attributes if one.startswith("Max-Age")]
    cookie, attributes = _cookie(await shared.ask("/named"))
    assert cookie.startswith("basket=")
    assert "Max-Age=3600" in attributes


async def test_a_header_brings_the_client_back(shared: World) -> None:
    first = await shared.ask("/header")
    assert await _stays(shared, "/header", {"x-basket": first.headers["x-basket"]}) == {first.backend}


@pytest.mark.parametrize("value", ["nonsense", "", "MTI3LjAuMC4xOjE=", "x" * 2000])
async def test_a_forged_session_is_only_ignored(shared: World, value: str) -> None:
    assert (await shared.ask("/cookie", headers={"cookie": f"daemun-session={value}"})).status == 200
    assert (await shared.ask("/header", headers={"x-basket": value})).status == 200


async def test_when_its_endpoint_is_gone_the_client_moves(shared: World) -> None:
    first = await shared.ask("/cookie")
    cookie, _ = _cookie(first)
    left = [shared.backends[name].port for name in "abc" if name != first.backend]
    shared.write("all.yaml", service("all", *left))
    await shared.answered_by(
        next(name for name in "abc" if name != first.backend), "/cookie", headers={"cookie": cookie}
    )
