"""What a gRPC server says that it has, and servers that say odd things."""

from collections.abc import AsyncIterator

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2

from daemun.base.guard import LOOPBACK, Guard
from daemun.sources.functions.failure import AskError
from daemun.sources.functions.grpc_reflection import reflect
from support.servers.ports import free_port
from support.standins.shelves import Shelves

OPEN = Guard.of(*LOOPBACK)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Shelves]:
    one = await Shelves().start()
    yield one
    await one.stop()


async def test_files_come_after_those_that_they_import(server: Shelves) -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString(await reflect("127.0.0.1", server.port, OPEN))
    names = [one.name for one in found.file]
    assert {"library/v1/shelves.proto", "google/api/annotations.proto", "google/protobuf/descriptor.proto"} <= {*names}
    for at, one in enumerate(found.file):
        assert {*one.dependency} <= {*names[:at]}
    assert await reflect("localhost", server.port, OPEN) == found.SerializeToString(deterministic=True)


async def test_addresses_that_nobody_may_reach_are_not_asked(server: Shelves) -> None:
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(AskError, match="this machine's own"):
            await reflect(host, server.port, Guard())


async def test_a_server_of_the_older_version_alone_is_always_understood(server: Shelves) -> None:
    """It ends a stream of the newer one while that is written to, which once in some hundred times hid how it ended."""
    found = await reflect("127.0.0.1", server.port, OPEN)
    for _ in range(400):
        assert await reflect("127.0.0.1", server.port, OPEN) == found


async def test_a_server_without_it_and_none_at_all() -> None:
    silent = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    port = silent.add_insecure_port("127.0.0.1:0")
    await silent.start()
    with pytest.raises(AskError, match="UNIMPLEMENTED"):
        await reflect("127.0.0.1", port, OPEN)
    await silent.stop(0)
    with pytest.raises(AskError, match="UNAVAILABLE"):
        await reflect("127.0.0.1", free_port(), OPEN)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([b"\xff\xff"], "does not speak as it should"),
        ([b""], ""),
        ([], "without an answer"),
        ([b"\x3a\x09\x12\x07go away"], "the server says: go away"),
    ],
)
async def test_odd_answers(answers: list[bytes], told: str) -> None:
    class Odd(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            async def answer(requests: AsyncIterator[bytes], _: object) -> AsyncIterator[bytes]:
                async for _ in requests:
                    for one in answers:
                        yield one

            return grpc.stream_stream_rpc_method_handler(answer)

    odd = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    odd.add_generic_rpc_handlers([Odd()])
    port = odd.add_insecure_port("127.0.0.1:0")
    await odd.start()
    try:
        if told:
            with pytest.raises(AskError, match=told):
                await reflect("127.0.0.1", port, OPEN)
        else:
            assert await reflect("127.0.0.1", port, OPEN) == b""
    finally:
        await odd.stop(0)
