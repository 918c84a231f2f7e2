"""F17: what a proxy says, or what it is told, is swallowed on the way, while its connection stands.

It passes when the proxy has another connection by itself, and on that what it missed; nobody else notices.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemun.provision import binary
from daemun.provision.bootstrap import XDS_CLUSTER, bootstrap
from daemun.serve import server
from daemun.xds.silence import SILENCE
from support.objects.documents import exact, gateway, listener, route, rule
from support.scenes.world import World, until
from support.servers.swallower import Swallower

PROXY = "default/gw"
QUICK = {"grpc.keepalive_time_ms": 2_000, "grpc.keepalive_timeout_ms": 5_000}
"""The server's pings, so that nobody waits for long. Envoy's are made as quick."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    options = [(name, QUICK.get(name, value)) for name, value in server._OPTIONS]
    assert dict(options) != dict(server._OPTIONS)
    monkeypatch.setattr(server, "_OPTIONS", options)


@contextlib.asynccontextmanager
async def _swallowed(world: World) -> AsyncIterator[Swallower]:
    """A Gateway with two Envoys; between the second one and the control plane is somebody."""
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(exact("/"), to="a")))
    await world.start(shared_host=False)
    assert world.app is not None
    (token,) = world.app.proxies.tokens()
    between = await Swallower(str(world.app._xds_socket)).start_at(str(world.base / "between.sock"))
    config = json.loads(bootstrap(PROXY, token, str(world.base / "between.sock"), str(world.base / "a.sock"), 0, 1000))
    _hurry(config)
    (world.base / "second.json").write_text(json.dumps(config))
    process = await _envoy(world.base / "second.json")
    try:
        await until(lambda: between.open == 1)
        await until(lambda: _sessions(world) == 2 and _synced(world))
        yield between
    finally:
        process.kill()
        await process.wait()
        await between.stop()


def _hurry(config: dict[str, Any]) -> None:
    [options] = [
        one["typed_extension_protocol_options"]
        for one in config["static_resources"]["clusters"]
        if one["name"] == XDS_CLUSTER
    ]
    [http] = options.values()
    http["explicit_http_config"]["http2_protocol_options"]["connection_keepalive"] = {"interval": "2s", "timeout": "5s"}


async def _envoy(config: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(str(binary.find()), "-c", str(config), "--disable-hot-restart", "--concurrency", "1", "-l", "off")
    )


def _sessions(world: World) -> int:
    assert world.app is not None
    return len(world.app.plane.xds._proxies[PROXY]._sessions)


def _synced(world: World) -> bool:
    assert world.app is not None
    return world.app.plane.xds.synced(PROXY)


@pytest.mark.parametrize(
    ("said", "heard"), [(True, False), (False, True), (True, True)], ids=["what it says", "what it is told", "both"]
)
@pytest.mark.parametrize("ended", [False, True], ids=["before its stream is ended", "and its stream is ended"])
async def test_f17_what_is_swallowed(
    world: World, quick: None, caplog: pytest.LogCaptureFixture, said: bool, heard: bool, ended: bool
) -> None:
    async with _swallowed(world) as between:
        assert world.app is not None
        xds = world.app.plane.xds
        between.swallow(said=said, heard=heard)
        world.write("route.yaml", route("r", rule(exact("/"), to="b")))
        await world.answered_by("b")
        await until(lambda: sum(one.synced() for one in xds._proxies[PROXY]._sessions) == 1)
        if ended:
            clock = xds._clock
            xds._clock = lambda: clock() + SILENCE
            for wake in xds._proxies[PROXY]._sessions.values():
                wake()
        await until(lambda: xds.counts.opened >= 3 and _sessions(world) == 2 and _synced(world))
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
