"""Quiet connections: who is asked whether it is still there answers, and nobody is cut off for asking."""

import asyncio
import contextlib
import struct
from pathlib import Path

import pytest

from daemun.extauth import server as extauth
from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.server import AuthServer
from daemun.process.listening import stop_listening
from daemun.serve import server as serving
from daemun.serve.server import XdsServer
from daemun.service import feed
from daemun.service.feed import Feed

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _PING, _GOAWAY, _ACK = 4, 6, 7, 1
_PINGS = 6
"""More than gRPC bears, if nothing else is said to it: three within 5 minutes each."""


def _frame(kind: int, flags: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + bytes(4) + payload


async def _next(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = await reader.readexactly(9)
    return head[3], head[4], await reader.readexactly(int.from_bytes(head[:3], "big"))


async def _ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One ping, until it is answered."""
    writer.write(_frame(_PING, 0, b"are you?"))
    while True:
        kind, flags, payload = await _next(reader)
        assert kind != _GOAWAY, payload
        if kind == _PING and flags & _ACK:
            return


async def _pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_PREFACE + _frame(_SETTINGS, 0))
    for _ in range(_PINGS):
        await _ping(reader, writer)
    writer.close()
    await writer.wait_closed()


async def test_a_proxy_that_pings_is_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = [(name, 0 if value == 5_000 else value) for name, value in serving._OPTIONS]
    assert allowed != serving._OPTIONS
    monkeypatch.setattr(serving, "_OPTIONS", allowed)

    async def nobody(_: object) -> None:
        return None

    xds = XdsServer(nobody, lambda *_: None)
    await xds.start(f"unix:{tmp_path}/xds.sock")
    try:
        await _pings(*await asyncio.open_unix_connection(tmp_path / "xds.sock"))
    finally:
        await xds.stop()


async def test_nor_is_one_that_looks_after_the_authorization_server() -> None:
    assert dict(extauth._OPTIONS)["grpc.http2.max_ping_strikes"] == 0
    server = AuthServer(Chains(Tools()))
    host, _, port = (await server.start("127.0.0.1:0")).rpartition(":")
    try:
        await _pings(*await asyncio.open_connection(host, int(port)))
    finally:
        await server.stop()


async def test_a_control_plane_is_asked_on_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {"grpc.keepalive_time_ms": 50, "grpc.keepalive_timeout_ms": 60_000}
    monkeypatch.setattr(feed, "_OPTIONS", [(name, quick.get(name, value)) for name, value in feed._OPTIONS])
    asked = asyncio.Semaphore(0)
    answering: list[tuple[asyncio.StreamWriter, asyncio.Task[object]]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        answering.append((writer, task))
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(len(_PREFACE))
            writer.write(_frame(_SETTINGS, 0, struct.pack(">HI", 3, 100)))
            while True:
                kind, flags, payload = await _next(reader)
                if kind == _SETTINGS and not flags & _ACK:
                    writer.write(_frame(_SETTINGS, _ACK))
                elif kind == _PING and not flags & _ACK:
                    writer.write(_frame(_PING, _ACK, payload))
                    asked.release()

    plane = await asyncio.start_unix_server(answer, tmp_path / "xds.sock")
    following = asyncio.create_task(Feed(_Nobody(), "type", "extauth", f"unix:{tmp_path}/xds.sock").run())
    try:
        async with asyncio.timeout(20):
            for _ in range(_PINGS):
                await asked.acquire()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await stop_listening(plane)
        for writer, task in answering:
            writer.transport.abort()
            await task


class _Nobody:
    """Is told nothing."""

    def take(self, name: str, value: bytes) -> None: ...

    def remove(self, name: str) -> None: ...

    def settled(self) -> None: ...

    async def faults(self, _: object) -> list[str]:
        return []
