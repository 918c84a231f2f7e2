"""Rewrites: the path and host that the backend gets (the table of HTTPPathModifier)."""

import pytest
import pytest_asyncio

from support.objects.documents import backend, exact, gateway, listener, prefix, regex, route, rule, use
from support.objects.prefixes import PREFIXES
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    for at, (match, replacement, _, _) in enumerate(PREFIXES):
        new = {"type": "ReplacePrefixMatch", "replacePrefixMatch": replacement}
        name = f"prefix-{at}"
        shared.write(
            f"{name}.yaml",
            route(name, rule(prefix(match), to="a", filters=[use("URLRewrite", path=new)]), hosts=[f"p{at}.example"]),
        )
    full = {"type": "ReplaceFullPath", "replaceFullPath": "/new/place"}
    headers = use("RequestHeaderModifier", set=[{"name": "x-new", "value": "1"}])
    shared.write(
        "others.yaml",
        route(
            "others",
            rule(prefix("/full"), to="a", filters=[use("URLRewrite", path=full)]),
            rule(exact("/exact"), to="a", filters=[use("URLRewrite", path=full)]),
            rule(regex("/like/[a-z]+"), to="a", filters=[use("URLRewrite", path=full)]),
            rule(
                prefix("/slashes"),
                to="a",
                filters=[use("URLRewrite", path={"type": "ReplaceFullPath", "replaceFullPath": r"/a\1\\b"})],
            ),
            rule(prefix("/host"), to="a", filters=[use("URLRewrite", hostname="new.example")]),
            rule(prefix("/both"), to="a", filters=[use("URLRewrite", hostname="new.example", path=full), headers]),
            # Only a route of its own can give one backend another path: Envoy's weighted clusters cannot.
            rule(prefix("/each"), to=[backend("a", 1, use("URLRewrite", path=full)), backend("b", 1)]),
        ),
    )
    await shared.start()


@pytest.mark.parametrize("at", range(len(PREFIXES)), ids=[f"{m} by {r!r}: {p}" for m, r, p, _ in PREFIXES])
async def test_replace_prefix_match(shared: World, at: int) -> None:
    _, _, path, expected = PREFIXES[at]
    for query in ("", "?q=/foo&x=%2F"):
        got = await shared.ask(path + query, host=f"p{at}.example")
        assert got.seen["path"] == expected + query


@pytest.mark.parametrize("path", ["/full", "/full/", "/full/x/y", "/exact", "/like/this"])
async def test_replace_full_path_keeps_the_query(shared: World, path: str) -> None:
    assert (await shared.ask(path)).seen["path"] == "/new/place"
    assert (await shared.ask(f"{path}?a=/x&b=?")).seen["path"] == "/new/place?a=/x&b=?"


async def test_backslashes_in_a_new_path_are_plain_text(shared: World) -> None:
    assert (await shared.ask("/slashes/x")).seen["path"] == r"/a\1\\b"


async def test_hostname(shared: World) -> None:
    got = await shared.ask("/host/x", host="old.example")
    assert (got.seen["host"], got.seen["path"]) == ("new.example", "/host/x")


async def test_hostname_path_and_headers_together(shared: World) -> None:
    got = await shared.ask("/both/x?q=1")
    assert (got.seen["host"], got.seen["path"], got.sent("x-new")) == ("new.example", "/new/place?q=1", ["1"])


async def test_what_was_rewritten_is_not_told_to_the_backend(shared: World) -> None:
    got = await shared.ask("/both/x")
    assert [name for name, _ in got.seen["headers"] if name.startswith("x-envoy-original")] == []


async def test_one_backend_gets_another_path(shared: World) -> None:
    seen = set()
    for _ in range(60):
        got = await shared.ask("/each/x")
        seen.add((got.backend, got.seen["path"]))
    assert seen == {("a", "/new/place"), ("b", "/each/x")}
