"""Ports for what a test starts."""

import contextlib
import random
import socket

_PORTS = range(12_000, 30_000)
"""Below the ports that the system gives to outgoing connections, so that nobody takes one before it is bound."""
_given: set[int] = set()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nothing listens on."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            if port not in _given:
                _given.add(port)
                return port
