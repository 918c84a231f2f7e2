"""A DNS server for a test: it answers from records that can be changed, over UDP and TCP, in dnspython's messages."""

import asyncio
import struct
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from daemun.process.listening import stop_listening
from support.servers.ports import free_port


class Nameserver:
    """Authority over `test.`, or another `origin`.

    `ttl` is that of new records, `negative` of what is not there; `rcode` answers all else than NOERROR; `truncated`
    makes it want TCP.
    """

    def __init__(self, origin: str = "test.") -> None:
        self._origin = origin
        self.port = free_port()
        self.ttl, self.negative = 1, 1
        self.rcode = dns.rcode.NOERROR
        self.truncated = False
        self.asked: list[tuple[str, str, str]] = []
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.port}"

    def put(self, name: str, kind: str, *texts: str) -> None:
        """A name has these records of a kind (`A`, `AAAA`, `SRV`), and no others."""
        key = (f"{name}.{self._origin}", kind)
        if texts:
            self._records[key] = dns.rrset.from_text(key[0], self.ttl, "IN", kind, *texts)
        else:
            self._records.pop(key, None)

    def forget(self) -> None:
        """Begin anew, without records."""
        self._records = {}

    async def start(self) -> Self:
        """Begin to answer, or do so again after `stop`."""
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )
        self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", self.port)
        return self

    async def stop(self) -> None:
        """End."""
        if self._udp is not None and self._tcp is not None:
            self._udp.close()
            await stop_listening(self._tcp)
            await self._tcp.wait_closed()
            self._udp = self._tcp = None

    def answer(self, wire: bytes, over: str) -> bytes:
        """The answer to a query."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, over))
        response = dns.message.make_response(query)
        response.set_rcode(self.rcode)
        if self.rcode != dns.rcode.NOERROR:
            return response.to_wire()
        if self.truncated and over == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire()
        if (found := self._records.get((name, kind))) is not None:
            response.answer.append(found)
        else:
            if not any(each == name for each, _ in self._records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.{self._origin} me.{self._origin} 1 60 60 60 {self.negative}"
            response.authority.append(dns.rrset.from_text(self._origin, self.negative, "IN", "SOA", soa))
        return response.to_wire()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            answer = self.answer(await reader.readexactly(size), "tcp")
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Nameserver) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._server.answer(data, "udp"), addr)
