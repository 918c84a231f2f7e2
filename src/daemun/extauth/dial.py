"""Connections to servers that policies name, as far as the guard lets them be."""

import asyncio
import ssl

from daemun.fetch import Guard, lookup


class DialError(Exception):
    """There is no such server, or nobody may connect to it."""


async def addresses(guard: Guard, host: str) -> list[str]:
    """The IP addresses of a host that may be connected to. Raises DialError if there are none."""
    try:
        found = await lookup(host)
    except (OSError, UnicodeError):
        raise DialError("its name cannot be resolved") from None
    allowed = [address for address in found if not guard.refuses(address)]
    if not allowed:
        raise DialError("its address is not allowed")
    return allowed


async def dial(
    guard: Guard, host: str, port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first address that takes one. Raises DialError."""
    for address in await addresses(guard, host):
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
