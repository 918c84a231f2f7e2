"""The TCP connection that a stream is on, as the kernel knows it.

gRPC tells nobody how much of a message its client has taken, and no stream can be ended while one is being written.
"""

import fcntl
import os
import socket
import stat
import struct
import termios
from pathlib import Path
from urllib.parse import unquote

_DESCRIPTORS = Path("/dev/fd")
_BYTES_ACKED = 120
"""Where in the kernel's `tcp_info` it says how many bytes the other end has confirmed: 64 bits."""


class Connection:
    """A second descriptor of it: it may be looked at and ended, whatever gRPC does meanwhile."""

    def __init__(self, found: socket.socket) -> None:
        self._socket = found

    def taken(self) -> int:
        """How many bytes the other end has confirmed so far; 0 where the kernel does not say."""
        option = getattr(socket, "TCP_INFO", None)
        if option is None:
            return 0
        info = self._socket.getsockopt(socket.IPPROTO_TCP, option, _BYTES_ACKED + 8)
        return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) == _BYTES_ACKED + 8 else 0

    def waiting(self) -> bool:
        """Whether the other end has not confirmed yet all that was written."""
        option = getattr(termios, "TIOCOUTQ", None)
        if option is None:
            return False
        return any(fcntl.ioctl(self._socket.fileno(), option, bytes(4)))

    def bear(self) -> None:
        """Have the kernel bear an other end that takes nothing for long: whoever has called this looks after it.

        gRPC lets it end the connection after as long as an answer to a ping may take. But who reads slowly takes
        nothing for a while and then much, and the kernel ends it also though it takes some (less than a segment).
        """
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        if option is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, option, 0)

    def end(self) -> None:
        """Hang up, with whatever is still to be written."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Look at it no longer."""
        self._socket.close()


def find(peer: str) -> Connection | None:
    """The connection to this peer, in gRPC's words; None if it is over, or no TCP (Unix sockets have no names)."""
    family, _, address = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return None
    for one in _DESCRIPTORS.iterdir():
        found = _socket(int(one.name))
        if found is None:
            continue
        if _peer(found) == unquote(address):
            return Connection(found)
        found.close()
    return None


def _socket(descriptor: int) -> socket.socket | None:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        own = os.dup(descriptor)
    except OSError:
        return None  # gRPC's threads close and open descriptors meanwhile
    return socket.socket(fileno=own)


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
