"""The gRPC server that Envoys ask, and its health."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.message import DecodeError

from daemun.extauth.answers import Answer, Denied
from daemun.extauth.chains import Chains
from daemun.extauth.outcomes import Outcomes
from daemun.extauth.request import Request
from daemun.extauth.wire import InvalidAnswerError, encoded
from daemun.ir.auth import CONTEXT

SERVICE = "envoy.service.auth.v3.Authorization"
HEALTH = "grpc.health.v1.Health"
_SERVING, _NOT_SERVING = b"\x08\x01", b"\x08\x02"
_UNKNOWN = "-"
"""The chain's name in metrics where there is none: names that nobody gave do not fill them."""
_OPTIONS = [
    # The request's headers and as much of its body as Envoy sends along.
    ("grpc.max_receive_message_length", 16 << 20),
    # Proxies look every second whether it is still there.
    ("grpc.http2.min_ping_interval_without_data_ms", 500),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.so_reuseport", 0),
]
_NO_CHAIN = Denied(403)
_NOT_YET = Denied(503)
_INVALID = Denied(400)
_BROKEN = Denied(500)
_NO_REQUEST = Request(external_auth_pb2.CheckRequest())
_log = logging.getLogger(__name__)


class AuthServer:
    """Answers `Check` by the chain that the request's route names. Whatever is not known is denied."""

    def __init__(self, chains: Chains, clock: Callable[[], float] = time.perf_counter) -> None:
        self._chains = chains
        self._clock = clock
        self._server: grpc.aio.Server | None = None
        self.outcomes = Outcomes()

    async def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> str:
        """Listen on `host:port`, with TLS if there are credentials; the address with the port that was given."""
        server = grpc.aio.server(options=_OPTIONS)
        check = grpc.unary_unary_rpc_method_handler(self._check)
        health = {
            "Check": grpc.unary_unary_rpc_method_handler(self._health),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(SERVICE, {"Check": check}),
                grpc.method_handlers_generic_handler(HEALTH, health),
            ]
        )
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        await server.start()
        self._server = server
        return f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, grace: float | None = None) -> None:
        """Take no more questions, and answer those that there are."""
        if self._server is not None:
            await self._server.stop(grace)
            self._server = None

    async def answer(self, question: bytes) -> tuple[str, Request, Answer]:
        """The chain that was asked, about which request, and what it says."""
        try:
            message = external_auth_pb2.CheckRequest.FromString(question)
        except DecodeError:
            return _UNKNOWN, _NO_REQUEST, _INVALID
        request = Request(message)
        name = message.attributes.context_extensions.get(CONTEXT, "")
        chain = self._chains.get(name)
        if chain is None:
            return _UNKNOWN, request, _NO_CHAIN if self._chains.complete else _NOT_YET
        return name, request, await chain.ask(request)

    async def _check(self, question: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        began = self._clock()
        name, request, answer = await self.answer(question)
        if answer is _NOT_YET:
            # Another replica may know.
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the control plane was not heard yet")
        try:
            response = encoded(answer, request.has)
        except InvalidAnswerError as error:
            _log.error("What %s answers cannot be sent: %s.", name, error)
            answer, response = _BROKEN, encoded(_BROKEN)
        self.outcomes.count(name, answer, self._clock() - began)
        return response

    async def _health(self, question: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        del question, context
        return _SERVING if self._chains.complete else _NOT_SERVING

    async def _watch(self, question: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
        """Every change of it."""
        told = b""
        while True:
            now = await self._health(question, context)
            if now != told:
                told = now
                yield now
            await asyncio.sleep(1)
