"""Connections to a Redis that a policy names, as far as the guard lets them be.

Whoever writes a policy could otherwise have the server speak to whatever listens beside it, and choose some of what it
says.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from redis.asyncio.connection import Connection, SSLConnection, parse_url

from daemun.extauth.dial import DialError, addresses
from daemun.fetch import Budget, CrowdedError, Guard, Share

_TAKEN = frozenset({"host", "port", "username", "password", "db"})
"""What a URL may say. Its query could change whom and what is trusted, and how long somebody waits."""


_READ = 128 << 20
"""Bytes of answers that are read at once, where nobody else's count with them."""
_LONGEST = 1 << 20
"""Bytes of an answer: a session has some kilobytes."""


class _Reader:
    """What a Redis says, as far as somebody may be told so much: it says itself how long it is going to be."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.share: Share | None = None
        self.left = 0

    async def readexactly(self, count: int) -> bytes:
        self._take(count)
        return await self._reader.readexactly(count)

    async def readline(self) -> bytes:
        line = await self._reader.readline()
        self._take(len(line))
        return line

    async def read(self, count: int) -> bytes:
        self._take(count)
        return await self._reader.read(count)

    def _take(self, count: int) -> None:
        self.left -= count
        if self.left < 0 or self.share is None:
            raise OSError("it says more than anybody needs to know")
        try:
            self.share.take(count)
        except CrowdedError:
            raise OSError("it is not read: too much is, at the moment") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class _Guarded(Connection):
    """The guard has the last word on the very address that is connected to, each time.

    What is read at once of all answers is of the share of this host in a budget.
    """

    def __init__(self, *, guard: Guard, budget: Budget, **options: Any) -> None:
        super().__init__(**options)
        self._guard, self._budget = guard, budget
        self._address = ""
        self._bounded: _Reader | None = None

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.socket_connect_timeout):
                self._address, *_ = await addresses(self._guard, self.host)
        except DialError as error:
            raise OSError(str(error)) from None
        await super()._connect()  # type: ignore[no-untyped-call]  # redis has no types here
        self._bounded = _Reader(cast("asyncio.StreamReader", self._reader))
        self._reader = cast("asyncio.StreamReader", self._bounded)

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """One answer, or what it is made of."""
        with self._budget.share(f"redis {self.host}") as share:
            if self._bounded is not None:
                self._bounded.share, self._bounded.left = share, _LONGEST
            return await super().read_response(*args, **options)

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self._address}


class _GuardedTls(_Guarded, SSLConnection):
    """The certificate is that of the name, not of its address."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "server_hostname": self.host}


def options(url: str, guard: Guard, budget: Budget | None = None) -> dict[str, Any]:
    """Those of a pool whose connections are guarded. Raises ValueError for a URL that is none of Redis.

    A Unix socket is this machine's own, as its loopback is.
    """
    said = parse_url(url)
    kind = said.get("connection_class")
    if kind is None or kind is SSLConnection:
        taken = {name: value for name, value in said.items() if name in _TAKEN}
        made = _Guarded if kind is None else _GuardedTls
        return {**taken, "guard": guard, "budget": budget or Budget(_READ), "connection_class": made}
    if guard.refuses("127.0.0.1"):
        raise ValueError("a Unix socket is this machine's own, which is not allowed")
    return {name: value for name, value in said.items() if name in _TAKEN | {"path", "connection_class"}}
