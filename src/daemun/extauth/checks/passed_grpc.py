"""Passing through to another server of Envoy's ext_authz, over gRPC."""

import asyncio
import random
from collections.abc import Iterable

import grpc
import grpc.aio
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Respond
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.checks.passed import CONFIG, STATE, plain, struct, without_answer
from daemun.extauth.dial import DialError, addresses, host_and_port
from daemun.extauth.request import Request
from daemun.fetch import CrowdedError
from daemun.ir.auth.checks import PassThroughGrpc

_PATH = "/envoy.service.auth.v3.Authorization/Check"
_SILENT = "its server does not answer"
_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_NO = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
"""Not that it cannot tell: whatever it means, nobody is let in for it."""
_LONGEST, _USUAL = 128 << 10, 64 << 10
"""Bytes of an answer, and those that are set aside for one while it is waited for."""
_REST = 1.0
"""Seconds between two looks for where the server is, while it does not answer."""


class GrpcServer(Checker):
    """The server gets what Envoy said, with the chain's state and its configuration as metadata."""

    def __init__(self, check: PassThroughGrpc, place: Place, tools: Tools) -> None:
        self._namespace, self._budget = place.namespace, tools.budget
        self._check = check
        self._guard = tools.guard
        self._ticks = tools.ticks
        self._host, self._port = host_and_port(check.address, 443 if check.tls else 80)
        self._channel: grpc.aio.Channel | None = None
        self._looked = 0.0
        self._looking = asyncio.Lock()
        self._config = struct(check.config) if check.config else None

    async def close(self) -> None:
        """End its connection."""
        if self._channel is not None:
            await self._channel.close(None)

    async def check(self, request: Request, state: State) -> Answer:
        """What the server says."""
        message = external_auth_pb2.CheckRequest()
        message.CopyFrom(request.message)
        metadata = message.attributes.metadata_context.filter_metadata
        metadata[STATE].CopyFrom(struct(state.values))
        if self._config is not None:
            metadata[CONFIG].CopyFrom(self._config)
        try:
            with self._budget.share(self._namespace) as share:
                share.take(_USUAL)
                async with asyncio.timeout(self._check.timeout):
                    response = await self._asked(message)
        except grpc.aio.AioRpcError as error:
            if error.code() in _NO:
                return Failed("its server refuses to be asked", 403)
            return without_answer(_SILENT, self._check.allow_on_failure)
        except DialError as error:
            return without_answer(f"{_SILENT}: {error}", self._check.allow_on_failure)
        except CrowdedError:
            return without_answer("too many of its servers are asked at once", self._check.allow_on_failure)
        except TimeoutError:
            return without_answer(_SILENT, self._check.allow_on_failure)
        if STATE in response.dynamic_metadata:
            state.values.update(plain(response.dynamic_metadata[STATE]))
            del response.dynamic_metadata[STATE]
        return _answer(response)

    async def _asked(self, question: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        """The answer, after as many tries as there are to be."""
        pause, longest = self._check.backoff
        for attempt in range(self._check.retries + 1):
            channel = await self._connected()
            try:
                return await _call(channel)(question, timeout=self._check.timeout)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _AGAIN:
                    raise
                await self._drop(channel)
                if attempt == self._check.retries:
                    raise
                chance = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                await asyncio.sleep(min(pause * 2**attempt, longest) * chance)
        raise DialError

    async def _connected(self) -> grpc.aio.Channel:
        async with self._looking:
            if self._channel is None:
                # The channel is told addresses that the guard has seen: a name could mean others the next time.
                found = await addresses(self._guard, self._host)
                one = found[0]
                target = f"ipv6:[{one}]:{self._port}" if ":" in one else f"ipv4:{one}:{self._port}"
                options = [("grpc.default_authority", f"{self._host}:{self._port}"), ("grpc.enable_http_proxy", 0)]
                options.append(("grpc.max_receive_message_length", _LONGEST))
                if self._check.tls:
                    options.append(("grpc.ssl_target_name_override", self._host))
                    self._channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
                else:
                    self._channel = grpc.aio.insecure_channel(target, options)
                self._looked = self._ticks()
            return self._channel

    async def _drop(self, channel: grpc.aio.Channel) -> None:
        """The server may be somewhere else by now; look again, but not for every request of a second."""
        if channel is self._channel and self._ticks() - self._looked >= _REST:
            self._channel = None
            await channel.close(self._check.timeout)


def _call(
    channel: grpc.aio.Channel,
) -> grpc.aio.UnaryUnaryMultiCallable[external_auth_pb2.CheckRequest, external_auth_pb2.CheckResponse]:
    return channel.unary_unary(
        _PATH,
        request_serializer=external_auth_pb2.CheckRequest.SerializeToString,
        response_deserializer=external_auth_pb2.CheckResponse.FromString,
    )


def _answer(response: external_auth_pb2.CheckResponse) -> Answer:
    metadata = plain(response.dynamic_metadata)
    # Envoy would take a denial for an OK where the code beside it is not set; who writes one means it.
    if response.status.code != 0 or response.WhichOneof("http_response") not in (None, "ok_response"):
        denied = response.denied_response
        status = denied.status.code or 403
        headers = _headers(denied.headers, appended=None)
        if 300 <= status < 400:
            return Respond(status, headers, denied.body, login=True)
        return Denied(status if status >= 400 else 403, headers, denied.body)
    ok = response.ok_response
    return Allowed(
        upstream=_headers(ok.headers, appended=False),
        appended=_headers(ok.headers, appended=True),
        remove=tuple(name.lower() for name in ok.headers_to_remove),
        downstream=_headers(ok.response_headers_to_add, appended=None),
        metadata=metadata,
    )


def _headers(options: Iterable[base_pb2.HeaderValueOption], appended: bool | None) -> tuple[tuple[str, str], ...]:
    """Those that stand beside what is there, or in its place; None: all."""
    found: list[tuple[str, str]] = []
    for option in options:
        beside = option.append.value  # Envoy heeds no other field of a request's headers
        if appended is None or appended == beside:
            found.append((option.header.key.lower(), option.header.value or option.header.raw_value.decode("latin-1")))
    return tuple(found)
