"""Which rule a request meets: paths, headers, query parameters, methods, and who wins when several fit."""

import pytest
import pytest_asyncio

from support.objects.documents import exact, gateway, listener, prefix, regex, route, rule, values
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c", "d", "e", "f")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("paths.yaml", _paths())
    shared.write("values.yaml", _values())
    shared.write("precedence.yaml", *_precedence())
    await shared.start()


def _paths() -> dict:
    return route(
        "paths",
        rule(exact("/exact"), exact("/exact/two"), to="a"),
        rule(prefix("/shop"), to="b"),
        rule(prefix("/shop/cart/"), to="c"),
        rule(regex("/items/[0-9]+(/detail)?"), to="d"),
        rule(prefix("/CASE"), to="e"),
        hosts=["paths.example"],
    )


PATHS = [
    ("/exact", "a"),
    ("/exact?query=1", "a"),
    ("/exact/two", "a"),
    ("/exact/", "404"),
    ("/exac", "404"),
    ("/exact/three", "404"),
    ("/shop", "b"),
    ("/shop/", "b"),
    ("/shop/any/thing", "b"),
    ("/shop?x=/shop/cart", "b"),
    ("/shopping", "404"),
    ("/shop/cart", "c"),
    ("/shop/cart/", "c"),
    ("/shop/cart/1", "c"),
    ("/shop/carts", "b"),
    ("/items/7", "d"),
    ("/items/7?x=1", "d"),
    ("/items/77/detail", "d"),
    ("/items/x", "404"),
    ("/items/7/more", "404"),
    ("/before/items/7", "404"),
    ("/CASE/x", "e"),
    ("/case/x", "404"),
    ("/", "404"),
]


@pytest.mark.parametrize(("path", "expected"), PATHS)
async def test_paths(shared: World, path: str, expected: str) -> None:
    got = await shared.ask(path, host="paths.example")
    assert (got.backend or str(got.status)) == expected


def _values() -> dict:
    return route(
        "values",
        rule(prefix("/header", headers=values(version="one")), to="a"),
        rule(prefix("/header", headers=values(version="two", color="blue")), to="b"),
        rule(prefix("/header", headers=values("RegularExpression", version="v[0-9]+")), to="c"),
        rule(prefix("/query", queryParams=values(animal="whale")), to="a"),
        rule(prefix("/query", queryParams=values(animal="dolphin", color="blue")), to="b"),
        rule(prefix("/query", queryParams=values("RegularExpression", animal="sea-.*")), to="c"),
        rule(prefix("/method", method="POST"), to="a"),
        rule(prefix("/method", method="PATCH"), to="b"),
        rule(prefix("/all", method="PUT", headers=values(version="one"), queryParams=values(animal="whale")), to="d"),
        hosts=["values.example"],
    )


HEADERS = [
    ({"version": "one"}, "a"),
    ({"VERSION": "one"}, "a"),
    ({"version": "One"}, "404"),
    ({"version": "one "}, "a"),
    ({"version": "two", "color": "blue"}, "b"),
    ({"version": "two", "color": "red"}, "404"),
    ({"version": "two"}, "404"),
    ({"version": "v12"}, "c"),
    ({"version": "v12x"}, "404"),
    ({}, "404"),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
async def test_headers(shared: World, headers: dict[str, str], expected: str) -> None:
    got = await shared.ask("/header/x", host="values.example", headers=headers)
    assert (got.backend or str(got.status)) == expected


QUERIES = [
    ("animal=whale", "a"),
    ("animal=whale&other=1", "a"),
    ("animal=whales", "404"),
    ("Animal=whale", "404"),
    ("animal=dolphin&color=blue", "b"),
    ("color=blue&animal=dolphin", "b"),
    ("animal=dolphin", "404"),
    ("animal=sea-horse", "c"),
    ("animal=the-sea-horse", "404"),
    ("", "404"),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
async def test_query_parameters(shared: World, query: str, expected: str) -> None:
    got = await shared.ask(f"/query?{query}", host="values.example")
    assert (got.backend or str(got.status)) == expected


@pytest.mark.parametrize(("method", "expected"), [("POST", "a"), ("PATCH", "b"), ("GET", "404"), ("HEAD", "404")])
async def test_methods(shared: World, method: str, expected: str) -> None:
    got = await shared.ask("/method", method, host="values.example")
    assert (got.backend or str(got.status)) == expected


async def test_all_conditions_of_a_match_must_hold(shared: World) -> None:
    full = {"host": "values.example", "headers": {"version": "one"}}
    assert (await shared.ask("/all?animal=whale", "PUT", **full)).backend == "d"
    assert (await shared.ask("/all", "PUT", **full)).status == 404
    assert (await shared.ask("/all?animal=whale", "POST", **full)).status == 404
    assert (await shared.ask("/all?animal=whale", "PUT", host="values.example")).status == 404


def _precedence() -> list[dict]:
    """Listed so that the order in the file would give another answer."""
    wins = "wins.example"
    return [
        route(
            "within",
            rule(to="a"),
            rule(prefix("/p"), to="b"),
            rule(prefix("/p/long"), to="c"),
            rule(exact("/p/long"), to="d"),
            rule(prefix("/p", method="PUT"), to="e"),
            rule(prefix("/p", headers=values(x="1")), to="f"),
            hosts=[wins],
        ),
        route(
            "across",
            rule(prefix("/p/long/longer"), to="a"),
            rule(prefix("/p", headers=values(x="1", z="2")), to="d"),
            rule(prefix("/p", queryParams=values(q="1")), to="c"),
            rule(prefix("/p", headers=values(x="1"), queryParams=values(q="1")), to="e"),
            hosts=[wins],
        ),
        # Equal matches: the older route, then the name, then the first rule.
        route("a-younger", rule(prefix("/age"), to="a"), hosts=[wins], created="2024-02-01T00:00:00Z"),
        route("z-older", rule(prefix("/age"), to="b"), hosts=[wins], created="2024-01-01T00:00:00Z"),
        route("same-b", rule(prefix("/name"), to="a"), hosts=[wins], created="2024-01-01T00:00:00Z"),
        route("same-a", rule(prefix("/name"), to="b"), hosts=[wins], created="2024-01-01T00:00:00Z"),
        route("first", rule(prefix("/rule"), to="c"), rule(prefix("/rule"), to="d"), hosts=[wins]),
    ]


WINNERS = [
    ("GET", "/", {}, "a"),
    ("GET", "/p/x", {}, "b"),
    ("GET", "/p/long/x", {}, "c"),
    ("GET", "/p/long", {}, "d"),
    ("GET", "/p/long/longer/x", {}, "a"),
    ("PUT", "/p/x", {}, "e"),
    ("PUT", "/p/x", {"x": "1", "z": "2"}, "e"),
    ("PUT", "/p/long/x", {}, "c"),
    ("GET", "/p/x", {"x": "1"}, "f"),
    ("GET", "/p/x", {"x": "1", "z": "2"}, "d"),
    ("GET", "/p/x?q=1", {}, "c"),
    ("GET", "/p/x?q=1", {"x": "1"}, "e"),
    ("GET", "/p/x?q=1", {"x": "1", "z": "2"}, "d"),
    ("GET", "/age", {}, "b"),
    ("GET", "/name", {}, "b"),
    ("GET", "/rule", {}, "c"),
]


@pytest.mark.parametrize(("method", "path", "headers", "expected"), WINNERS)
async def test_precedence(shared: World, method: str, path: str, headers: dict[str, str], expected: str) -> None:
    got = await shared.ask(path, method, host="wins.example", headers=headers)
    assert got.backend == expected
