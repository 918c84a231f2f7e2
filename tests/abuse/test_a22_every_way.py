"""A22: no secret is seen, in whichever way it is used and wherever one looks. Each has a marker of its own."""

import asyncio
import logging
import os
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from daemun.cli.main import app
from daemun.ir.resource import encode
from support.objects.auth import basic
from support.objects.leaks import MARKS, marker, scene, shown
from support.scenes.stage import Stage
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port

LOOKS = (
    *("check", "check -o json", "translate", "translate -o json", "tree", "tree -o json", "tree -o yaml"),
    "explain FOLDER GET http://any.example:PORT/oidc",
    "explain FOLDER GET http://any.example:PORT/header -o json",
    "diff FOLDER -f EMPTY",
    "diff EMPTY -f FOLDER -o json",
    *(f"policy r-{name} FOLDER -o {form}" for name in ("oidc", "header", "htpasswd") for form in ("text", "yaml")),
    *(
        f"get {what} -f FOLDER -o {form}"
        for what in ("gateways", "routes", "upstreams", "policies")
        for form in ("text", "wide", "yaml", "json")
    ),
    "get policy r-ldap -f FOLDER",
)
"""(`migrate` gives back whole manifests, as they are to be applied: that is what it is for.)"""


@pytest.mark.parametrize("words", LOOKS)
async def test_a22_no_command_shows_any_of_them(words: str, tmp_path: Path) -> None:
    folder, empty = tmp_path / "m", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    port = free_port()
    (folder / "all.json").write_bytes(_list(port))
    words = words if "FOLDER" in words else f"{words} FOLDER"
    places = {"FOLDER": str(folder), "EMPTY": str(empty)}
    argv = [places.get(one, one.replace("PORT", str(port))) for one in words.split()]
    result = await asyncio.to_thread(CliRunner().invoke, app, argv)
    assert result.exit_code in {0, 1}, result.output
    assert len(result.output) > 40, result.output
    assert not shown(result.output), "on standard output"
    assert not shown(result.stderr), "on standard error"


def _list(port: int) -> bytes:
    return msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": scene(port)})


def below(folder: Path) -> dict[str, set[str]]:
    """The files that show something."""
    found = {str(file): shown(file.read_bytes()) for file in folder.rglob("*") if file.is_file()}
    return {file: ways for file, ways in found.items() if ways}


async def ask_everything(world: World) -> str:
    """A request for every route, by somebody whom nobody knows, in some way; all that was answered."""
    answers = []
    ways = [one["metadata"]["name"].removeprefix("r-") for one in scene(world.port) if one["kind"] == "HTTPRoute"]
    asked = (
        {},
        basic("ann", "wrong"),
        {"api-key": "wrong"},
        {"authorization": "Bearer wrong"},
        {"cookie": "session=wrong; daemun-session=wrong", "authorization": 'Signature keyId="ann",signature="x"'},
    )
    for way in ways:
        paths = [(f"/{way}?code=x&state=y", headers) for headers in asked]
        for path, headers in (*paths, (f"/{way}/callback?code=x&state=y", {})):
            answers += [await world.ask(path, headers=headers, host="any.example")]
    return repr([one for one in answers if one.backend != "a"])


async def test_a22_nobody_who_looks_at_what_runs_sees_any_of_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with fresh() as world:
        await world.echo("a")
        world.write("all.json", _list(world.port).decode())
        await world.start(clean=False)
        assert world.app is not None
        await world.problem("Settings", "sources[0]", "does not answer")
        translation = world.app.plane.translation
        sent = (*translation.resources.values(), *translation.auth.chains.values())
        used = shown(b"".join(map(encode, sent)))
        assert used >= USED, f"these are nowhere: {USED - used}"
        answered = await ask_everything(world)
        assert not shown(answered), "in what is answered"
        said = msgspec.json.encode([str(one) for one in world.lines]).decode() + repr(world.lines)
        assert not shown(said), "in what `daemun up` tells"
        for name, told in (("statuses", translation.statuses), ("problems", translation.problems)):
            assert not shown(repr(dict(told.items()))), name
        targets = (
            "/config_dump?include_eds",
            "/stats?format=prometheus",
            "/clusters",
            "/certs",
            "/listeners?format=json",
        )
        for target in (*targets, "/server_info", "/memory", "/runtime"):
            answer = await world.app.proxies.admin_get("default/gw", target, seconds=30)
            assert not shown(answer), f"Envoy's {target}"
        assert not shown(_processes()), "in a command line, or an environment"
        await until(lambda: any((world.base / "s").rglob("*.json")))
        assert not below(world.base / "s"), "in what is kept"
        assert not below(world.base / "r"), "beside what runs"
        # Everything that is broken is told of, and says nothing of what is in it.
        assert any("oauth-broken" in one for one in world.problems())
        # Half a file: all that is in it is somebody's secret, perhaps.
        text = _list(world.port).decode()
        world.write("all.json", text[: len(text) // 3])
        await world.problem("is not JSON")
        assert not shown(repr(world.lines)), "in what is told of half a file"
        await world.end()
        assert not below(world.base / "s"), "in what is kept in the end"
    assert not shown(caplog.text), "in the log"


USED = {
    *("api-key", "introspection", "oidc", "plain-oauth", "azure-oidc", "policy-oidc", "ldap", "hmac"),
    *("aws", "header", "session", "azure", "redis", "hash", "key of listener", "key of upstream"),
    "key of signing",
}
"""Those that Envoy or the server of authorization has to know: that they are not seen is no proof for any other."""


def _processes() -> bytes:
    """The command lines and environments of the processes that this one has started, and theirs."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [os.getpid()]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return b"".join(Path(f"/proc/{pid}/{part}").read_bytes() for pid in found[1:] for part in ("cmdline", "environ"))


async def test_a22_nor_by_the_commands_about_what_runs() -> None:
    """And on what the real program writes, with all that it logs."""
    stage = Stage()
    try:
        await stage.echo("a")
        stage.write("all.json", _list(stage.port).decode())
        await stage.up("--access-log")
        for words in (
            *("config", "config -o json", "stats", "logs", "diff", "url", "address"),
            "explain",
        ):
            command = words.split()
            argv = ["proxy", *command, "-f", str(stage.folder)]
            if command == ["explain"]:
                url = f"http://any.example:{stage.port}/oidc"
                argv = ["explain", str(stage.folder), "GET", url, "--live", "--real-ports"]
            process = await asyncio.create_subprocess_exec(
                *(str(Path(sys.executable).parent / "daemun"), *argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=stage.env,
            )
            out, error = await process.communicate()
            assert b"Traceback" not in error
            assert not shown(out), f"{words}: {out[-2000:]!r}"
            assert not shown(error), words
        assert not below(stage.base / "st")
        assert not below(stage.base / "x")
        await stage.down()
        assert not shown(repr(stage.commands[0].lines))
    finally:
        await stage.strike()


def test_the_markers_are_found_in_what_they_may_be_in() -> None:
    assert len(MARKS) > 30
    assert shown(repr(basic("reader", marker("ldap")))) == {"ldap"}
