"""F6: the control plane is killed at any moment while it brings many changed routes to its proxy.

It passes when a steady client has no failed request, and when in the end the proxy has, to the last byte, what it has
when nobody was ever killed. The points lie evenly in the time that one push takes, from the change of the files until
all is served. DAEMUN_KILL_POINTS and DAEMUN_KILL_ROUTES make more of it: 50 and 10,000 take a quarter of an hour.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from daemun.provision import admin
from support.objects.documents import exact, gateway, listener, route, rule
from support.scenes.stage import Stage
from support.scenes.world import load, until

POINTS = int(os.environ.get("DAEMUN_KILL_POINTS", "10"))
ROUTES = int(os.environ.get("DAEMUN_KILL_ROUTES", "500"))
FILES = 5
SECONDS = 300.0
LINGER = ("--linger", "300")
_CHANGES_BY_ITSELF = {"last_updated", "version_info", "last_update_attempt"}


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    one = Stage()
    try:
        await one.echo("a")
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        one.write("route.yaml", route("steady", rule(to="a"), hosts=["steady.example.com"]))
        yield one
    finally:
        await one.strike()


def push(stage: Stage, turn: int) -> None:
    """All routes change: what they match, where one of three goes, and the last of each file comes or goes."""
    for file in range(FILES):
        each = ROUTES // FILES
        stage.write(
            f"many-{file}.yaml",
            *(
                route(
                    f"r-{file}-{number}",
                    rule(exact(f"/{turn}"), to="a"),
                    rule(exact("/other"), to="a" if (turn + number) % 3 else "missing"),
                    hosts=[f"h{number}-{file}.example.com"],
                )
                for number in range(each - turn % 2)
            ),
        )


async def served(stage: Stage, turn: int, seconds: float) -> None:
    """Wait until some routes of each file are served as they were pushed last."""
    for number in (0, ROUTES // FILES // 2, ROUTES // FILES - 2):
        for file in range(FILES):
            await stage.answers(200, f"/{turn}", host=f"h{number}-{file}.example.com", seconds=seconds)


async def configuration(stage: Stage) -> dict[str, Any]:
    """What the proxy has, but for what is of its own run."""
    [socket] = (stage.base / "x").rglob("admin.sock")
    text = await admin.request(str(socket), "/config_dump?include_eds", seconds=300)
    found: dict[str, Any] = {}
    for section in json.loads(text)["configs"]:
        kind = section.pop("@type").rpartition(".")[2]
        if kind != "BootstrapConfigDump":
            found[kind] = plain(section)
    return found


def plain(value: Any) -> Any:
    """Without times and numbers of responses, and in an order of its own where Envoy has none."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in _CHANGES_BY_ITSELF}
    if isinstance(value, list):
        inner = [plain(one) for one in value]
        named = all(isinstance(one, dict) and len(json.dumps(one)) > 100 for one in inner)
        return sorted(inner, key=lambda one: json.dumps(one, sort_keys=True)) if named else inner
    return value


@pytest.mark.timeout(3600)
async def test_killed_at_any_moment_of_a_push_its_proxy_serves_on_and_gets_the_same(stage: Stage) -> None:
    async def ask() -> Any:
        return await stage.ask(host="steady.example.com")

    last = POINTS + 1
    push(stage, last)
    await stage.up(seconds=SECONDS)
    await served(stage, last, SECONDS)
    uninterrupted = await configuration(stage)
    assert len(json.dumps(uninterrupted)) > 200 * ROUTES
    await stage.down()

    push(stage, 0)
    command = await stage.up(*LINGER, seconds=SECONDS)
    await served(stage, 0, SECONDS)
    began = time.monotonic()
    push(stage, 1)
    await served(stage, 1, SECONDS)
    took = time.monotonic() - began
    async with load(ask) as steady:
        for point in range(POINTS):
            push(stage, point + 2)
            await asyncio.sleep(took * (point + 0.5) / POINTS)
            command.process.kill()
            await command.ended()
            await steady.more(10)
            command = await stage.up(*LINGER, seconds=SECONDS)
            await command.told(event="proxy", what="adopted")
            await served(stage, point + 2, SECONDS)
    assert steady.failed() == []

    async def the_same() -> bool:
        assert await configuration(stage) == uninterrupted
        return True

    await until(the_same, SECONDS)
