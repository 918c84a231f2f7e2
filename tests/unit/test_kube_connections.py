"""HTTP to an API server: TLS as a kubeconfig has it, what is sent again and what never is, and who is waited for."""

import asyncio
import base64
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemun.kube import connections
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, UnreachableError
from support.objects.certificates import Authority, server

WRITES = ["POST", "PUT", "PATCH", "DELETE"]


class Server:
    """Answers `{}` and remembers requests as `METHOD target`; `mood` says what it does with the next ones instead."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.mood: list[str] = []
        self.peers: list[asyncio.StreamWriter] = []
        self.reached = asyncio.Event()
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Server"]:
        """Listens on loopback for the time of the block."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = listening.sockets[0].getsockname()[1]
        async with asyncio.timeout(60), listening:
            yield self
            self.hang_up()

    def hang_up(self) -> None:
        """End all connections."""
        for peer in self.peers:
            peer.transport.abort()
        self.peers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                if self.mood and self.mood[0] == "takes nothing":
                    writer.transport.pause_reading()
                    self.reached.set()
                    return
                await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(head[0].removesuffix(" HTTP/1.1"))
                self.headers.append(headers)
                self.reached.set()
                await self._answer(self.mood.pop(0) if self.mood else "", headers, writer)

    async def _answer(self, mood: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if mood == "hangs up":
            writer.transport.abort()
        elif mood == "pauses":
            writer.transport.pause_reading()  # it does not even hear that somebody leaves
        elif mood == "breaks off":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            writer.close()
        elif mood == "compresses":
            assert headers["accept-encoding"] == "gzip"
            body = gzip.compress(b"[" + b"1," * 500_000 + b"1]")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\n{}" % int(mood or 200))


def client_of(folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> KubeClient:
    """A client with this cluster and this user in its kubeconfig."""
    path = folder / "config"
    path.write_bytes(
        msgspec.json.encode(
            {
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": user or {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    return KubeClient.connect(kubeconfig=path)


def at(folder: Path, there: Server, user: dict[str, Any] | None = None) -> KubeClient:
    return client_of(folder, {"server": f"http://127.0.0.1:{there.port}/"}, user)


def coded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


async def test_the_authority_and_the_name_of_a_server_are_checked(tmp_path: Path) -> None:
    ours, stranger = Authority(), Authority()
    (tmp_path / "ca.crt").write_text(ours.pem)
    async with Server().running(server(ours.issue("api.example"))) as there:
        url = {"server": f"https://127.0.0.1:{there.port}"}
        named = url | {"tls-server-name": "api.example"}
        for good in (
            named | {"certificate-authority-data": coded(ours.pem)},
            named | {"certificate-authority": "ca.crt"},
            url | {"insecure-skip-tls-verify": True},
        ):
            async with client_of(tmp_path, good) as client:
                assert await client.get("/api") == b"{}"
        for bad in (
            named,
            named | {"certificate-authority-data": coded(stranger.pem)},
            named | {"certificate-authority-data": coded(stranger.pem), "insecure-skip-tls-verify": True},
            url | {"certificate-authority-data": coded(ours.pem)},
        ):
            async with client_of(tmp_path, bad) as client:
                with pytest.raises(UnreachableError, match="certificate verify failed"):
                    await client.get("/api")
        assert len(there.requests) == 3


async def test_a_client_certificate_is_shown_from_data_or_files(tmp_path: Path) -> None:
    ours = Authority()
    certificate, key = ours.issue("me")
    (tmp_path / "my.crt").write_bytes(certificate)
    (tmp_path / "my.key").write_bytes(key)
    users: list[dict[str, Any]] = [
        {"client-certificate-data": coded(certificate), "client-key-data": coded(key)},
        {"client-certificate": "my.crt", "client-key": "my.key", "token": None},
        {"client-certificate": "my.crt", "client-key-data": coded(key)},
    ]
    async with Server().running(server(ours.issue("localhost"), clients=ours)) as there:
        cluster = {"server": f"https://localhost:{there.port}", "certificate-authority-data": coded(ours.pem)}
        for user in users:
            async with client_of(tmp_path, cluster, user) as client:
                assert await client.get("/api") == b"{}"
        async with client_of(tmp_path, cluster) as client:
            with pytest.raises(UnreachableError):
                await client.get("/api")


async def test_a_proxy_is_used_if_the_kubeconfig_says_so_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with Server().running() as there, Server().running() as proxy:
        async with at(tmp_path, there) as client:
            assert await client.get("/api") == b"{}"
        cluster = {"server": "http://api.example", "proxy-url": f"http://127.0.0.1:{proxy.port}"}
        async with client_of(tmp_path, cluster) as client:
            assert await client.get("/api") == b"{}"
        assert proxy.requests == ["GET http://api.example/api"]


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_that_breaks_off_is_told_and_never_sent_again(tmp_path: Path, method: Any) -> None:
    async with Server().running() as there, at(tmp_path, there) as client:
        await client.get("/api")  # so that there is a connection to be used again
        there.mood = ["hangs up"]
        with pytest.raises(UnreachableError, match="does not answer"):
            await client.request(method, "/api/x", body={"a": 1})
        assert there.requests == ["GET /api", f"{method} /api/x"]


@pytest.mark.parametrize("method", WRITES)
async def test_a_connection_that_the_server_has_ended_is_not_used_for_a_write(tmp_path: Path, method: Any) -> None:
    async with Server().running() as there, at(tmp_path, there) as client:
        await client.get("/api")
        there.hang_up()
        await _left(there.port)
        assert await client.request(method, "/api/x", body={"a": 1}) == b"{}"
        assert there.requests == ["GET /api", f"{method} /api/x"]


async def test_a_read_over_a_connection_that_breaks_off_is_tried_once_more(tmp_path: Path) -> None:
    async with Server().running() as there, at(tmp_path, there) as client:
        await client.get("/api")
        there.mood = ["hangs up"]
        assert await client.get("/api/x", {"labelSelector": "a=b,c in (d)", "limit": "1"}) == b"{}"
        assert there.requests[1:] == ["GET /api/x?labelSelector=a%3Db,c+in+(d)&limit=1"] * 2
        there.mood = ["breaks off", "breaks off"]
        with pytest.raises(UnreachableError):
            await client.get("/api/x")


async def test_answers_may_be_compressed_and_connections_are_kept(tmp_path: Path) -> None:
    async with Server().running() as there, at(tmp_path, there) as client:
        there.mood = ["compresses", "compresses"]
        assert len(await client.get("/api")) == 1_000_003
        async with client.stream("/api", idle=60) as pieces:
            assert sum([len(piece) async for piece in pieces]) == 1_000_003
        await client.request("PATCH", "/api", body=b"{}", content_type="application/merge-patch+json")
        assert len(there.peers) == 1
        assert there.headers[-1]["content-type"] == "application/merge-patch+json"
        assert there.headers[-1]["user-agent"] == "daemun"


async def test_a_token_in_a_file_is_read_again_when_it_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    async with Server().running() as there, at(tmp_path, there, {"tokenFile": "token", "token": "old"}) as client:
        await client.get("/api")
        token.write_text("two\n")
        await client.get("/api")
        there.mood = ["401"]
        await client.request("PATCH", "/api", body={"a": 1})
        there.mood = ["401"]
        with pytest.raises(ApiError):
            await client.get("/api")
        token.write_text("three\n")
        there.mood = ["401"]
        async with client.stream("/api", idle=60) as pieces:
            assert [piece async for piece in pieces] == [b"{}"]
        sent = [headers["authorization"].removeprefix("Bearer ") for headers in there.headers]
        assert sent == ["one", "one", "one", "two", "two", "two", "three"]


async def test_a_password_is_sent_where_there_is_no_better_credential(tmp_path: Path) -> None:
    async with Server().running() as there:
        user = {"username": "me", "password": "secret"}
        for one, expected in ((user, f"Basic {coded('me:secret')}"), (user | {"token": "t"}, "Bearer t")):
            async with at(tmp_path, there, one) as client:
                await client.get("/api")
            assert there.headers[-1]["authorization"] == expected


async def test_nobody_waits_for_a_server_that_is_silent(tmp_path: Path) -> None:
    async with Server().running() as there, at(tmp_path, there) as client:
        there.mood = ["pauses"] * 2
        with pytest.raises(UnreachableError, match="Timeout"):
            await client.get("/api", seconds=0.01)
        with pytest.raises(UnreachableError, match="Timeout"):
            async with client.stream("/api", idle=0.01):
                pass


async def test_nobody_waits_for_a_server_that_does_not_even_take_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_SLOWEST", 1 << 30)
    monkeypatch.setattr(connections, "_CONNECT_SECONDS", 1.0)
    async with Server().running() as there, at(tmp_path, there) as client:
        there.mood = ["takes nothing"]
        with pytest.raises(UnreachableError):
            await client.request("POST", "/api", body=b"x" * (64 << 20), seconds=0.01)
        assert there.reached.is_set()


@pytest.mark.parametrize("watches", [False, True])
async def test_who_gives_up_is_gone_though_the_server_is_paused(tmp_path: Path, watches: bool) -> None:
    """TLS would say goodbye, and wait for an answer."""
    ours = Authority()

    async def watch(client: KubeClient) -> None:
        async with client.stream("/api", idle=60):
            pass

    async with Server().running(server(ours.issue("localhost"))) as there:
        cluster = {"server": f"https://localhost:{there.port}", "certificate-authority-data": coded(ours.pem)}
        async with client_of(tmp_path, cluster) as client:
            there.mood = ["pauses"]
            asking = asyncio.create_task(watch(client) if watches else client.merge("/api", {}))
            await there.reached.wait()
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            async with asyncio.timeout(15):  # TLS would wait for 30
                await _left(there.port)


async def _left(port: int) -> None:
    """Wait until nothing of ours is connected to this port."""
    while port in _connected_to():  # noqa: ASYNC110 - sockets tell nobody that they are closed
        await asyncio.sleep(0)


def _connected_to() -> set[int]:
    """The ports of loopback that sockets of ours are connected to."""
    inodes = set()
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(one.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].partition(":")[2], 16) for row in rows if row[9] in inodes}
