"""One conversation with a gRPC server about its services (gRPC server reflection, v1 and v1alpha)."""

import asyncio
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from daemun.base.guard import Guard
from daemun.fetch import lookup
from daemun.sources.functions.failure import AskError

_METHODS = (
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)
_REFLECTION = "grpc.reflection."
SECONDS = 10.0
"""How long a conversation may last."""
_MOST_FILES = 2000
_MOST_BYTES = 8 * 1024 * 1024
_FIELD = descriptor_pb2.FieldDescriptorProto


def _messages() -> tuple[type[Any], type[Any]]:
    """The request and the response, as far as they are used: both versions have the same."""
    file = descriptor_pb2.FileDescriptorProto(name="daemun/reflection.proto", package="daemun.reflection")

    def message(name: str, *fields: tuple[str, int, Any, str]) -> None:
        made = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            many = field in {"service", "file_descriptor_proto"}
            label = _FIELD.LABEL_REPEATED if many else _FIELD.LABEL_OPTIONAL
            made.field.add(name=field, number=number, type=kind, label=label, type_name=of or None)

    text, held = _FIELD.TYPE_STRING, _FIELD.TYPE_MESSAGE
    message(
        "Request",
        ("file_by_filename", 3, text, ""),
        ("file_containing_symbol", 4, text, ""),
        ("list_services", 7, text, ""),
    )
    message("Files", ("file_descriptor_proto", 1, _FIELD.TYPE_BYTES, ""))
    message("Service", ("name", 1, text, ""))
    message("Services", ("service", 1, held, ".daemun.reflection.Service"))
    message("Failure", ("error_message", 2, text, ""))
    message(
        "Response",
        ("files", 4, held, ".daemun.reflection.Files"),
        ("services", 6, held, ".daemun.reflection.Services"),
        ("failure", 7, held, ".daemun.reflection.Failure"),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = (pool.FindMessageTypeByName(f"daemun.reflection.{name}") for name in ("Request", "Response"))
    request, response = map(message_factory.GetMessageClass, found)
    return request, response


_REQUEST, _RESPONSE = _messages()


async def reflect(host: str, port: int, guard: Guard) -> bytes:
    """The descriptor set of all services of a server, a file after those that it imports.

    Raises AskError. Nothing is asked at addresses that the guard refuses, whatever name leads there.
    """
    address = await _resolved(host, guard)
    at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    options = (
        ("grpc.default_authority", f"{host}:{port}"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", _MOST_BYTES),
    )
    failures = []
    async with grpc.aio.insecure_channel(f"ipv6:{at}" if ":" in address else f"ipv4:{at}", options) as channel:
        for method in _METHODS:
            try:
                async with asyncio.timeout(SECONDS):
                    return await _Conversation(channel, method).everything()
            except grpc.aio.AioRpcError as error:
                failures.append(f"{error.code().name}: {error.details()}")
                if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    break
            except TimeoutError:
                failures.append(f"no answer within {SECONDS:.0f} s")
                break
            except DecodeError as error:
                raise AskError(f"{host}:{port} does not speak as it should: {error}") from error
    raise AskError(f"{host}:{port} does not say which services it has ({failures[-1]})")


async def _resolved(host: str, guard: Guard) -> str:
    try:
        addresses = await lookup(host)
    except (OSError, UnicodeError) as error:
        raise AskError(f"{host} cannot be looked up ({error})") from error
    for address in addresses:
        if why := guard.refuses(address):
            raise AskError(f"{host} is not asked: {why}")
    return addresses[0]


class _Conversation:
    """Questions and answers, each on a stream of its own.

    More questions on one stream would be writes of their own, and where a server ends a stream meanwhile, as one that
    has only the other version does, the library may lose how it ended (grpc/grpc#36066).
    """

    def __init__(self, channel: grpc.aio.Channel, method: str) -> None:
        self._open: Any = channel.unary_stream(method, _REQUEST.SerializeToString, None)
        self._size = 0
        self._files: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    async def everything(self) -> bytes:
        services = [one.name for one in (await self._ask(list_services="*")).services.service]
        for name in services:
            if not name.startswith(_REFLECTION):
                self._keep(await self._ask(file_containing_symbol=name))
        while missing := self._missing():
            self._keep(await self._ask(file_by_filename=missing))
        found = descriptor_pb2.FileDescriptorSet(file=self._in_order())
        return found.SerializeToString(deterministic=True)

    async def _ask(self, **question: str) -> Any:
        call = self._open(_REQUEST(**question), timeout=SECONDS)
        data = await call.read()
        call.cancel()
        if not isinstance(data, bytes):
            raise AskError("the server has ended a conversation without an answer")
        answer = _RESPONSE.FromString(data)
        if answer.HasField("failure"):
            raise AskError(f"the server says: {answer.failure.error_message[:200]}")
        return answer

    def _keep(self, answer: Any) -> None:
        for data in answer.files.file_descriptor_proto:
            self._size += len(data)
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            self._files.setdefault(file.name, file)
        if self._size > _MOST_BYTES or len(self._files) > _MOST_FILES:
            raise AskError(f"its descriptors are more than {_MOST_BYTES} bytes or {_MOST_FILES} files")

    def _missing(self) -> str:
        named = (one for file in self._files.values() for one in file.dependency)
        return next((one for one in named if one not in self._files), "")

    def _in_order(self) -> list[descriptor_pb2.FileDescriptorProto]:
        found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
        entered: set[str] = set()

        def visit(name: str) -> None:
            if name in entered:
                return
            entered.add(name)
            for one in self._files[name].dependency:
                visit(one)
            found[name] = self._files[name]

        for name in sorted(self._files):
            visit(name)
        return list(found.values())
