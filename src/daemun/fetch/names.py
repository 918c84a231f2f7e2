"""Names of hosts, looked up each in a thread of its own: one whose servers keep quiet holds up no other.

The threads that an event loop has for that are few, and whoever may write a policy chooses names.
"""

import asyncio
import contextlib
import socket
import threading

from aiohttp.abc import AbstractResolver, ResolveResult

_MOST = 256
"""So many at once. The system gives each up after some seconds, whoever has stopped waiting for it."""
_OF_ANOTHER_KIND = {getattr(socket, name) for name in ("EAI_ADDRFAMILY", "EAI_NODATA") if hasattr(socket, name)}
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Family = socket.AddressFamily
_Key = tuple[asyncio.AbstractEventLoop, str, Family]
_under_way: dict[_Key, "asyncio.Future[list[str]]"] = {}


async def lookup(host: str, family: Family = socket.AF_UNSPEC) -> list[str]:
    """The addresses of a host, asked for once by all who want to know meanwhile. Raises OSError, UnicodeError."""
    key = asyncio.get_running_loop(), host, family
    found = _under_way.get(key)
    if found is None:
        if len(_under_way) >= _MOST:
            raise OSError("too many names are looked up")
        found = _under_way[key] = key[0].create_future()
        found.add_done_callback(_seen)
        threading.Thread(target=_look, args=(key,), name="lookup", daemon=True).start()
    return await asyncio.shield(found)


class Resolver(AbstractResolver):
    """The same for connections of aiohttp's."""

    async def resolve(self, host: str, port: int = 0, family: Family = socket.AF_INET) -> list[ResolveResult]:
        """As AbstractResolver."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=_NUMERIC,
            )
            for address in await lookup(host, family)
        ]

    async def close(self) -> None:
        """Nothing is kept."""


def _look(key: _Key) -> None:
    loop, host, family = key
    answer: list[str] | Exception
    try:
        answer = _asked(host, family)
    except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it is
        answer = error
    with contextlib.suppress(RuntimeError):  # the loop may be closed by now
        loop.call_soon_threadsafe(_landed, key, answer)
        return
    _under_way.pop(key, None)


def _asked(host: str, family: Family) -> list[str]:
    """Those of a kind that this machine has itself, if there are such."""
    try:
        found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except socket.gaierror as error:
        if error.errno not in _OF_ANOTHER_KIND:
            raise
        found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _landed(key: _Key, answer: list[str] | Exception) -> None:
    found = _under_way.pop(key, None)
    if found is None or found.done():
        return
    if isinstance(answer, Exception):
        found.set_exception(answer)
    else:
        found.set_result(answer)


def _seen(found: "asyncio.Future[list[str]]") -> None:
    """Nobody need wait any more."""
    if not found.cancelled():
        found.exception()
