"""The redirection itself, in the network namespace of whoever calls: it needs the capability NET_ADMIN there."""

import os
import socket

from daemun.netfilter import messages

TABLE = "daemun-mesh"
_NETLINK_NETFILTER = 12
_BYTES = 64 * 1024
_SECONDS = 5.0


class RedirectionError(Exception):
    """The kernel does not do it, and says why."""


def redirect(port: int, user: int) -> None:
    """Redirect the TCP connections that begin here to a port of the loopback, but for those of this user (a uid).

    What was redirected before goes there as well from now on. Raises RedirectionError.
    """
    _say(messages.replaced(TABLE, port, user))


def stop() -> None:
    """Redirect nothing any more. Raises RedirectionError."""
    _say(messages.removed(TABLE))


def _say(transaction: bytes) -> None:
    """Send a transaction, and wait until each message of it is answered: the kernel does all of it, or nothing."""
    wanted = messages.acknowledged(transaction)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
            kernel.settimeout(_SECONDS)
            kernel.send(transaction)
            while wanted > 0:
                for fault in messages.faults(kernel.recv(_BYTES)):
                    if fault:
                        raise RedirectionError(f"the kernel's nftables: {os.strerror(fault)}")
                    wanted -= 1
    except OSError as error:
        raise RedirectionError(f"the kernel's nftables: {error.strerror or error}") from error
