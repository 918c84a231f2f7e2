"""The real command in a process of its own: its output, signals, sudden death and succession."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import gateway, listener, route, rule
from support.scenes.stage import DAEMUN, Stage
from support.scenes.world import load, until


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    one = Stage()
    try:
        await one.echo("a", "b")
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        one.write("route.yaml", route("r", rule(to="a")))
        yield one
    finally:
        await one.strike()


async def test_its_lines(stage: Stage) -> None:
    command = await stage.up()
    told = await command.told(event="gateway", state="ready")
    assert told == {
        "event": "gateway",
        "namespace": "default",
        "name": "gw",
        "state": "ready",
        "urls": [f"http://127.0.0.1:{stage.port}"],
        "attachedRoutes": 1,
    }
    await command.told(event="route", kind="HTTPRoute", name="r", state="ready")
    stage.write("bad.yaml", "kind: ]\n")
    problem = await command.told(event="problem")
    assert problem["file"].endswith("bad.yaml")
    assert problem["line"] == 1
    (stage.folder / "bad.yaml").unlink()
    solved = await command.told(event="solved")
    assert solved["problem"]["file"] == problem["file"]
    (stage.folder / "route.yaml").unlink()
    await command.told(event="gone", object="HTTPRoute default/r")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_and_leaves_nothing(stage: Stage, number: signal.Signals) -> None:
    command = await stage.up()
    slow = asyncio.create_task(stage.ask("/?delay=1.5"))
    await until(lambda: stage.backends["a"].waiting)
    command.process.send_signal(number)
    await until(lambda: _refused(stage))
    assert not slow.done()
    assert (await slow).status == 200
    assert await command.ended() == 0
    await until(lambda: not stage.processes())


async def test_a_second_signal_does_not_wait(stage: Stage) -> None:
    command = await stage.up()
    slow = asyncio.create_task(stage.ask("/?delay=30", seconds=40))
    await until(lambda: stage.backends["a"].waiting)
    command.process.send_signal(signal.SIGTERM)
    await until(lambda: _refused(stage))
    command.process.send_signal(signal.SIGTERM)
    assert await command.ended(8) == 0
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await slow


async def _refused(stage: Stage) -> bool:
    try:
        await stage.ask()
    except OSError:
        return True
    return False


async def test_killed_its_proxies_serve_on_for_a_while_and_then_end(stage: Stage) -> None:
    command = await stage.up("--linger", "2")
    killed = time.monotonic()
    command.process.kill()
    await command.ended()
    async with load(stage.ask) as steady:
        await until(steady.failed)
        assert time.monotonic() - killed > 2
    await until(lambda: not stage.processes())
    assert await _refused(stage)


async def test_killed_and_started_again_nobody_notices(stage: Stage) -> None:
    command = await stage.up("--linger", "60")
    envoys = stage.processes()
    async with load(stage.ask) as steady:
        for _ in range(2):
            command.process.kill()
            await command.ended()
            await steady.more(30)
            command = await stage.up("--linger", "60")
            await command.told(event="proxy", what="adopted")
        stage.write("route.yaml", route("r", rule(to="b")))
        await stage.answered_by("b")
    assert steady.failed() == []
    assert len(stage.processes() & envoys) >= 1, "the Envoy is the one of the beginning"


async def test_a_second_one_takes_over(stage: Stage) -> None:
    first = await stage.up()
    async with load(stage.ask) as steady:
        second = await stage.up()
        assert await first.ended() == 0
        stage.write("route.yaml", route("r", rule(to="b")))
        await stage.answered_by("b")
    assert steady.failed() == []
    second.process.send_signal(signal.SIGTERM)
    assert await second.ended() == 0
    await until(lambda: not stage.processes())


async def test_a_broken_folder_is_served_from_what_was_good_at_the_last_start(stage: Stage) -> None:
    command = await stage.up()
    command.process.send_signal(signal.SIGTERM)
    await command.ended()
    stage.write("route.yaml", "kind: [")
    command = await stage.up()
    assert (await command.told(event="problem"))["file"].endswith("route.yaml")
    got: Answer = await stage.ask()
    assert got.backend == "a"


# The other commands: what they say, and what they end with.


async def run(*argv: str, env: dict[str, str] | None = None, seconds: float = 60) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a daemun command."""
    process = await asyncio.create_subprocess_exec(
        str(DAEMUN), *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env
    )
    async with asyncio.timeout(seconds):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_demo_proves_itself_and_ends(stage: Stage) -> None:
    code, out, _ = await run("demo", "--once", env=stage.env)
    assert code == 0
    assert "HTTP 200 OK" in out
    assert "HTTP 404 Not Found" in out
    await until(lambda: not stage.processes())


async def test_check_ends_with_0_when_all_is_well_and_with_1_when_not(stage: Stage) -> None:
    code, out, _ = await run("check", str(stage.folder))
    assert (code, "HTTPRoute default/r" in out, "ready" in out) == (0, True, True)
    stage.write("bad.yaml", route("bad", rule(to="missing")))
    code, out, _ = await run("check", str(stage.folder))
    assert code == 1
    assert "bad.yaml" in out
    assert "Service default/missing does not exist" in out
    code, out, _ = await run("check", str(stage.folder), "-o", "json")
    assert code == 1
    [problem] = [one for one in json.loads(out)["problems"] if not one["warning"]]
    assert (problem["code"], problem["object"]) == ("BackendNotFound", "HTTPRoute default/bad")


async def test_translate_shows_what_envoy_gets(stage: Stage) -> None:
    code, out, _ = await run("translate", str(stage.folder), "-o", "json")
    assert code == 0
    assert {one["type"] for one in json.loads(out)} >= {"Listener", "ScopedRouteConfiguration", "Cluster"}


@pytest.mark.parametrize("command", ["", "up", "check", "translate", "demo", "explain"])
async def test_help(command: str) -> None:
    code, out, err = await run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert "Usage: daemun" in out


@pytest.mark.parametrize("command", ["up", "check", "translate"])
async def test_a_path_that_does_not_exist(command: str, tmp_path: Path) -> None:
    code, out, err = await run(command, str(tmp_path / "nowhere"))
    assert (code, out) == (2, "")
    assert f"{tmp_path}/nowhere does not exist" in err.replace("\n", "")
    assert "Traceback" not in err


@pytest.mark.parametrize("argv", [["up"], ["up", ".", "-o", "xml"], ["check", ".", "--no-such"], ["nothing"]])
async def test_a_wrong_command_line_says_what_is_wrong(argv: list[str]) -> None:
    code, out, err = await run(*argv)
    assert (code, out) == (2, "")
    assert err
    assert "Traceback" not in err
