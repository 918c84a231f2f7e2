"""Ports for what a test starts."""

import contextlib
import itertools
import os
import random
import socket

_PORTS = range(12_000, 30_000)
"""Below the ports that the system gives to outgoing connections, so that nobody takes one before it is bound."""


def _own() -> list[int]:
    """Those of this process, in an order of its own.

    Workers of pytest-xdist have no port in common: what one has been given and not bound yet no other is given.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(_PORTS[worker % workers :: workers])
    random.shuffle(ports)
    return ports


_turns = itertools.cycle(_own())
_given: set[int] = set()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nothing listens on; none is given again before all others were."""
    while True:
        port = next(_turns)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            _given.add(port)
            return port


def was_given(port: int) -> bool:
    """Whether it is a port of this process, and so another in the next."""
    return port in _given
