"""`daemun ratelimit` as a program: what it is told, what it tells, and who may ask."""

import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
import grpc.aio
import msgspec
import pytest
from envoy.service.ratelimit.v3 import rls_pb2

from daemun.ir.quotas import Quota
from daemun.programs.answering import Setup
from daemun.programs.limitserver import LimitApp
from daemun.ratelimit.store import Asked, Decided
from support.clients.limiting import METHOD, OK, by_user, question
from support.objects.certificates import Authority
from support.scenes.world import until

DOCS = Path(__file__).parents[2] / "docs" / "limits" / "server.md"
DAEMUN = Path(sys.executable).parent / "daemun"
HEALTH = "/grpc.health.v1.Health/Check"


def limits_in(folder: Path) -> Path:
    file = folder / "limits.json"
    file.write_bytes(msgspec.json.encode([by_user(Quota(5, 60))]))
    return file


async def test_every_metric_stands_in_the_docs(tmp_path: Path) -> None:
    app = LimitApp(Setup("127.0.0.1:0", given=tmp_path / "limits"))
    named = set(re.findall(r"`(daemun_ratelimit\w+)", DOCS.read_text()))
    assert named == {figure.name for figure in app.figures()}


async def test_it_serves_limits_of_a_file_and_tells_of_itself(tmp_path: Path) -> None:
    app = LimitApp(Setup(f"unix:{tmp_path}/s", given=limits_in(tmp_path), health="127.0.0.1:0"))
    task = asyncio.ensure_future(app.run())
    async with grpc.aio.insecure_channel(await app.address) as client:
        said = rls_pb2.RateLimitResponse.FromString(await client.unary_unary(METHOD)(question([("user", "ann")])))
        assert said.overall_code == OK
        assert await client.unary_unary(HEALTH)(b"") == b"\x08\x01"
    reader, writer = await asyncio.open_connection("127.0.0.1", await app.health_port)
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    assert 'daemun_ratelimit_decisions_total{domain="shop",outcome="ok"} 1.0' in text
    assert "daemun_ratelimit_counts 1.0" in text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_when_it_is_ended_who_has_asked_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = LimitApp(Setup("127.0.0.1:0", given=limits_in(tmp_path)))
    decide, asked, go_on = app.store.decide, asyncio.Event(), asyncio.Event()

    async def slowly(questions: Sequence[Asked]) -> Sequence[Decided]:
        asked.set()
        await go_on.wait()
        return await decide(questions)

    monkeypatch.setattr(app.store, "decide", slowly)
    task = asyncio.ensure_future(app.run())
    async with grpc.aio.insecure_channel(await app.address) as client:
        said = asyncio.ensure_future(client.unary_unary(METHOD)(question([("user", "ann")])))
        await asked.wait()
        task.cancel()
        await until(lambda: all(one._connection.closing for one in app.server.connections))
        go_on.set()
        assert rls_pb2.RateLimitResponse.FromString(await said).overall_code == OK
    await asyncio.gather(task, return_exceptions=True)


async def test_only_who_has_a_certificate_may_ask_and_a_new_one_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("daemun.service.shown.LOOK_SECONDS", 0.05)
    ours, others = Authority(), Authority()
    files = {name: tmp_path / name for name in ("certificate", "key", "client_ca")}

    def show(authority: Authority) -> None:
        certificate, key = authority.issue("localhost")
        for file, text in zip(files.values(), (certificate, key, ours.pem.encode()), strict=True):
            file.write_bytes(text)

    show(ours)
    app = LimitApp(Setup("localhost:0", given=limits_in(tmp_path), **files))
    task = asyncio.ensure_future(app.run())
    address = await app.address

    async def asks(trusted: Authority, own: Authority | None) -> bool:
        certificate, key = own.issue("proxy") if own else (None, None)
        credentials = grpc.ssl_channel_credentials(trusted.pem.encode(), key, certificate)
        async with grpc.aio.secure_channel(address, credentials) as client:
            try:
                await client.unary_unary(HEALTH)(b"", timeout=30)
            except grpc.aio.AioRpcError:
                return False
            return True

    assert await asks(ours, ours)
    assert not await asks(ours, None)
    assert not await asks(ours, others)
    show(others)
    await until(lambda: asks(others, ours))
    # Half of a pair is not shown.
    files["key"].write_bytes(b"nonsense")
    await until(lambda: "stays as it was" in caplog.text)
    assert await asks(others, ours)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Use --xds or --limits"),
        (["--xds", "x", "--limits", str(DOCS)], "Use --xds or --limits"),
        (["--xds", "x", "--certificate", str(DOCS)], "belong together"),
        (["--xds", "x", "--client-ca", str(DOCS)], "is for a server with TLS"),
        (["--xds", "x", "--log-level", "loud"], "--log-level"),
        (["--limits", str(DOCS)], "it cannot serve: "),
        (["--limits", "/dev/null", "--listen", "256.0.0.1:1"], "it cannot serve: "),
        (["--xds", "x", "--redis", "ftp://x"], "it cannot serve: "),
    ],
)
async def test_what_makes_no_sense_ends_it(options: list[str], said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(DAEMUN, "ratelimit", *options), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode
    assert said in " ".join(out.decode().split())
    assert "Traceback" not in out.decode()
