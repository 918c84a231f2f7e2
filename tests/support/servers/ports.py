"""Ports for what a test starts."""

import contextlib
import os
import random
import socket
import sys
from collections.abc import Iterator

_PORTS = range(12_000, 30_000)
"""Below the ports that the system gives to outgoing connections, so that nobody takes one before it is bound."""
_BLOCK = 100
"""So many ports have one process of tests at a time, and no other that runs beside it, whoever started that. A port is
given long before it is listened on. Envoy binds a port before it listens, and if somebody else does so in between it
gives the listener up, which it says in its log alone."""


def _turns() -> Iterator[int]:
    """The ports of this process, in an order of its own.

    Workers of pytest-xdist have no port in common, nor have processes that can tell each other which ones they have.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    blocks = list(_PORTS[::_BLOCK][worker % workers :: workers])
    random.shuffle(blocks)
    mine: dict[int, None] = {}
    while True:
        for first in blocks:
            if first in mine or _claimed(first):
                mine[first] = None
                yield from random.sample(range(first, first + _BLOCK), _BLOCK)
        if not mine:  # so many run at a time that every port is somebody's
            mine = dict.fromkeys(blocks)


def _claimed(first: int) -> bool:
    """Whether a block is ours: by a name that the system takes back when the process ends."""
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0daemun-tests-ports-{first}")
    except OSError:
        name.close()
        return False
    name.detach()  # it stays open
    return True


_next = _turns()
_given: set[int] = set()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nothing listens on; none is given again before all others were."""
    while True:
        port = next(_next)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            _given.add(port)
            return port


def was_given(port: int) -> bool:
    """Whether it is a port of this process, and so another in the next."""
    return port in _given
