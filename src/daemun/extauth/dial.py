"""Connections to servers that policies name, as far as the guard lets them be."""

import asyncio
import socket
import ssl

from daemun.fetch import Guard


class DialError(Exception):
    """There is no such server, or nobody may connect to it."""


async def addresses(guard: Guard, host: str, port: int) -> list[str]:
    """The IP addresses of a host that may be connected to. Raises DialError if there are none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DialError("its name cannot be resolved") from None
    allowed = [str(address[0]) for *_, address in found if not guard.refuses(str(address[0]))]
    if not allowed:
        raise DialError("its address is not allowed")
    return list(dict.fromkeys(allowed))


async def dial(
    guard: Guard, host: str, port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one. Raises DialError."""
    for address in await addresses(guard, host, port):
        try:
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=host if tls is not None else None
            )
        except (OSError, ssl.SSLError):
            continue
    raise DialError("it cannot be connected to")


def host_and_port(address: str, default: int) -> tuple[str, int]:
    """`host:port`, `[::1]:port` or a host alone. Raises ValueError for a port that is none."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        port = rest.removeprefix(":")
    elif address.count(":") > 1:
        host, port = address, ""
    else:
        host, _, port = address.partition(":")
    return host, int(port) if port else default
