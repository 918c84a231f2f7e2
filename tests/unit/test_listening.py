"""A server that ends while somebody comes in."""

import asyncio
import contextlib
import socket

import pytest

from daemun.process.listening import stop_listening


@pytest.mark.parametrize("turns", range(5))
async def test_who_comes_in_while_a_server_ends_is_served_or_refused(turns: int) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"served")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with contextlib.closing(socket.create_connection(server.sockets[0].getsockname())) as client:
        for _ in range(turns):  # in one of them it is accepted, and nothing made of it yet
            await asyncio.sleep(0)
        await stop_listening(server)
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(client.recv, 100) == b"served"
