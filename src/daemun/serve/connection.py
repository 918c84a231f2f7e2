"""The connections that streams are on, as the kernel knows them.

gRPC tells nobody how much of a message its client has taken, and no stream can be ended while one is being written.
What ends it is the end of its connection.
"""

import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

T = TypeVar("T")
_DESCRIPTORS = Path("/dev/fd")
_BYTES_ACKED = 120
"""Where in the kernel's `tcp_info` it says how many bytes the other end has confirmed: 64 bits."""


class Connection:
    """One of this process's descriptors, as long as it is the same socket.

    It is gRPC's own. A copy of it would keep the connection open, and be heard of by whoever polls it, after gRPC has
    closed it.
    """

    def __init__(self, descriptor: int, inode: int) -> None:
        self._descriptor = descriptor
        self._inode = inode

    def taken(self) -> int:
        """How many bytes the other end has confirmed so far; 0 where the kernel does not say, or it is over."""
        return self._ask(_taken, 0)

    def waiting(self) -> bool:
        """Whether the other end has not confirmed yet all that was written."""
        option = getattr(termios, "TIOCOUTQ", None)
        return option is not None and self._ask(lambda one: any(fcntl.ioctl(one.fileno(), option, bytes(4))), False)

    def bear(self) -> None:
        """Have the kernel bear an other end that takes nothing for long: whoever has called this looks after it.

        gRPC lets it end the connection after as long as an answer to a ping may take. But who reads slowly takes
        nothing for a while and then much, and the kernel ends it also though it takes some (less than a segment).
        """
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        if option is not None:
            self._ask(lambda one: one.setsockopt(socket.IPPROTO_TCP, option, 0), None)

    def end(self) -> None:
        """Hang up, with whatever is still to be written."""
        self._ask(lambda one: one.shutdown(socket.SHUT_RDWR), None)

    def there(self) -> bool:
        """Whether the socket is still open."""
        return self._ask(lambda _: True, False)

    def _ask(self, question: Callable[[socket.socket], T], otherwise: T) -> T:
        """Something of it as a socket. It may be over at any moment: gRPC's threads close and open descriptors."""
        with contextlib.suppress(OSError), _opened(self._descriptor) as one:
            if _inode(one) == self._inode:
                return question(one)
        return otherwise


class Connections:
    """The connections of this process by their other ends.

    All of them are gone through only to find one that is not known yet: thousands may be looked for at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, Connection] = {}

    def find(self, peer: str) -> Connection | None:
        """The one to this peer, in gRPC's words; None if it is over, or no TCP (Unix sockets have no names)."""
        family, _, address = peer.partition(":")
        if family not in {"ipv4", "ipv6"}:
            return None
        address = unquote(address)
        if address not in self._known or not self._known[address].there():
            self._known = dict(_all(_peer))
        return self._known.get(address)


def accepted(bound: int | str) -> list[Connection]:
    """All connections that others have made to this port, or to the Unix socket that was bound to this path."""
    return [one for at, one in _all(_bound) if at == bound]


def _all(end: Callable[[socket.socket], T]) -> Iterator[tuple[T, Connection]]:
    """Each connection that this process has, and one of its ends."""
    for descriptor in _DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError), _opened(int(descriptor.name)) as one:
            one.getpeername()  # else it listens
            yield end(one), Connection(one.fileno(), _inode(one))


@contextlib.contextmanager
def _opened(descriptor: int) -> Iterator[socket.socket]:
    one = socket.socket(fileno=descriptor)
    try:
        yield one
    finally:
        one.detach()


def _inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


def _taken(one: socket.socket) -> int:
    option = getattr(socket, "TCP_INFO", None)
    info = one.getsockopt(socket.IPPROTO_TCP, option, _BYTES_ACKED + 8) if option is not None else b""
    return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) == _BYTES_ACKED + 8 else 0


def _peer(one: socket.socket) -> str:
    """Its other end as gRPC says it."""
    name = one.getpeername()
    if one.family == socket.AF_INET:
        return f"{name[0]}:{name[1]}"
    if one.family == socket.AF_INET6:
        host = name[0].removeprefix("::ffff:")
        return f"{host}:{name[1]}" if "." in host else f"[{host}]:{name[1]}"
    return ""


def _bound(one: socket.socket) -> int | str:
    """Where this end is: its port or its path."""
    name = one.getsockname()
    return int(name[1]) if one.family in {socket.AF_INET, socket.AF_INET6} else str(name)
