"""Connections to a Redis that a policy names, as far as the guard lets them be.

Whoever writes a policy could otherwise have the server speak to whatever listens beside it, and choose some of what it
says.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import Connection, SSLConnection, parse_url

from daemun.extauth.dial import DialError, addresses
from daemun.fetch import Guard

_TAKEN = frozenset({"host", "port", "username", "password", "db"})
"""What a URL may say. Its query could change whom and what is trusted, and how long somebody waits."""


class _Guarded(Connection):
    """The guard has the last word on the very address that is connected to, each time."""

    def __init__(self, *, guard: Guard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard
        self._address = ""

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self.socket_connect_timeout):
                self._address, *_ = await addresses(self._guard, self.host)
        except DialError as error:
            raise OSError(str(error)) from None
        await super()._connect()  # type: ignore[no-untyped-call]  # redis has no types here

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "host": self._address}


class _GuardedTls(_Guarded, SSLConnection):
    """The certificate is that of the name, not of its address."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        return {**super()._connection_arguments(), "server_hostname": self.host}


def options(url: str, guard: Guard) -> dict[str, Any]:
    """Those of a pool whose connections are guarded. Raises ValueError for a URL that is none of Redis.

    A Unix socket is this machine's own, as its loopback is.
    """
    said = parse_url(url)
    kind = said.get("connection_class")
    if kind is None or kind is SSLConnection:
        taken = {name: value for name, value in said.items() if name in _TAKEN}
        return {**taken, "guard": guard, "connection_class": _Guarded if kind is None else _GuardedTls}
    if guard.refuses("127.0.0.1"):
        raise ValueError("a Unix socket is this machine's own, which is not allowed")
    return {name: value for name, value in said.items() if name in _TAKEN | {"path", "connection_class"}}
