"""The TCP connection that a stream is on, as the kernel knows it.

gRPC tells nobody how much of a message its client has taken, and no stream can be ended while one is being written.
"""

import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_DESCRIPTORS = Path("/dev/fd")
_BYTES_ACKED = 120
"""Where in the kernel's `tcp_info` it says how many bytes the other end has confirmed: 64 bits."""


class Connection:
    """One of this process's descriptors, as long as it is the connection to this peer.

    It is gRPC's own. A copy of it would keep the connection open, and be heard of by whoever polls it, after gRPC has
    closed it.
    """

    def __init__(self, descriptor: int, address: str) -> None:
        self._descriptor = descriptor
        self._address = address

    def taken(self) -> int:
        """How many bytes the other end has confirmed so far; 0 where the kernel does not say, or it is over."""
        option = getattr(socket, "TCP_INFO", None)
        with _opened(self._descriptor, self._address) as one:
            if one is None or option is None:
                return 0
            info = one.getsockopt(socket.IPPROTO_TCP, option, _BYTES_ACKED + 8)
            return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) == _BYTES_ACKED + 8 else 0

    def waiting(self) -> bool:
        """Whether the other end has not confirmed yet all that was written."""
        option = getattr(termios, "TIOCOUTQ", None)
        with _opened(self._descriptor, self._address) as one:
            return one is not None and option is not None and any(fcntl.ioctl(one.fileno(), option, bytes(4)))

    def bear(self) -> None:
        """Have the kernel bear an other end that takes nothing for long: whoever has called this looks after it.

        gRPC lets it end the connection after as long as an answer to a ping may take. But who reads slowly takes
        nothing for a while and then much, and the kernel ends it also though it takes some (less than a segment).
        """
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        with _opened(self._descriptor, self._address) as one:
            if one is not None and option is not None:
                one.setsockopt(socket.IPPROTO_TCP, option, 0)

    def end(self) -> None:
        """Hang up, with whatever is still to be written."""
        with _opened(self._descriptor, self._address) as one:
            if one is not None:
                one.shutdown(socket.SHUT_RDWR)


def find(peer: str) -> Connection | None:
    """The connection to this peer, in gRPC's words; None if it is over, or no TCP (Unix sockets have no names)."""
    family, _, address = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return None
    address = unquote(address)
    for one in _DESCRIPTORS.iterdir():
        with _opened(int(one.name), address) as found:
            if found is not None:
                return Connection(int(one.name), address)
    return None


@contextlib.contextmanager
def _opened(descriptor: int, address: str) -> Iterator[socket.socket | None]:
    """The descriptor as a socket, if that is its other end; gRPC's threads close and open descriptors meanwhile."""
    try:
        one = socket.socket(fileno=descriptor)
    except OSError:
        yield None
        return
    try:
        yield one if _peer(one) == address else None
    finally:
        one.detach()


def _peer(one: socket.socket) -> str:
    """Its other end as gRPC says it."""
    try:
        name = one.getpeername()
    except OSError:
        return ""
    if one.family == socket.AF_INET:
        return f"{name[0]}:{name[1]}"
    if one.family == socket.AF_INET6:
        host = name[0].removeprefix("::ffff:")
        return f"{host}:{name[1]}" if "." in host else f"[{host}]:{name[1]}"
    return ""
