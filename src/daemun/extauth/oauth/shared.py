"""What replicas share: small values by name, for a time. In Redis, or in the memory of the one that there is."""

import secrets
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from daemun.extauth.kept import Kept
from daemun.extauth.oauth import guarded
from daemun.fetch import Budget, Guard
from daemun.ir.auth.oauth import Redis

_CONNECTIONS = 100
_SECONDS = 1.0
"""How long Redis may take for an answer: somebody waits for it."""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class SharedError(Exception):
    """Redis does not answer, or not as it should."""


class Shared(Protocol):
    """Values of bytes by name. Every method may raise SharedError."""

    alone: bool
    """Nobody else sees it."""

    async def get(self, name: str) -> bytes | None:
        """The value, if there is one."""

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value, in the place of any other."""

    async def add(self, name: str, value: bytes, seconds: float) -> bool:
        """Keep a value if there is none; whether there was none. `seconds` 0: for ever."""

    async def replace(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value in the place of one that is there; if there is none it stays so."""

    async def drop(self, name: str) -> None:
        """Forget it."""

    async def release(self, name: str, value: bytes) -> None:
        """Forget it if it has this value."""


Values = Kept[tuple[bytes, float]]
"""Values, and until when they count."""


class Memory:
    """The memory of this process, as a namespace uses it: all see the same `values`."""

    alone = True

    def __init__(self, ticks: Callable[[], float], values: Values, namespace: str) -> None:
        self._ticks = ticks
        self._values = values
        self._namespace = namespace

    async def get(self, name: str) -> bytes | None:
        """As Shared."""
        found = self._values.get(name)
        if found is not None and self._ticks() < found[1]:
            return found[0]
        self._values.pop(name)
        return None

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        """As Shared."""
        until = self._ticks() + seconds if seconds else float("inf")
        self._values.put(name, (value, until), len(name) + len(value), self._namespace)

    async def add(self, name: str, value: bytes, seconds: float) -> bool:
        """As Shared."""
        if await self.get(name) is not None:
            return False
        await self.put(name, value, seconds)
        return True

    async def replace(self, name: str, value: bytes, seconds: float) -> None:
        """As Shared."""
        if await self.get(name) is not None:
            await self.put(name, value, seconds)

    async def drop(self, name: str) -> None:
        """As Shared."""
        self._values.pop(name)

    async def release(self, name: str, value: bytes) -> None:
        """As Shared."""
        if await self.get(name) == value:
            await self.drop(name)


class InRedis:
    """A Redis. It is connected to when it is needed, and again when it was away; nothing is sent twice."""

    alone = False

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client

    @classmethod
    def at(cls, where: Redis, guard: Guard | None = None, budget: Budget | None = None) -> "InRedis":
        """A Redis by `host:port`, or by a URL (redis:, rediss:, unix:) that says it all.

        With a guard it is one that a policy names, and what the guard refuses is not connected to. Raises ValueError
        for a URL that is none.
        """
        options = {
            "socket_timeout": _SECONDS,
            "socket_connect_timeout": _SECONDS,
            "retry": Retry(NoBackoff(), 1),  # a connection that was idle may have been closed
            "max_connections": min(max(where.pool, 1), _CONNECTIONS),
            "timeout": _SECONDS,
        }
        url = where.host if "://" in where.host else f"{'rediss' if where.tls else 'redis'}://{where.host}"
        db = {} if urlsplit(url).path.strip("/") else {"db": where.db}
        if guard is None:
            pool = redis.BlockingConnectionPool.from_url(url, **db, **options)
        else:
            pool = redis.BlockingConnectionPool(**{**db, **options, **guarded.options(url, guard, budget)})
        return cls(redis.Redis(connection_pool=pool))

    async def close(self) -> None:
        """End its connections."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()

    async def get(self, name: str) -> bytes | None:
        """As Shared."""
        try:
            found = await self._client.get(name)
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None
        return found if isinstance(found, bytes) else None

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        """As Shared."""
        try:
            await self._client.set(name, value, px=_milliseconds(seconds))
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None

    async def add(self, name: str, value: bytes, seconds: float) -> bool:
        """As Shared."""
        try:
            return bool(await self._client.set(name, value, nx=True, px=_milliseconds(seconds)))
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None

    async def replace(self, name: str, value: bytes, seconds: float) -> None:
        """As Shared."""
        try:
            await self._client.set(name, value, xx=True, px=_milliseconds(seconds))
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None

    async def drop(self, name: str) -> None:
        """As Shared."""
        try:
            await self._client.delete(name)
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None

    async def release(self, name: str, value: bytes) -> None:
        """As Shared."""
        try:
            await self._client.eval(_RELEASE, 1, name, value)
        except (RedisError, OSError, TimeoutError) as error:
            raise _failed(error) from None


async def common_secret(shared: Shared, name: str) -> bytes:
    """A secret that all who share have: whoever comes first makes it. Raises SharedError."""
    found = await shared.get(name)
    if found is None:
        made = secrets.token_bytes(32)
        found = made if await shared.add(name, made, 0) else await shared.get(name)
    if not found:
        raise SharedError("the common secret vanished")
    return found


def _milliseconds(seconds: float) -> int | None:
    return max(int(seconds * 1000), 1) if seconds else None


def _failed(error: Exception) -> SharedError:
    """Its text can hold what was sent."""
    return SharedError(f"Redis fails: {type(error).__name__}")
