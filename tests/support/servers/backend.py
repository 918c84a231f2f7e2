"""Backends that say what they got: HTTP/1.1 with WebSocket, and gRPC (which is HTTP/2 without TLS)."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import grpc.aio

from support.clients.client import websocket_accept
from support.objects.certificates import Pair
from support.servers.tcp import TcpServer


class Echo(TcpServer):
    """An HTTP/1.1 server that answers with the request as JSON, and remembers every request.

    It answers with `status` where nothing else is asked for. With `proxied` every connection begins with a line of the
    PROXY protocol, which the answers tell as `proxy`.

    `/status/N` answers N; `/retry/KEY/N/CODE` answers CODE to the first N requests with this key; `/reset/KEY/N` closes
    the first N connections without an answer; `?delay=S` waits; the request header `x-echo-set` (`name: value`) sets a
    header of the response and `x-echo-status` its status; `/ws` echoes WebSocket frames.
    """

    def __init__(self, name: str, *, proxied: bool = False, status: int = 200) -> None:
        super().__init__()
        self.name = name
        self.status = status
        self.proxied = proxied
        self.requests: list[dict[str, Any]] = []
        self.connections: list[object] = []
        """Of each request the connection that it came on."""
        self.waiting = 0
        self._tries: Counter[str] = Counter()

    def paths(self) -> list[str]:
        """The targets of the requests so far."""
        return [request["path"] for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each request of a connection."""
        proxy = (await reader.readline()).decode("latin-1").strip() if self.proxied else ""
        while await self._one(reader, writer, proxy):
            pass

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: str) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        by_name = dict(headers)
        body = await _body(reader, by_name)
        request = {
            "name": self.name,
            "method": method,
            "path": path,
            "host": by_name.get("host", ""),
            "headers": headers,
            "body": body.decode("latin-1"),
            "proxy": proxy,
            "sni": getattr(writer.get_extra_info("ssl_object"), "sni", None),
            "client": _common_name(writer.get_extra_info("peercert")),
        }
        self.requests.append(request)
        self.connections.append(writer)
        url = urlsplit(path)
        delay = float(parse_qs(url.query).get("delay", ["0"])[0])
        if delay:
            self.waiting += 1
            try:
                await asyncio.sleep(delay)
            finally:
                self.waiting -= 1
        match url.path.strip("/").split("/"):
            case ["ws"] if by_name.get("upgrade", "").lower() == "websocket":
                await _echo_frame(reader, writer, by_name["sec-websocket-key"].encode())
                return False
            case ["reset", key, count] if self._try(key, count):
                return False
            case ["status", code]:
                status = int(code)
            case ["retry", key, count, code] if self._try(key, count):
                status = int(code)
            case _:
                status = int(by_name.get("x-echo-status", self.status))
        document = json.dumps(request).encode()
        answer = [f"HTTP/1.1 {status} X", "content-type: application/json", f"x-backend: {self.name}"]
        answer += [value for name, value in headers if name == "x-echo-set"]
        answer.append(f"content-length: {len(document)}")
        writer.write("\r\n".join([*answer, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else document))
        await writer.drain()
        return True

    def _try(self, key: str, count: str) -> bool:
        self._tries[key] += 1
        return self._tries[key] <= int(count)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


def _common_name(certificate: Any) -> str:
    """Whose certificate it is."""
    return dict(pair for (pair,) in certificate["subject"])["commonName"] if certificate else ""


async def _echo_frame(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> None:
    """Shake hands and send one short frame back."""
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: " + websocket_accept(key).encode() + b"\r\n\r\n"
    )
    head = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(head[1] & 0x7F)
    plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    writer.write(bytes([head[0], len(plain)]) + plain)
    await writer.drain()
    await reader.read()  # until the client has gone


class GrpcEcho(grpc.GenericRpcHandler):
    """A gRPC server that answers every call with what it was, as JSON; one of a method Say with what it was given, and
    one of a method Talk with everything that it is given, for as long as it lasts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self._server: grpc.aio.Server | None = None

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Every method there could be."""

        async def echo(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            if details.method.endswith("/Say"):
                return request
            metadata = [(str(key), str(value)) for key, value in context.invocation_metadata() or ()]
            return json.dumps(
                {"name": self.name, "method": details.method, "metadata": metadata, "body": request.decode()}
            ).encode()

        async def talk(requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
            async for one in requests:
                yield one

        if details.method.endswith("/Talk"):
            return grpc.stream_stream_rpc_method_handler(talk)
        return grpc.unary_unary_rpc_method_handler(echo)

    async def start(self, pair: Pair | None = None) -> "GrpcEcho":
        """Listen on a port that the system chooses; over TLS if there is a certificate."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers([self])
        if pair is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            credentials = grpc.ssl_server_credentials([(pair[1], pair[0])])
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        await self._server.start()
        return self

    async def stop(self) -> None:
        """End at once."""
        if self._server is not None:
            await self._server.stop(0)


async def call(
    port: int, method: str, host: str = "test.example", metadata: tuple[tuple[str, str], ...] = ()
) -> dict[str, Any]:
    """One gRPC call; the echo. Raises `grpc.aio.AioRpcError`."""
    options = [("grpc.default_authority", host), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        answer: bytes = await channel.unary_unary(method)(b"hello", metadata=metadata, timeout=30)
        found: dict[str, Any] = json.loads(answer)
        return found
