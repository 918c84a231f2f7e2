"""`daemun extauth` as a program: what it is told, and what it tells."""

import asyncio
import re
import sys
from pathlib import Path

import msgspec
import pytest

from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import Verified
from daemun.programs.authserver import AuthApp, Setup
from support.clients.asking import Client, question

DOCS = Path(__file__).parents[2] / "docs" / "auth" / "ext-auth-server.md"
DAEMUN = Path(sys.executable).parent / "daemun"


async def test_every_metric_stands_in_the_docs(tmp_path: Path) -> None:
    app = AuthApp(Setup("127.0.0.1:0", given=tmp_path / "chains"))
    named = set(re.findall(r"`(daemun_extauth\w+)", DOCS.read_text()))
    assert named == {figure.name for figure in app.figures()}
    await app.tools.close()


async def test_it_serves_chains_of_a_file_and_tells_of_itself(tmp_path: Path) -> None:
    file = tmp_path / "chains"
    file.write_bytes(msgspec.json.encode([Chain("c", (Step("s", Verified()),))]))
    app = AuthApp(Setup("127.0.0.1:0", given=file, health="127.0.0.1:0"))
    task = asyncio.ensure_future(app.run())
    async with Client(await app.address) as client:
        assert (await client.check(question("c", {}))).denied_response.status.code == 401
        assert await client.health() == b"\x08\x01"
    reader, writer = await asyncio.open_connection("127.0.0.1", await app.health_port)
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    assert 'daemun_extauth_checks_total{chain="c",outcome="denied"} 1.0' in text
    assert "daemun_extauth_chains 1.0" in text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Use --xds or --chains"),
        (["--xds", "x", "--chains", str(DOCS)], "Use --xds or --chains"),
        (["--xds", "x", "--certificate", str(DOCS)], "belong together"),
        (["--xds", "x", "--allow", "nonsense"], "--allow"),
        (["--xds", "x", "--log-level", "loud"], "--log-level"),
        (["--chains", str(DOCS)], "it cannot serve: "),
        (["--chains", "/dev/null", "--listen", "256.0.0.1:1"], "it cannot serve: "),
    ],
)
async def test_what_makes_no_sense_ends_it(options: list[str], said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(DAEMUN, "extauth", *options), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode != 0
    assert said in " ".join(out.decode().split())
    assert "Traceback" not in out.decode()
