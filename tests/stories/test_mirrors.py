"""Mirrors: copies of requests, all of them or a share; their answers are dropped."""

import math

import pytest
import pytest_asyncio

from support.objects.documents import backend, gateway, listener, prefix, reference, route, rule, use
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
REQUESTS = 300
SHARES = {"percent": ({"percent": 20}, 0.2), "fraction": ({"fraction": {"numerator": 1, "denominator": 2}}, 0.5)}


def _mirror(to: str, **share: object) -> dict:
    return use("RequestMirror", backendRef=reference(to, port=80), **share)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c", "d")
    change = use("RequestHeaderModifier", set=[{"name": "x-new", "value": "1"}], remove=["x-old"])
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "route.yaml",
        route(
            "mirrors",
            rule(prefix("/one"), to="a", filters=[_mirror("b"), change]),
            rule(prefix("/two"), to="a", filters=[_mirror("b"), _mirror("c"), change]),
            rule(prefix("/none"), to="a", filters=[_mirror("b", percent=0)]),
            *(rule(prefix(f"/{name}"), to="a", filters=[_mirror("b", **share)]) for name, (share, _) in SHARES.items()),
            # A mirror of one backend needs a route of its own.
            rule(prefix("/each"), to=[backend("a", 1, _mirror("c")), backend("d", 1)]),
        ),
    )
    shared.write("missing.yaml", route("missing", rule(prefix("/gone"), to="a", filters=[_mirror("nowhere")])))
    await shared.start(clean=False)


def _at(world: World, name: str, path: str) -> list[dict]:
    return [request for request in world.backends[name].requests if request["path"] == path]


async def test_one_mirror_sees_what_the_backend_sees(shared: World) -> None:
    got = await shared.ask("/one?q=1", "POST", body=b"text", headers={"x-old": "1", "x-kept": "2"})
    assert got.backend == "a"
    await until(lambda: _at(shared, "b", "/one?q=1"))
    [copy] = _at(shared, "b", "/one?q=1")
    assert (copy["method"], copy["body"], copy["host"]) == ("POST", "text", "test.example")
    assert dict(copy["headers"])["x-new"] == "1"
    assert "x-old" not in dict(copy["headers"])
    assert _at(shared, "c", "/one?q=1") == []


async def test_two_mirrors(shared: World) -> None:
    assert (await shared.ask("/two")).backend == "a"
    await until(lambda: _at(shared, "b", "/two") and _at(shared, "c", "/two"))
    assert len(_at(shared, "b", "/two")) == len(_at(shared, "c", "/two")) == 1


@pytest.mark.parametrize("name", SHARES)
async def test_a_share_is_mirrored(shared: World, name: str) -> None:
    for _ in range(REQUESTS):
        assert (await shared.ask(f"/{name}")).backend == "a"
    # What was sent last has arrived when a later request, which is always mirrored, has.
    await shared.ask(f"/one?after={name}")
    await until(lambda: _at(shared, "b", f"/one?after={name}"))
    share = SHARES[name][1]
    band = 3.5 * math.sqrt(REQUESTS * share * (1 - share))
    assert abs(len(_at(shared, "b", f"/{name}")) - REQUESTS * share) <= band


async def test_no_percent_is_no_mirror(shared: World) -> None:
    for _ in range(30):
        await shared.ask("/none")
    await shared.ask("/one?after=none")
    await until(lambda: _at(shared, "b", "/one?after=none"))
    assert _at(shared, "b", "/none") == []


async def test_requests_to_one_backend_are_mirrored(shared: World) -> None:
    answered = [(await shared.ask("/each")).backend for _ in range(60)]
    assert set(answered) == {"a", "d"}
    await until(lambda: len(_at(shared, "c", "/each")) == answered.count("a"))


async def test_a_mirror_that_does_not_exist_leaves_the_request_alone(shared: World) -> None:
    assert (await shared.ask("/gone")).backend == "a"
    assert shared.condition("HTTPRoute", "missing", "ResolvedRefs")[:2] == ("False", "BackendNotFound")
    problem = await shared.problem("nowhere does not exist")
    assert problem.file.endswith("missing.yaml")
