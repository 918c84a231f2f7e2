"""Servers that checks pass through to."""

from collections.abc import Awaitable, Callable

import grpc
import grpc.aio
from envoy.service.auth.v3 import external_auth_pb2

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
