"""CORS: what a browser is told, before and with its request (HTTPCORSFilter; WHATWG Fetch)."""

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import exact, gateway, listener, prefix, route, rule, use
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOP = "https://shop.example"
ALLOW = "access-control-allow-"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    strict = use(
        "CORS",
        allowOrigins=[SHOP, "https://*.apps.example", "http://local.example:3000", "http://*.ports.example:81"],
        allowMethods=["GET", "PUT"],
        allowHeaders=["X-One", "x-two"],
        exposeHeaders=["x-shown", "x-told"],
        allowCredentials=True,
        maxAge=600,
    )
    every = {"allowOrigins": ["*"], "allowMethods": ["*"], "allowHeaders": ["*"], "exposeHeaders": ["*"]}
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "route.yaml",
        route(
            "cors",
            rule(prefix("/strict"), to="a", filters=[strict]),
            rule(prefix("/any"), to="a", filters=[use("CORS", **every)]),
            rule(prefix("/any-with"), to="a", filters=[use("CORS", **every, allowCredentials=True)]),
            rule(prefix("/origin"), to="a", filters=[use("CORS", allowOrigins=["*"], allowMethods=["PUT"])]),
            rule(prefix("/plain"), to="a"),
            # Matched by its method: the preflight belongs to it all the same.
            rule(exact("/method", method="PUT"), to="a", filters=[strict]),
            rule(exact("/method", method="GET"), to="b"),
        ),
    )
    await shared.start()


async def preflight(world: World, path: str, origin: str = SHOP, method: str = "PUT", headers: str = "") -> Answer:
    asked = {"origin": origin, "access-control-request-method": method}
    if headers:
        asked["access-control-request-headers"] = headers
    return await world.ask(path, "OPTIONS", headers=asked)


def names(value: str) -> list[str]:
    return sorted(one.strip() for one in value.split(","))


ORIGINS = [
    (SHOP, True),
    ("https://one.apps.example", True),
    ("https://deep.down.apps.example", True),
    ("https://apps.example", False),
    ("https://evilapps.example", False),
    ("https://one.apps.example.evil.example", False),
    ("https://oneXapps.example", False),
    ("http://shop.example", False),
    ("https://shop.example:444", False),
    ("https://shop.example.evil.example", False),
    ("http://local.example:3000", True),
    ("http://local.example", False),
    ("http://x.ports.example:81", True),
    ("http://x.ports.example:82", False),
    ("null", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
async def test_origins(shared: World, origin: str, allowed: bool) -> None:
    before = await preflight(shared, "/strict", origin)
    assert before.status == (200 if allowed else 403)
    assert before.backend == "", "a preflight never reaches the backend"
    request = await shared.ask("/strict", headers={"origin": origin})
    assert request.backend == "a"
    for got in (before, request):
        assert got.headers.get(f"{ALLOW}origin") == (origin if allowed else None)
        assert got.headers.get(f"{ALLOW}credentials") == ("true" if allowed else None)
    if not allowed:
        assert not [name for name in before.headers if name.startswith("access-control-")]


async def test_a_preflight_is_told_everything(shared: World) -> None:
    got = await preflight(shared, "/strict", headers="x-one, x-two")
    assert names(got.headers[f"{ALLOW}methods"]) == ["GET", "PUT"]
    assert names(got.headers[f"{ALLOW}headers"].lower()) == ["x-one", "x-two"]
    assert names(got.headers["access-control-expose-headers"]) == ["x-shown", "x-told"]
    assert got.headers["access-control-max-age"] == "600"


async def test_a_request_is_told_what_it_may_show(shared: World) -> None:
    got = await shared.ask("/strict", headers={"origin": SHOP})
    assert names(got.headers["access-control-expose-headers"]) == ["x-shown", "x-told"]


async def test_the_default_of_max_age_is_5(shared: World) -> None:
    assert (await preflight(shared, "/origin")).headers["access-control-max-age"] == "5"


@pytest.mark.parametrize("origin", ["https://other.example", "https://other.example:12345"])
async def test_any_origin_without_credentials(shared: World, origin: str) -> None:
    before = await preflight(shared, "/origin", origin)
    request = await shared.ask("/origin", "PUT", headers={"origin": origin})
    for got in (before, request):
        assert got.headers[f"{ALLOW}origin"] in (origin, "*")
        assert f"{ALLOW}credentials" not in got.headers
    assert before.headers[f"{ALLOW}methods"] == "PUT"


async def test_anything_without_credentials(shared: World) -> None:
    got = await preflight(shared, "/any", headers="x-one, x-two")
    assert got.headers[f"{ALLOW}origin"] in (SHOP, "*")
    assert got.headers[f"{ALLOW}methods"] in ("PUT", "*")
    assert names(got.headers[f"{ALLOW}headers"]) in (["x-one", "x-two"], ["*"])
    assert f"{ALLOW}credentials" not in got.headers


async def test_with_credentials_a_star_becomes_what_was_asked_for(shared: World) -> None:
    """A browser takes `*` for a name when credentials are sent."""
    got = await preflight(shared, "/any-with", "https://other.example:8443", "PUT", "x-one, x-two")
    assert got.headers[f"{ALLOW}origin"] == "https://other.example:8443"
    assert got.headers[f"{ALLOW}methods"] == "PUT"
    assert names(got.headers[f"{ALLOW}headers"]) == ["x-one", "x-two"]
    assert got.headers[f"{ALLOW}credentials"] == "true"
    assert got.headers.get("access-control-expose-headers") != "*"


async def test_with_credentials_nothing_is_told_that_was_not_asked_for(shared: World) -> None:
    got = await preflight(shared, "/any-with", "https://other.example", "PUT")
    assert f"{ALLOW}headers" not in got.headers
    request = await shared.ask("/any-with", headers={"origin": "https://other.example"})
    assert request.headers[f"{ALLOW}origin"] == "https://other.example"
    assert request.headers[f"{ALLOW}credentials"] == "true"
    assert request.headers.get("access-control-expose-headers") != "*"
    assert f"{ALLOW}methods" not in request.headers


async def test_a_preflight_belongs_to_the_rule_of_the_method_it_asks_for(shared: World) -> None:
    assert (await preflight(shared, "/method")).headers[f"{ALLOW}origin"] == SHOP
    other = await preflight(shared, "/method", method="GET")
    assert f"{ALLOW}origin" not in other.headers
    assert (await shared.ask("/method", "PUT", headers={"origin": SHOP})).headers[f"{ALLOW}origin"] == SHOP
    assert f"{ALLOW}origin" not in (await shared.ask("/method", headers={"origin": SHOP})).headers


async def test_an_options_request_that_is_no_preflight_reaches_the_backend(shared: World) -> None:
    assert (await shared.ask("/strict", "OPTIONS")).backend == "a"
    assert (await shared.ask("/strict", "OPTIONS", headers={"origin": SHOP})).backend == "a"


async def test_without_the_filter_nothing_is_said(shared: World) -> None:
    got = await preflight(shared, "/plain")
    assert got.backend == "a"
    assert not [name for name in got.headers if name.startswith("access-control-")]
