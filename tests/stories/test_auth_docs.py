"""Pages of docs/auth, served as they stand by real Envoys: who comes in, and who does not.

Only ports are others than on the page: those of the machine that a test runs on are not free.
"""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.checks.pages import commands, in_order
from support.clients.checked import login
from support.scenes.world import World, until
from support.servers import slapd

_NEXT = "-- the next command --"
DOCS = Path(__file__).parents[2] / "docs" / "auth"


def page(name: str, port: int, **ports: int) -> str:
    """The manifests of a page: its first block of YAML with an apiVersion."""
    blocks = re.findall(r"```yaml\n(apiVersion.*?)```", (DOCS / f"{name}.md").read_text(), re.DOTALL)
    text: str = blocks[0]
    assert "port: 80," in text
    text = text.replace("port: 80,", f"port: {port},")
    for old, new in ports.items():
        assert f"127.0.0.1:{old[1:]}" in text
        text = text.replace(f"127.0.0.1:{old[1:]}", f"127.0.0.1:{new}")
    return text


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.stop()


async def try_out(world: World, name: str) -> None:
    """What the page shows on a command line, in one shell: it answers what the page says."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (DOCS / f"{name}.md").read_text(), re.DOTALL | re.MULTILINE)
    found = [one for kind, block in blocks if not kind for one in commands(block)]
    assert any("curl" in one.command for one in found), name
    script = "".join(f"{one.command}\nprintf '\\n{_NEXT}\\n'\n" for one in found)
    assert "127.0.0.1:8080" in script
    shell = await asyncio.create_subprocess_exec(
        *("timeout", "120", "bash", "--norc", "-c", script.replace("127.0.0.1:8080", f"127.0.0.1:{world.port}")),
        stdout=PIPE,
    )
    out, _ = await shell.communicate()
    said = out.decode().split(f"{_NEXT}\n")[:-1]
    assert len(said) == len(found), said
    for one, answer in zip(found, said, strict=True):
        assert in_order(one.lines, answer.replace("\r", "").splitlines()), f"{one} answers {answer}"


async def serve(world: World, text: str) -> None:
    world.write("page.yaml", text)
    await world.start(allowed=("127.0.0.0/8",))


async def test_hmac(world: World) -> None:
    await serve(world, page("hmac", world.port))
    await world.answers(401)
    await try_out(world, "hmac")


async def test_ldap(world: World, tmp_path: Path) -> None:
    slapd.needed()
    directory = slapd.Slapd(tmp_path)
    directory.fill({"ann": "a", "bob": "b"}, managers=("ann",))
    async with directory:
        await serve(world, page("ldap", world.port, _3389=directory.port))
        await world.answers(200, headers=login("ann", "a"))
        await try_out(world, "ldap")
        got = await world.ask()
        assert (got.status, "www-authenticate" in got.headers) == (401, True)
    assert (await world.ask(headers=login("ann", "a"))).status == 500
    async with directory:
        assert (await world.ask(headers=login("ann", "a"))).status == 200


async def test_opa(world: World, opa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(opa).parent}{os.pathsep}{os.environ['PATH']}")
    assert shutil.which("opa") == opa
    await serve(world, page("opa", world.port))
    await world.answers(200, "/open", seconds=120)
    await try_out(world, "opa")
    policy = world.folder / "page.yaml"
    world.write("page.yaml", policy.read_text().replace('"/open"', '"/other"'))

    async def decided() -> bool:
        got = await world.ask("/other")
        assert got.status in (200, 403), "one of the two policies decides at any time"
        return got.status == 200

    await until(decided, 120)
    assert (await world.ask("/open")).status == 403


async def test_passthrough(world: World) -> None:
    async def decide(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        good = head.startswith("post /auth ") and "authorization: open" in head
        rest = "content-length: 0\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {'200 OK' if good else '401 No'}\r\nwww-authenticate: word\r\n{rest}".encode())
        writer.close()

    server = await asyncio.start_server(decide, "127.0.0.1", 0)
    async with server:
        await serve(world, page("passthrough", world.port, _9001=server.sockets[0].getsockname()[1]))
        await world.answers(200, headers={"authorization": "open"})
        got = await world.ask(headers={"authorization": "shut"})
        assert (got.status, got.headers["www-authenticate"]) == (401, "word")
    got = await world.ask(headers={"authorization": "open"})
    assert (got.status, got.body) == (500, b"")


async def test_plugins(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's package, as pip would lay it down."""
    text = (DOCS / "plugins.md").read_text()
    info = tmp_path / "office-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: office\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[daemun.auth]\noffice-hours = office:OfficeHours\n")
    assert 'office-hours = "office:OfficeHours"' in text
    (tmp_path / "office.py").write_text(text.split("```python\n")[1].split("```")[0])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    await serve(world, page("plugins", world.port))
    await world.answers(200)
    world.write("page.yaml", (world.folder / "page.yaml").read_text().replace("end: 24", "end: 0"))
    got = await world.answers(403)
    assert got.body == b"come back later\n"
    world.write("page.yaml", (world.folder / "page.yaml").read_text().replace("name: office-hours", "name: nobodys"))
    await world.problem("has a plug-in nobodys")
    assert (await world.answers(403)).body == b"come back later\n", "what was good before counts on"
