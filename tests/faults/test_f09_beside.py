"""F9 and F10: who starts beside a proxy that refuses something has at once what that one has, and hears of a mend."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.clients.client import Answer, ask
from support.envoys.siblings import Sibling, siblings
from support.objects.certificates import authority
from support.objects.documents import Doc, exact, gateway, listener, route, rule
from support.scenes.rejected import CLUSTERS, ENDPOINTS, LISTENERS, SECRETS
from support.scenes.tenants import CULPRIT, Tenants, tenants_at_peace
from support.scenes.world import Load, World, load, until

PROXY = "default/gw"
UNKNOWN = "%NO_SUCH_VARIABLE(x)%"
"""Which variables there are Envoy knows alone."""
HOST = "host.example"


def _option(value: str) -> Doc:
    """A RouteOption of the route `bad`: it adds a header."""
    meta = {"name": "option", "namespace": "default"}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "bad"}
    header = {"header": {"key": "x-added", "value": value}}
    spec = {"targetRefs": [target], "options": {"headerManipulation": {"responseHeadersToAdd": [header]}}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": meta, "spec": spec}


def _synced(world: World, streams: int) -> bool:
    assert world.app is not None
    proxy = world.app.plane.xds._proxies[PROXY]
    return len(proxy._sessions) == streams and proxy.synced()


async def _serves(one: Sibling, count: int) -> None:
    """Wait until it has answered so often from now on."""
    before = (await one.answers()).get("2xx", 0)

    async def enough() -> bool:
        return (await one.answers()).get("2xx", 0) >= before + count

    await until(enough, 30)


@contextlib.asynccontextmanager
async def _asked(world: World, *paths: str) -> AsyncIterator[dict[str, Load]]:
    async with contextlib.AsyncExitStack() as stack:
        yield {
            path: await stack.enter_async_context(load(lambda path=path: world.ask(path, host=HOST))) for path in paths
        }


def _backends(asked: Load) -> set[str]:
    assert asked.failed() == []
    return {one.backend for one in asked.answers if isinstance(one, Answer)}


@pytest.mark.parametrize("hosts", [[HOST], []], ids=["exact", "any"])
async def test_f09_one_that_starts_serves_the_last_good_of_a_route_at_its_first_answer(
    world: World, hosts: list[str]
) -> None:
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("good.yaml", *(route(f"good-{n}", rule(exact(f"/good-{n}"), to="a"), hosts=hosts) for n in range(8)))
    world.write("bad.yaml", route("bad", rule(exact("/bad"), to="a"), hosts=hosts), _option("5"))
    await world.start(shared_host=False)
    world.write("bad.yaml", route("bad", rule(exact("/bad"), to="b"), hosts=hosts), _option(UNKNOWN))
    problem = await world.problem("rejected it", "RouteOption default/option spec", "NO_SUCH_VARIABLE")
    await until(lambda: _synced(world, 1))
    async with siblings(world, count=2) as (one, other):
        async with _asked(world, "/bad", "/good-0") as asked:
            await until(lambda: _synced(world, 3))
            for sibling in (one, other):
                await _serves(sibling, 20)
        assert _backends(asked["/bad"]) == _backends(asked["/good-0"]) == {"a"}
        for sibling in (one, other):
            assert set((await sibling.answers()).items()) >= {("4xx", 0), ("5xx", 0)}
        world.write("bad.yaml", route("bad", rule(exact("/bad"), to="b"), hosts=hosts), _option("5"))
        await world.solved(problem)
        await until(lambda: _synced(world, 3))
        async with _asked(world, "/bad") as asked:
            for sibling in (one, other):
                await _serves(sibling, 20)
        assert _backends(asked["/bad"]) == {"b"}


BAD = {
    "a cluster": CLUSTERS["ciphers that do not exist"],
    "its endpoints": ENDPOINTS["an address that is none"],
    "a listener": LISTENERS["no certificates"],
    "a secret": SECRETS["a key that is another's"],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants() -> AsyncIterator[Tenants]:
    async with tenants_at_peace(shared_host=False) as made:
        yield made


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", BAD)
async def test_f09_one_that_starts_serves_the_last_good_of_whatever_is_rejected(tenants: Tenants, kind: str) -> None:
    """Asked over TLS: the listener, its certificate, the route's cluster and its endpoints are all needed."""
    world = tenants.world
    tls = authority().client()
    await until(lambda: _synced(world, 1))
    tenants.point("culprit", "secure-a")
    await until(lambda: tenants.by("secure-a", "/culprit"))
    shown = await tenants.shown(CULPRIT)

    async def asked() -> Answer:
        return await ask(tenants.ports[CULPRIT], "/culprit", tls=tls, sni=CULPRIT, host=CULPRIT)

    tenants.spoil(BAD[kind])
    problem = await tenants.told(BAD[kind])
    await until(lambda: _synced(world, 1))
    async with siblings(world) as (one,):
        async with load(asked) as asking:
            await until(lambda: _synced(world, 2))
            await _serves(one, 20)
        assert _backends(asking) == {"secure-a"}
        assert set((await one.answers()).items()) >= {("4xx", 0), ("5xx", 0)}
        for _ in range(10):
            assert await tenants.shown(CULPRIT) == shown
        await tenants.others_go_on()
        tenants.point("culprit", "secure-b")
        certificate = tenants.certify("culprit")
        await tenants.mended(problem, lambda: tenants.shows(CULPRIT, certificate))
        await until(lambda: _synced(world, 2))
        async with load(asked) as asking:
            await _serves(one, 20)
        assert _backends(asking) == {"secure-b"}
