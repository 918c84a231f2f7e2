"""A cluster that is long in becoming warm: hosts that are asked for their health and keep silent."""

import asyncio
import time

import pytest

from support.objects.documents import Doc, gateway, hosts, listener, prefix, route, rule, service, to_upstream, upstream
from support.scenes.world import World, load, until

SILENCE = "600s"
"""How long hosts may keep silent: longer than anything else that a test waits for."""
LONG = 240.0
"""Seconds that who waits does so in some of these tests."""
SOON = 60.0
"""Seconds within which all that waits for nothing is there, however busy the machine is."""
STARTED = 60.0
"""Seconds within which Envoy has started on a busy machine; alone it takes about two."""


async def silent(world: World) -> int:
    """The port of a server that takes connections and says nothing."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)

    async def close() -> None:
        server.close()

    world.closing(close)
    return int(server.sockets[0].getsockname()[1])


def slow(port: int) -> list[Doc]:
    """An Upstream there, whose hosts are asked for their health, and a route to it."""
    check = {"timeout": SILENCE, "interval": SILENCE, "unhealthyThreshold": 1, "healthyThreshold": 1}
    to = rule(prefix("/"), to=[to_upstream("far/slow")])
    return [
        upstream("far/slow", static=hosts(port), healthChecks=[{**check, "httpHealthCheck": {"path": "/"}}]),
        route("far/slow", to, hosts=["slow.example"], parents=["default/gw"]),
    ]


@pytest.mark.asyncio
async def test_nobody_waits_for_hosts_that_do_not_say_whether_they_are_healthy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemun.serve.server.HOLD", LONG)
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port, namespaces="All")))
    for number in range(6):
        world.write(f"s{number}.yaml", service(f"s{number}", world.backends["ab"[number % 2]].port))
    world.write("route.yaml", route("r", rule(prefix("/"), to="a"), hosts=["r.example"]))
    world.write("leaves.yaml", route("leaves", rule(prefix("/"), to="b"), hosts=["leaves.example"]))
    await world.start()
    port = await silent(world)
    world.write("slow.yaml", *slow(port))
    assert world.app is not None
    await until(lambda: not world.app.plane.xds.synced("default/gw"))

    for number in range(6):
        world.write("route.yaml", route("r", rule(prefix("/"), to=f"s{number}"), hosts=["r.example"]))
        began = time.monotonic()
        await _until_by(world, "ab"[number % 2], began)
        assert time.monotonic() < began + SOON, "a route to a cluster that is new"
    (world.folder / "leaves.yaml").unlink()
    began = time.monotonic()
    await world.answers(404, host="leaves.example", seconds=SOON)

    world.write("slow.yaml", *slow(world.backends["a"].port))
    await world.answered_by("a", host="slow.example", seconds=SOON)
    await world.synced()


async def _until_by(world: World, backend: str, began: float) -> None:
    while (got := await world.ask(host="r.example")).backend != backend:
        assert got.status == 200, got
        assert time.monotonic() < began + SOON, got
        await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_a_proxy_that_starts_serves_though_hosts_keep_silent(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port, namespaces="All")))
    world.write("slow.yaml", *slow(await silent(world)))
    world.write("route.yaml", route("r", rule(prefix("/"), to="a"), hosts=["r.example"]))
    starting = asyncio.create_task(world.start(clean=False))
    await world.answered_by("a", host="r.example", seconds=STARTED)
    starting.cancel()
    await asyncio.wait([starting])


@pytest.mark.asyncio
async def test_a_new_host_of_which_some_routes_wait_does_not_hide_a_wildcard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemun.serve.server.HOLD", LONG)
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("all.yaml", route("all", rule(prefix("/"), to="a")))
    await world.start()
    check = {"timeout": SILENCE, "interval": SILENCE, "unhealthyThreshold": 1, "healthyThreshold": 1}
    healthy = [{**check, "httpHealthCheck": {"path": "/?delay=1"}}]
    late = rule(prefix("/late"), to=[to_upstream("late")])
    async with load(lambda: world.ask("/late", host="new.example")) as asking:
        world.write(
            "new.yaml",
            upstream("late", static=hosts(world.backends["b"].port), healthChecks=healthy),
            route("new", late, rule(prefix("/ready"), to="b"), hosts=["new.example"]),
        )
        await world.answered_by("b", "/late", host="new.example")
    assert asking.failed() == []
