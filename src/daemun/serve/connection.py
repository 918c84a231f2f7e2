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
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

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
        option = getattr(socket, "TCP_INFO", None)
        with self._opened() as one:
            if one is None or option is None:
                return 0
            info = one.getsockopt(socket.IPPROTO_TCP, option, _BYTES_ACKED + 8)
            return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0]) if len(info) == _BYTES_ACKED + 8 else 0

    def waiting(self) -> bool:
        """Whether the other end has not confirmed yet all that was written."""
        option = getattr(termios, "TIOCOUTQ", None)
        with self._opened() as one:
            return one is not None and option is not None and any(fcntl.ioctl(one.fileno(), option, bytes(4)))

    def bear(self) -> None:
        """Have the kernel bear an other end that takes nothing for long: whoever has called this looks after it.

        gRPC lets it end the connection after as long as an answer to a ping may take. But who reads slowly takes
        nothing for a while and then much, and the kernel ends it also though it takes some (less than a segment).
        """
        option = getattr(socket, "TCP_USER_TIMEOUT", None)
        with self._opened() as one:
            if one is not None and option is not None:
                one.setsockopt(socket.IPPROTO_TCP, option, 0)

    def end(self) -> None:
        """Hang up, with whatever is still to be written."""
        with self._opened() as one, contextlib.suppress(OSError):  # it may be over by now
            if one is not None:
                one.shutdown(socket.SHUT_RDWR)

    def there(self) -> bool:
        """Whether the socket is still open."""
        with self._opened() as one:
            return one is not None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[socket.socket | None]:
        """It as a socket, if it is still there; gRPC's threads close and open descriptors meanwhile."""
        with _opened(self._descriptor) as one:
            yield one if one is not None and _inode(one) == self._inode else None


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
            self._known = {_peer(one): _connection(one) for one in _sockets() if _connected(one)}
        return self._known.get(address)


def accepted(bound: int | str) -> list[Connection]:
    """All connections that others have made to this port, or to the Unix socket that was bound to this path."""
    return [_connection(one) for one in _sockets() if _bound(one) == bound and _connected(one)]


def _sockets() -> Iterator[socket.socket]:
    """Each that this process has, until the next."""
    for one in _DESCRIPTORS.iterdir():
        with _opened(int(one.name)) as found:
            if found is not None:
                yield found


@contextlib.contextmanager
def _opened(descriptor: int) -> Iterator[socket.socket | None]:
    try:
        one = socket.socket(fileno=descriptor)
    except OSError:
        yield None
        return
    try:
        yield one
    finally:
        one.detach()


def _connection(one: socket.socket) -> Connection:
    return Connection(one.fileno(), _inode(one))


def _inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


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


def _connected(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError:
        return False
    return True
