"""Speak to an Envoy's admin interface over its Unix socket.

The keeper imports this, so it is written with the standard library's light half: no `http.client`.
"""

import asyncio
import socket
import struct
import sys


class AdminError(Exception):
    """The admin interface did not answer, or not with a 200."""


class BusyError(AdminError):
    """It is there, but did not answer in time."""


async def request(path: str, target: str, *, method: str = "GET", pid: int = 0, seconds: float = 5.0) -> bytes:
    """One request to the admin interface at the socket `path`; the body of its answer.

    With `pid` it must be that very process that listens there: while one Envoy replaces another, both use the path.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _request(path, target, method, pid)
    except TimeoutError as error:
        raise BusyError(f"{method} {target} at {path}: no answer within {seconds:g} s") from error
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        raise AdminError(f"{method} {target} at {path}: {error or type(error).__name__}") from error


async def _request(path: str, target: str, method: str, pid: int) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        if pid and _listener(writer) != pid:
            raise AdminError(f"Another process listens at {path}")
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if len(status) < 2 or status[1] != b"200":
        raise AdminError(f"{method} {target}: {b' '.join(status[1:]).decode(errors='replace')}")
    return _joined(body) if b"transfer-encoding: chunked" in head.lower() else body


def _joined(body: bytes) -> bytes:
    """The content of a chunked body."""
    parts: list[bytes] = []
    while True:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return b"".join(parts)
        parts.append(rest[:length])
        body = rest[length + 2 :]


def _listener(writer: asyncio.StreamWriter) -> int:
    """The process that made the socket we are connected to."""
    transport_socket: socket.socket = writer.get_extra_info("socket")
    size = struct.calcsize("3i")
    credentials = transport_socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, _, _ = struct.unpack("3i", credentials)
    return int(pid)


def main() -> None:
    """`python -m daemun.provision.admin SOCKET METHOD TARGET`: for whoever may exec into a proxy's pod."""
    path, method, target = sys.argv[1:]
    try:
        sys.stdout.buffer.write(asyncio.run(request(path, target, method=method, seconds=20.0)))
    except AdminError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
