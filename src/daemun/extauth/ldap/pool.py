"""Connections to one directory that are used again, so many at a time and no more."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from daemun.extauth.ldap.connection import Connection
from daemun.fetch import Guard

_MOST = 100
"""Connections to one directory, whatever a policy says."""
_PORTS = {"ldap": 389, "ldaps": 636}


class Pool:
    """`address` is `ldap://host:port` or `ldaps://…`. Raises ValueError for anything else."""

    def __init__(self, guard: Guard, address: str, most: int) -> None:
        url = urlsplit(address if "://" in address else f"ldap://{address}")
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("that is no address of a directory")
        self._guard = guard
        self._host, self._port = url.hostname, url.port or _PORTS[url.scheme]
        self._tls = ssl.create_default_context() if url.scheme == "ldaps" else None
        self._slots = asyncio.Semaphore(min(max(most, 1), _MOST))
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One that nobody else uses meanwhile. It is not used again if anything goes wrong with it."""
        async with self._slots:
            connection = await self._taken()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)

    def close(self) -> None:
        """Hang up all that are idle."""
        while self._idle:
            self._idle.pop().close()

    async def _taken(self) -> Connection:
        while self._idle:
            found = self._idle.pop()
            if found.usable():
                return found
            found.close()
        return await Connection.open(self._guard, self._host, self._port, self._tls)
