"""What a server says of its certificate in a handshake (OCSP stapling), which Python's own TLS does not ask for."""

import os
import struct

from support.clients.client import connection

_HANDSHAKE, _ALERT = 22, 21
_STATUS, _DONE = 22, 14


async def stapled(port: int, host: str) -> bytes:
    """The OCSP response in DER that is shown with the certificate; empty without one. It speaks TLS 1.2."""
    async with connection(port) as (reader, writer):
        hello = _hello(host)
        writer.write(struct.pack(">BHH", _HANDSHAKE, 0x0301, len(hello)) + hello)
        data, found = b"", b""
        while True:
            kind, _, size = struct.unpack(">BHH", await reader.readexactly(5))
            record = await reader.readexactly(size)
            if kind == _ALERT:
                raise ConnectionResetError(f"alert {record[1]}")
            data += record
            while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[1:4], "big"):
                size = int.from_bytes(data[1:4], "big")
                message, body, data = data[0], data[4 : 4 + size], data[4 + size :]
                if message == _STATUS:
                    found = body[4:]
                elif message == _DONE:
                    return found


def _hello(host: str) -> bytes:
    name = host.encode()
    extensions = (
        _extension(0, _sized(b"\0" + _sized(name)))  # server_name
        + _extension(5, b"\x01\0\0\0\0")  # status_request
        + _extension(10, _sized(struct.pack(">H", 23)))  # supported_groups: P-256
        + _extension(13, _sized(struct.pack(">H", 0x0403)))  # signature_algorithms: ECDSA with SHA-256
    )
    ciphers = _sized(struct.pack(">H", 0xC02B))  # ECDHE-ECDSA-AES128-GCM-SHA256
    body = b"\x03\x03" + os.urandom(32) + b"\0" + ciphers + b"\x01\0" + _sized(extensions)
    return b"\x01" + len(body).to_bytes(3, "big") + body


def _extension(number: int, data: bytes) -> bytes:
    return struct.pack(">H", number) + _sized(data)


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data
