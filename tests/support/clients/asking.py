"""Questions to the authorization server, as Envoy asks them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import grpc.aio
from envoy.service.auth.v3 import external_auth_pb2

from daemun.ir.auth import CONTEXT


def question(
    chain: str, headers: Mapping[str, str], path: str = "/", method: str = "GET", body: bytes = b""
) -> external_auth_pb2.CheckRequest:
    """What Envoy asks about a request."""
    found = external_auth_pb2.CheckRequest()
    http = found.attributes.request.http
    http.method, http.path, http.host, http.scheme, http.protocol = method, path, "example.com", "http", "HTTP/1.1"
    http.raw_body = body
    http.headers.update({":method": method, ":path": path, ":authority": "example.com", **headers})
    found.attributes.context_extensions[CONTEXT] = chain
    return found


class Client:
    """Asks a server."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def call(self, path: str, data: bytes) -> bytes:
        """One call, in bytes."""
        answer: bytes = await self._channel.unary_unary(path)(data, timeout=60)
        return answer

    async def ask(self, data: bytes) -> external_auth_pb2.CheckResponse:
        """Ask about a request that is already encoded."""
        answer = await self.call("/envoy.service.auth.v3.Authorization/Check", data)
        return external_auth_pb2.CheckResponse.FromString(answer)

    async def check(self, asked: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        """Ask about a request."""
        return await self.ask(asked.SerializeToString())

    async def health(self) -> bytes:
        """Whether it serves, as a HealthCheckResponse."""
        return await self.call("/grpc.health.v1.Health/Check", b"")
