"""Servers that checks pass through to."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
from envoy.service.auth.v3 import external_auth_pb2

from daemun.process.listening import stop_listening
from support.servers.ports import free_port

Decide = Callable[[external_auth_pb2.CheckRequest], Awaitable[external_auth_pb2.CheckResponse]]


class GrpcPass:
    """An ext_authz server that answers what `decide` says; gRPC's errors are raised by it."""

    def __init__(self, decide: Decide) -> None:
        self.decide = decide
        self.asked: list[external_auth_pb2.CheckRequest] = []
        self.port = 0
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen, at the port of before if there was one."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handler = grpc.unary_unary_rpc_method_handler(
            self._check, external_auth_pb2.CheckRequest.FromString, external_auth_pb2.CheckResponse.SerializeToString
        )
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": handler})]
        )
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        """Be away."""
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def _check(
        self, request: external_auth_pb2.CheckRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> external_auth_pb2.CheckResponse:
        self.asked.append(request)
        return await self.decide(request)


class RawHttp:
    """An HTTP server that says whatever bytes a test puts into `says`, and waits for `slow`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.says = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        self.slow = asyncio.Event()
        self.slow.set()
        self.heard: list[str] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Be away."""
        if self._server is not None:
            await stop_listening(self._server)
            await self._server.wait_closed()
            self._server = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.slow.wait()
            writer.write(self.says)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def http_answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    """A whole answer for `RawHttp`."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers])
    return f"{head}\r\n\r\n".encode() + body
